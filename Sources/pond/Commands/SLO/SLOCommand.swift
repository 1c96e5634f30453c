import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue
import PondTelemetry

/// What classes of jobs are promised, and how that is kept.
struct SLOCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slo",
        abstract: "Show how many jobs kept the promises of their class, or set those promises.",
        discussion: "`pond slo` without a subcommand is `pond slo show`.",
        subcommands: [SLOShowCommand.self, SLOSetCommand.self],
        defaultSubcommand: SLOShowCommand.self
    )
}

extension JobClass {
    /// For `@Option(transform: JobClass.argument)`.
    fileprivate static func argument(_ text: String) throws -> JobClass {
        guard let jobClass = JobClass(rawValue: text.uppercased()) else {
            throw ValidationError("\"\(SafeText.escaped(text.prefix(40)))\" is no class; allowed is A, B, C or D")
        }
        return jobClass
    }
}

/// `pond slo show`: attainment, budget, burn and percentiles by queue and class.
struct SLOShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show how each class kept its promises: attainment, budget, burn rate, percentiles.",
        discussion: """
            A job counts once, when it is done, dead or expired. Jobs that are late and still wait count as bad now. \
            The budget is of 30 days. With --check the exit code is 8 when an objective is missed in the window.
            """
    )

    @Option(help: ArgumentHelp("Only this queue.", valueName: "name"))
    var queue: String?

    @Option(
        name: .customLong("class"),
        help: ArgumentHelp("Only this class: A, B, C or D.", valueName: "class"),
        transform: JobClass.argument
    )
    var jobClass: JobClass?

    @Option(
        help: ArgumentHelp("How far to look back, at most 30d. Defaults to 24h.", valueName: "duration"),
        transform: Duration.argument
    )
    var window: Duration?

    @Flag(help: "End with code 8 when an objective is missed.")
    var check = false

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    private var time: Duration { window ?? .seconds(86_400) }

    func validate() throws {
        guard time >= .seconds(60), time <= SLOReport.windowMax else {
            throw ValidationError("--window is \(time.human), allowed is 1m to 30d")
        }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let lookup = QueueLookup(pond: pond)
                let queues = if let queue { [try await lookup.existing(queue)] } else { try await lookup.queues(nil) }
                let report = try await SLOReport.read(queues, jobClass: jobClass, window: time)
                let view = SLOView(report: report)
                try terminal.print(output.json ? view.document.text : view.text(for: terminal))
                guard check, !report.missed.isEmpty else { return }
                if !output.json { terminal.say(terminal.tinted(view.misses, .red, on: .error)) }
                throw ExitCode(ExitCodes.checkFailed.rawValue)
            }
        }
    }
}

/// `pond slo set`: what a class of a queue's jobs is promised.
struct SLOSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set what a class of a queue's jobs is promised.",
        discussion: """
            What is not given stays as it is. Workers hear it within seconds; what has been counted stays as it was judged.
            """
    )

    @Option(help: ArgumentHelp("The queue.", valueName: "name"))
    var queue: String

    @Option(
        name: .customLong("class"),
        help: ArgumentHelp("The class: A, B, C or D.", valueName: "class"),
        transform: JobClass.argument
    )
    var jobClass: JobClass

    @Option(
        help: ArgumentHelp("How long a job may wait, ready.", valueName: "duration"),
        transform: Duration.argument
    )
    var wait: Duration?

    @Option(
        help: ArgumentHelp("How long a job may take from its enqueue to its end.", valueName: "duration"),
        transform: Duration.argument
    )
    var total: Duration?

    @Option(help: ArgumentHelp("How many in a hundred jobs have to keep both times.", valueName: "percent"))
    var objective: Double?

    @Option(help: ArgumentHelp("How many in a hundred jobs have to end well.", valueName: "percent"))
    var success: Double?

    @Flag(help: "Go back to the standard of the class first.")
    var standard = false

    @Flag(help: "Make it the class of the queue's jobs that name none.")
    var asDefault = false

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard wait != nil || total != nil || objective != nil || success != nil || standard || asDefault else {
            throw ValidationError(
                "nothing to set; give --wait, --total, --objective, --success, --standard or --as-default"
            )
        }
        if let problem = target(from: .standard(jobClass)).problem { throw ValidationError(problem) }
    }

    private func target(from before: ClassTarget) -> ClassTarget {
        ClassTarget(
            wait: wait ?? before.wait,
            total: total ?? before.total,
            objective: objective.map { $0 / 100 } ?? before.objective,
            success: success.map { $0 / 100 } ?? before.success
        )
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let queue = try await QueueLookup(pond: pond).existing(queue)
                let before = try await queue.serviceLevels(over: []).promises
                let base = standard ? ClassTarget.standard(jobClass) : before.target(of: jobClass)
                let target = target(from: base)
                let promises = try await queue.setTarget(
                    target == .standard(jobClass) ? nil : target,
                    of: jobClass,
                    asDefault: asDefault
                )
                let view = SLOTargetView(queue: queue.name, jobClass: jobClass, promises: promises)
                try terminal.print(output.json ? view.document.text : view.sentence)
            }
        }
    }
}
