import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond queue set`: what a queue is allowed.
struct QueueSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set how many jobs a queue may hold, and how often a job may outlive its worker.",
        discussion: """
            At --max-depth `pond enqueue`, and the function pond_enqueue for any other producer, refuse one more job and say \
            that the queue is full. A plain XADD, which the Swift library sends for a job without key and delay, knows no \
            limit unless the job asks for it (checksDepth). At --max-recoveries within a day a job whose workers died while \
            it ran is dead as poison; before the last of them it runs apart from others like it. How long keys are \
            remembered is set by the workers, what classes are promised by `pond slo set`.
            """
    )

    @Argument(help: "The queue's name.")
    var name: String

    @Option(
        help: ArgumentHelp("The most jobs that wait, run and are held, or none for no limit.", valueName: "count"),
        transform: DepthLimit.argument
    )
    var maxDepth: DepthLimit?

    @Option(
        help: ArgumentHelp(
            "How many of its workers may die within a day while a job runs, or default for \(Limits.recoveriesMax).",
            valueName: "count"
        ),
        transform: RecoveriesLimit.argument
    )
    var maxRecoveries: RecoveriesLimit?

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard maxDepth != nil || maxRecoveries != nil else {
            throw ValidationError("say what to set: --max-depth COUNT or --max-recoveries COUNT")
        }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                // A limit may be set before the first job.
                let queue = try pond.queue(name)
                var (fields, lines): ([(String, JSONValue)], [String]) = ([("queue", .string(queue.name.text))], [])
                if let maxDepth {
                    let before = DepthLimit(try await queue.depthMax())
                    try await queue.setDepthMax(maxDepth.count)
                    try await write("max_depth \(maxDepth)", was: "\(before)", in: queue)
                    fields += [("max_depth", maxDepth.json), ("before", before.json)]
                    lines.append("max depth of \(queue.name) is \(maxDepth), was \(before)")
                }
                if let maxRecoveries {
                    let before = RecoveriesLimit(try await queue.recoveriesMax())
                    try await queue.setRecoveriesMax(maxRecoveries.count)
                    try await write("recoveries_max \(maxRecoveries)", was: "\(before)", in: queue)
                    fields += [("recoveries_max", maxRecoveries.json), ("recoveries_max_before", before.json)]
                    lines.append("max recoveries of \(queue.name) is \(maxRecoveries), was \(before)")
                }
                if output.json { return try terminal.print(JSONDocument(kind: "QueueSettings", fields)) }
                for line in lines { try terminal.print(line) }
            }
        }
    }

    private func write(_ target: String, was before: String, in queue: Queue) async throws {
        try await queue.audit(
            AuditEntry(
                by: DeadActor.current(reason: nil).name,
                action: "set",
                target: target,
                jobs: 0,
                result: "was \(before)"
            )
        )
    }
}

/// How many recoveries make a job dead.
struct RecoveriesLimit: CustomStringConvertible {
    /// Nil for what holds when nobody has said.
    let count: Int?

    init(_ count: Int?) { self.count = count }

    private static let countMax = 1_000

    /// For `@Option(transform: RecoveriesLimit.argument)`.
    static func argument(_ text: String) throws -> RecoveriesLimit {
        if text == "default" { return RecoveriesLimit(nil) }
        guard let count = Int(text), (1...countMax).contains(count) else {
            throw ValidationError(
                "\"\(SafeText.escaped(text.prefix(40)))\" is no number of recoveries; write 1 to \(countMax), or default"
            )
        }
        return RecoveriesLimit(count)
    }

    var description: String { count.map { "\($0)" } ?? "\(Limits.recoveriesMax), the default" }
    var json: JSONValue { .count(count ?? Limits.recoveriesMax) }
}

/// How many jobs a queue may hold.
struct DepthLimit: CustomStringConvertible {
    /// Nil for no limit.
    let count: Int?

    init(_ count: Int?) { self.count = count }

    /// The highest limit; a queue that holds more is none.
    static let countMax = 1_000_000_000

    /// For `@Option(transform: DepthLimit.argument)`.
    static func argument(_ text: String) throws -> DepthLimit {
        if text == "none" { return DepthLimit(nil) }
        guard let count = Int(text), (1...countMax).contains(count) else {
            throw ValidationError(
                "\"\(SafeText.escaped(text.prefix(40)))\" is no limit; write a count from 1 to \(countMax), or none"
            )
        }
        return DepthLimit(count)
    }

    var description: String { count.map { "\($0)" } ?? "none" }
    var json: JSONValue { count.map { .count($0) } ?? .null }
}
