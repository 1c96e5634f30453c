import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue
import PondSQLite

/// What a history keeps.
struct HistoryKeeping: ParsableArguments {
    @Option(
        help: ArgumentHelp("How long events are kept, as in 12h or 30d. Defaults to 30d.", valueName: "duration"),
        transform: Duration.argument
    )
    var maxAge: Duration = HistoryLimits.ageMaxDefault

    @Option(
        help: ArgumentHelp(
            "How large the file may grow, as in 500MiB; at least 16MiB. Defaults to 2GiB.",
            valueName: "size"
        ),
        transform: ByteCount.argument
    )
    var maxSize: Int64 = HistoryLimits.bytesMaxDefault

    func validate() throws {
        if maxSize < HistoryLimits.bytesMaxLeast { throw ValidationError("--max-size is less than 16MiB") }
        if maxAge < .seconds(60) { throw ValidationError("--max-age is less than a minute") }
    }

    var retention: HistoryRetention { HistoryRetention(ageMax: maxAge, bytesMax: maxSize) }
}

/// `pond history follow`: fills the file.
struct HistoryFollowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "follow",
        abstract: "Read the journals of all queues into the file.",
        discussion: """
            It follows until SIGTERM, SIGINT or SIGHUP; one that was down goes on where it stopped, and says what it \
            missed. Any number may run on a file: one fills it, the others wait for its end.
            """
    )

    @OptionGroup var file: HistoryFile
    @OptionGroup var keeping: HistoryKeeping

    @Flag(help: "Read what there is now, then end.")
    var once = false

    @Flag(help: "Leave out jobs that only wait; then they cannot be found by their correlation id.")
    var noWaiting = false

    @Flag(help: "Go on with a file that is the history of another server or prefix.")
    var adopt = false

    @OptionGroup var service: ServiceOptions
    private var redis: RedisOptions { service.redis }
    private var output: OutputOptions { service.output }

    func run() async throws {
        try await runReporting(output) { terminal in
            var options = HistoryFollower.Options()
            options.readsWaiting = !noWaiting
            options.retention = keeping.retention
            options.adopts = adopt
            options.server = try redis.serverText()
            let store = HistoryStore(path: try file.writablePath())
            do {
                if once {
                    try await followOnce(store, options, terminal)
                } else {
                    try await serve(store, options)
                }
                try await store.close()
            } catch let error as ExitCode {
                throw error
            } catch {
                // What was wrong before is worth more than what is now.
                try? await store.close()
                throw CommandFailure(history: error)
            }
        }
    }

    private func serve(_ store: HistoryStore, _ options: HistoryFollower.Options) async throws {
        try await service.serve("history") { pond, logger in
            let follower = HistoryFollower(store, of: pond, options, logger: logger)
            return ({ try await follower.run() }, { follower.stop() })
        }
    }

    private func followOnce(
        _ store: HistoryStore,
        _ options: HistoryFollower.Options,
        _ terminal: Terminal
    ) async throws {
        let progress = try await redis.withPond { pond in
            try await HistoryFollower(store, of: pond, options).followOnce()
        }
        if output.json {
            return try terminal.print(
                JSONDocument(
                    kind: "HistoryFollow",
                    [
                        ("file", .string(store.store.path)), ("events", .count(progress.events)),
                        ("waiting", .count(progress.waiting)), ("missed", .int(progress.missed)),
                        ("gaps", .array(progress.gaps.map { JSONValue(encoding: HistoryGapRecord($0)) })),
                    ]
                )
            )
        }
        try terminal.print("\(progress.events.of("event")) indexed, \(progress.waiting.of("waiting job")) seen")
        for gap in progress.gaps { terminal.say(HistoryView.text(gap)) }
    }
}

extension RedisOptions {
    /// The server and the prefix in one text without secrets, the same each time.
    func serverText() throws -> String {
        var configuration = try configuration()
        configuration.user = nil
        configuration.password = nil
        return "\(configuration) prefix \(try resolvedPrefix())"
    }
}
