package import ArgumentParser
package import Logging
import PondCore
import PondSupervisor
package import PondWorker

/// How a worker works, as far as the command line says so; what it does not say, the application says.
package struct WorkerOptions: ParsableArguments, Sendable {
    /// What is said of defaults is read where they are, so that it cannot differ.
    private static let usual = WorkerConfiguration(queues: [])

    @Option(help: ArgumentHelp("A queue to serve, or several as in a,b; may be given again.", valueName: "queue"))
    package var queue: [String] = []

    @Option(
        help: ArgumentHelp("Handlers that run at a time. Defaults to \(WorkerOptions.usual.slots).", valueName: "count")
    )
    package var slots: Int?

    @Option(
        help: ArgumentHelp(
            "Jobs fetched ahead of the slots. Left out, the worker decides by how long its jobs take.",
            valueName: "count"
        )
    )
    package var prefetch: Int?

    @Option(
        help: ArgumentHelp(
            "How long running jobs may go on after a stop. Defaults to \(WorkerOptions.usual.gracePeriod.human).",
            valueName: "duration"
        ),
        transform: Duration.argument
    )
    package var grace: Duration?

    @Option(
        help: ArgumentHelp(
            """
            How long a cancelled job may go on before the process counts as stuck and ends. Defaults to \
            \(WorkerOptions.usual.stuckGrace.human).
            """,
            valueName: "duration"
        ),
        transform: Duration.argument
    )
    package var stuckGrace: Duration?

    @Option(
        help: ArgumentHelp(
            """
            How long a job of an unknown kind waits for a worker that knows it. Defaults to \
            \(WorkerOptions.usual.unknownKindGrace.human).
            """,
            valueName: "duration"
        ),
        transform: Duration.argument
    )
    package var unknownKindGrace: Duration?

    @Option(
        help: ArgumentHelp(
            """
            How long the idempotency key of a done job answers for it, 1h to 30d; the same for all workers of a queue. All \
            tries of a job must fit into it. Defaults to \(WorkerOptions.usual.keyWindow.human).
            """,
            valueName: "duration"
        ),
        transform: Duration.argument
    )
    package var keyWindow: Duration?

    @Option(
        name: .customLong("limited-by"),
        parsing: .singleValue,
        help: ArgumentHelp(
            """
            The limits that jobs of a kind need before they may run, as in llm.complete=openai,tenant:{tenant}; nothing \
            behind the = for none; may be given again. Defaults to what the program says of its kinds.
            """,
            valueName: "kind=names"
        ),
        transform: KindLimit.argument
    )
    package var limitedBy: [KindLimit] = []

    @Option(
        name: .customLong("brake"),
        help: ArgumentHelp(
            "Deaths of one cause in a row, with no job done between them, after which only single jobs are tried; 0 for never. Defaults to 20.",
            valueName: "count"
        )
    )
    package var brakeFailures: Int?

    @Option(
        help: ArgumentHelp(
            "trace, debug, info, notice, warning, error or critical. Defaults to MILLPOND_LOG_LEVEL, then info.",
            valueName: "level"
        ),
        transform: LogLines.level
    )
    package var logLevel: Logger.Level?

    @OptionGroup package var metrics: MetricsOptions

    package init() {}

    /// Refuses what no worker can be given, by the names of the options.
    package func validate() throws {
        if let slots, !(1...Limits.slotsMax).contains(slots) {
            throw ValidationError("--slots is \(slots), allowed is 1 to \(Limits.slotsMax)")
        }
        if let prefetch, !(0...Limits.prefetchMax).contains(prefetch) {
            throw ValidationError("--prefetch is \(prefetch), allowed is 0 to \(Limits.prefetchMax)")
        }
        if let brakeFailures, brakeFailures < 0 {
            throw ValidationError("--brake is \(brakeFailures), allowed is 1 and more, and 0 for no brake")
        }
        if let keyWindow, !Limits.keyWindow.contains(keyWindow) {
            throw ValidationError("--key-window is \(keyWindow.human), allowed is 1h to 30d")
        }
    }

    /// How an application's worker works: what it says itself, overridden by these options.
    package func configuration<App: MillpondApp>(of app: App.Type) -> WorkerConfiguration {
        var configuration = WorkerConfiguration(queues: [App.queue])
        App.configure(&configuration)
        // What a fleet says of this worker goes before what the program says of all its workers.
        if let queue = Environment.value(WorkerEnvironment.queue) { configuration.queues = [queue] }
        if let slots = Environment.value(WorkerEnvironment.slots).flatMap({ Int($0) }) { configuration.slots = slots }
        for limit in (Environment.value(WorkerEnvironment.limitedBy).map(KindLimit.read) ?? []) + limitedBy {
            configuration.limitedBy[limit.kind] = limit.names
        }
        if !queue.isEmpty {
            configuration.queues = queue.flatMap { names in
                names.split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
            }
        }
        if let slots { configuration.slots = slots }
        configuration.supervisor = WorkerOptions.supervisor()
        if let prefetch { configuration.prefetch = prefetch }
        if let grace { configuration.gracePeriod = grace }
        if let stuckGrace { configuration.stuckGrace = stuckGrace }
        if let unknownKindGrace { configuration.unknownKindGrace = unknownKindGrace }
        if let keyWindow { configuration.keyWindow = keyWindow }
        if let brakeFailures { configuration.brake = brakeFailures == 0 ? nil : BrakePolicy(failures: brakeFailures) }
        return configuration
    }

    /// Who started this process, when a fleet did.
    private static func supervisor() -> SupervisorMark? {
        Environment.value(WorkerEnvironment.supervisor).map { name in
            SupervisorMark(name: name, slot: Environment.value(WorkerEnvironment.slot).flatMap { Int($0) } ?? 0)
        }
    }

    /// The first option that means nothing to a worker of another program.
    var firstForOwnWorker: String? {
        if !queue.isEmpty { return "--queue" }
        if slots != nil { return "--slots" }
        if prefetch != nil { return "--prefetch" }
        if stuckGrace != nil { return "--stuck-grace" }
        if keyWindow != nil { return "--key-window" }
        if brakeFailures != nil { return "--brake" }
        if !limitedBy.isEmpty { return "--limited-by" }
        return unknownKindGrace == nil ? nil : "--unknown-kind-grace"
    }

    /// The same options as arguments, for the workers of a fleet.
    var arguments: [String] {
        var arguments: [String] = []
        func add(_ name: String, _ value: String?) {
            if let value { arguments += [name, value] }
        }
        for queue in queue { add("--queue", queue) }
        add("--slots", slots.map { "\($0)" })
        add("--prefetch", prefetch.map { "\($0)" })
        add("--grace", grace.map { "\($0.wholeMilliseconds)ms" })
        add("--stuck-grace", stuckGrace.map { "\($0.wholeMilliseconds)ms" })
        add("--unknown-kind-grace", unknownKindGrace.map { "\($0.wholeMilliseconds)ms" })
        add("--key-window", keyWindow.map { "\($0.wholeMilliseconds)ms" })
        add("--brake", brakeFailures.map { "\($0)" })
        for limit in limitedBy { add("--limited-by", "\(limit.kind)=\(limit.names)") }
        add("--log-level", logLevel?.rawValue)
        return arguments
    }
}
