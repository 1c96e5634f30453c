import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond queue purge`: cancels what waits in a queue.
struct QueuePurgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge",
        abstract: "Cancel the jobs that wait in a queue: the ready and the held.",
        discussion: """
            What workers have goes on, and the dead stay; `pond dead discard` forgets those. The jobs are gone for good, and \
            their keys are free. `pond queue export` writes them to a file first. It shows what it will do and asks; --yes \
            goes on without asking.
            """
    )

    @Argument(help: "The queue's name.")
    var name: String

    @Flag(help: "Only the runnable jobs; those that are scheduled or wait for another try stay.")
    var ready = false

    @Flag(help: "Only the scheduled and retrying jobs.")
    var held = false

    @Flag(help: "Do it without asking.")
    var yes = false

    @Option(help: ArgumentHelp("Why, for the audit.", valueName: "text"))
    var reason: String?

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if ready, held { throw ValidationError("--ready and --held exclude each other; without them both are purged") }
    }

    private var places: [PurgePlace] {
        PurgePlace.allCases.filter { !(ready && $0 != .ready) && !(held && $0 != .held) }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let queue = try await QueueLookup(pond: pond).existing(name)
                let depth = try await queue.depth()
                let count = places.reduce(0) { $0 + Self.size(of: $1, depth) }
                guard count > 0 else { return try tell(0, queue, on: terminal) }
                let what = places.map { "\(Self.size(of: $0, depth).grouped) \($0.rawValue)" }
                terminal.say("cancel for good \(what.joined(separator: " and ")) of queue \(queue.name)")
                try Confirmation.ask("cancel them", count: count, yes: yes, on: terminal)
                try await tell(purge(queue), queue, on: terminal)
            }
        }
    }

    /// What a limit holds back is ready, too, as far as a purge goes.
    private static func size(of place: PurgePlace, _ depth: Depth) -> Int {
        place == .ready ? depth.ready + depth.limited : depth.held
    }

    /// Cancels what is there, and what comes meanwhile up to as much again; who adds faster than that has to stop first.
    private func purge(_ queue: Queue) async throws -> Int {
        try await write(queue, 0, "begun")
        var count = 0
        for place in places {
            let depth = try await queue.depth()
            var left = 2 * Self.size(of: place, depth)
            while left > 0 {
                let (purged, hasMore) = try await queue.purge(place)
                count += purged
                left -= purged
                guard hasMore else { break }
            }
        }
        try await write(queue, count, "cancelled")
        return count
    }

    private func write(_ queue: Queue, _ jobs: Int, _ result: String) async throws {
        let actor = DeadActor.current(reason: reason)
        try await queue.audit(
            AuditEntry(
                by: actor.name,
                action: "purge",
                target: places.map(\.rawValue).joined(separator: ", "),
                jobs: jobs,
                result: result,
                reason: actor.reason
            )
        )
    }

    private func tell(_ count: Int, _ queue: Queue, on terminal: Terminal) throws {
        if output.json {
            return try terminal.print(
                JSONDocument(
                    kind: "QueuePurge",
                    [("queue", .string(queue.name.text)), ("cancelled", .count(count))]
                )
            )
        }
        try terminal.print(
            count == 0 ? "nothing waits in \(queue.name)" : "cancelled \(count.of("job")) of \(queue.name)"
        )
    }
}
