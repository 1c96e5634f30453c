import ArgumentParser
import Millpond
import PondScaling
import PondSupervisor

/// Everything in one: a private Redis, and a fleet on it.
struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Start a private Redis and a fleet of workers in this directory.",
        usage:
            "pond up [--workers <count> | --wait-target <duration>] [--queue <queue>] [--directory <path>] [-- <command> …]",
        discussion: """
            Redis keeps its data in --directory, and has it again the next time. With --redis or MILLPOND_REDIS_URL \
            that Redis is used instead and none is started; --port and --directory go before MILLPOND_REDIS_URL and \
            start one. The workers run the command after --, or pond's own \
            worker, which knows the kinds pond.echo, pond.sleep and pond.fail. What happens to jobs is kept for \
            `pond history`, beside Redis' data or, with another Redis, where `pond history` looks for it. Ctrl-C drains \
            and stops everything; SIGHUP replaces the workers one by one.
            """
    )

    @Option(help: ArgumentHelp("Where Redis keeps data, log and socket. Defaults to .millpond.", valueName: "path"))
    var directory: String?

    @Option(help: ArgumentHelp("Redis' port on 127.0.0.1. Defaults to a free one.", valueName: "port"))
    var port: Int?

    @Flag(help: "Keep no history of what happened to jobs; see `pond history`.")
    var noHistory = false

    @OptionGroup var fleet: FleetOptions
    @OptionGroup var worker: WorkerOptions
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let port, !(1...65_535).contains(port) { throw ValidationError("--port is \(port), allowed is 1 to 65535") }
        if redis.redis != nil, let option = optionOfOwnRedis {
            throw ValidationError(
                "\(option) is for the Redis that `pond up` starts, and with --redis it starts none; leave one of them out"
            )
        }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            LogLines.start(try LogLines.level(worker.logLevel), BuiltinJobs.logHandler)
            let logger = Logger(label: "up")
            // Before anything is started that would have to be stopped again.
            if !fleet.command.isEmpty { _ = try fleet.kind(of: BuiltinJobs.self, worker, redis) }
            let wasHurried = try await withStopSignals(hangUp: .reloadsOnTerminal, logger) { stopSwitch in
                if usesNamedRedis() {
                    try await redis.check()
                    // Without the password, unlike what was given.
                    let url = "\(try redis.configuration())"
                    // Its options are not those of this command, so what the environment and the custom say counts.
                    let history = try noHistory ? nil : UpHistory(file: try HistoryFile.parse([]), redis)
                    try await serve(redis, at: url, ["redis    \(url)"], history, stopSwitch, terminal)
                } else {
                    try refuseStrayPassword()
                    if let notice = notice() { terminal.say(notice) }
                    try await serveEmbedded(stopSwitch, logger, terminal)
                }
                return stopSwitch.wasHurried
            }
            terminal.say("Millpond is down.")
            if wasHurried == true { throw ExitCode(ExitCodes.interrupted.rawValue) }
        }
    }

    private func serveEmbedded(_ stopSwitch: StopSwitch, _ logger: Logger, _ terminal: Terminal) async throws {
        try await EmbeddedRedis.with(directory: directory ?? ".millpond", port: port, logger: logger) { server in
            var redis = redis
            redis.redis = server.url
            var places = ["redis    \(server.url)", "data     \(server.directory)", "log      \(server.logFile)"]
            if server.url != server.portURL { places.insert("port     \(server.portURL)", at: 1) }
            let history = noHistory ? nil : UpHistory(directory: server.directory, redis)
            places.append("shell    \(exports(server.url, history))")
            try await serve(redis, at: server.url, places, history, stopSwitch, terminal)
        }
    }

    private func serve(
        _ redis: RedisOptions,
        at url: String,
        _ places: [String],
        _ history: UpHistory?,
        _ stopSwitch: StopSwitch,
        _ terminal: Terminal
    ) async throws {
        let kind = try fleet.kind(of: BuiltinJobs.self, worker, redis)
        let file = history.map { ["history  \($0.path)"] } ?? []
        let lines =
            places + file + ["workers  \(kind.sizeText) (\(what))", "try it   \(example(url))", "stop it  Ctrl-C"]
        terminal.say("Millpond is up.\n" + lines.map { "  \(SafeText.escaped($0))" }.joined(separator: "\n"))
        let (metrics, logger) = (worker.metrics, Logger(label: "supervisor"))
        let run = {
            try await FleetRun.run(kind, redis, stopSwitch, logger, metrics: metrics, version: ProgramVersion.text)
        }
        guard let history else { return try await run() }
        try await history.follow(beside: run)
    }

    private var queues: [String] { worker.configuration(of: BuiltinJobs.self).queues }

    private var what: String {
        guard fleet.command.isEmpty else { return fleet.command.joined(separator: " ") }
        return "pond's own, queue \(queues.joined(separator: ", "))"
    }

    /// A line for another shell, so that every command there finds this Redis and this history.
    private func exports(_ url: String, _ history: UpHistory?) -> String {
        var words = ["export MILLPOND_REDIS_URL=\(UpCommand.quoted(url))"]
        if let prefix = redis.prefix { words.append("MILLPOND_PREFIX=\(UpCommand.quoted(prefix))") }
        if let history { words.append("MILLPOND_HISTORY=\(UpCommand.quoted(history.path))") }
        return words.joined(separator: " ")
    }

    /// A word as a shell takes it.
    static func quoted(_ word: String) -> String {
        "'" + word.replacing("'", with: "'\\''") + "'"
    }

    /// A line to copy.
    private func example(_ url: String) -> String {
        let isOwn = fleet.command.isEmpty
        var words = ["pond enqueue"]
        words.append(isOwn ? #"pond.echo --data '{"hello":"world"}'"# : "KIND --data JSON")
        if !isOwn || queues != [BuiltinJobs.queue] { words.append("--queue \(isOwn ? queues[0] : "QUEUE")") }
        words.append("--redis \(UpCommand.quoted(url))")
        if let prefix = redis.prefix { words.append("--prefix \(UpCommand.quoted(prefix))") }
        return words.joined(separator: " ")
    }
}

// MARK: - Whose Redis

extension UpCommand {
    /// The option that says how the Redis is that is to be started; nil when none does.
    private var optionOfOwnRedis: String? {
        if port != nil { return "--port" }
        return directory == nil ? nil : "--directory"
    }

    /// Whether a Redis is used that somebody has named, and none is started: options go before the environment here too.
    func usesNamedRedis(environment: (String) -> String? = Environment.value) -> Bool {
        if redis.redis != nil { return true }
        return optionOfOwnRedis == nil && environment("MILLPOND_REDIS_URL") != nil
    }

    /// What is said when the environment names a Redis and another one is started all the same.
    func notice(environment: (String) -> String? = Environment.value) -> String? {
        guard let option = optionOfOwnRedis, environment("MILLPOND_REDIS_URL") != nil else { return nil }
        return "MILLPOND_REDIS_URL is set and not used: \(option) asks for a Redis of its own. "
            + "The line `shell` below is for other terminals."
    }

    /// The workers would send a password that the Redis which is started does not have, and be turned away.
    func refuseStrayPassword(environment: (String) -> String? = Environment.value) throws(CommandFailure) {
        guard environment("MILLPOND_REDIS_PASSWORD_FILE") != nil else { return }
        throw CommandFailure(
            .usage,
            "MILLPOND_REDIS_PASSWORD_FILE is set, but the Redis that `pond up` starts has no password",
            hint: "unset MILLPOND_REDIS_PASSWORD_FILE, or name the Redis of that password with --redis"
        )
    }
}

extension FleetKind {
    /// How many workers there will be.
    fileprivate var sizeText: String {
        switch self {
        case .fixed(let fleet, _): "\(fleet.workers)"
        case .scaled(let fleet): "\(fleet.pools.reduce(0) { $0 + $1.policy.workersMin }) to \(fleet.workersMax)"
        }
    }
}
