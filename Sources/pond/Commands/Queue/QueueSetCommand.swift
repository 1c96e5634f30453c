import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond queue set`: what a queue is allowed.
struct QueueSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set how many jobs a queue may hold.",
        discussion: """
            At --max-depth `pond enqueue`, and the function pond_enqueue for any other producer, refuse one more job and say \
            that the queue is full. A plain XADD, which the Swift library sends for a job without key and delay, knows no \
            limit unless the job asks for it (checksDepth). How long keys are remembered is set by the workers, what classes \
            are promised by `pond slo set`.
            """
    )

    @Argument(help: "The queue's name.")
    var name: String

    @Option(
        help: ArgumentHelp("The most jobs that wait, run and are held, or none for no limit.", valueName: "count"),
        transform: DepthLimit.argument
    )
    var maxDepth: DepthLimit

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                // A limit may be set before the first job.
                let queue = try pond.queue(name)
                let before = DepthLimit(try await queue.depthMax())
                try await queue.setDepthMax(maxDepth.count)
                try await queue.audit(
                    AuditEntry(
                        by: DeadActor.current(reason: nil).name,
                        action: "set",
                        target: "max_depth \(maxDepth)",
                        jobs: 0,
                        result: "was \(before)"
                    )
                )
                if output.json {
                    return try terminal.print(
                        JSONDocument(
                            kind: "QueueSettings",
                            [
                                ("queue", .string(queue.name.text)), ("max_depth", maxDepth.json),
                                ("before", before.json),
                            ]
                        )
                    )
                }
                try terminal.print("max depth of \(queue.name) is \(maxDepth), was \(before)")
            }
        }
    }
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
