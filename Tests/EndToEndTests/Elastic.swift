import FoundationEssentials
import PondCore
import PondFleet
import PondQueue
import PondRedis
import PondScaling
import PondTestKit

/// A fleet whose size follows its load, for a test: its file, and looks at it from outside.
struct Elastic: Sendable {
    let place: Place
    let file: String
    let name: String

    /// Writes the file of a fleet with one queue.
    ///
    /// - Parameters:
    ///   - usualPace: whether it looks as often as a fleet usually does, and not as often as tests like it.
    ///   - more: what else the file says of the queue, as one line.
    init(
        _ place: Place,
        in directory: String,
        least: Int = 1,
        most: Int = 8,
        waitTarget: String = "2s",
        usualPace: Bool = false,
        more: String = ""
    ) throws {
        self.place = place
        name = "f\(place.queue.name.text)".lowercased()
        file = directory + "/millpond.yaml"
        let text = """
            fleet: \(name)
            max_workers: \(most)
            command: [\(Child.path("pond")), worker, --prefetch, "0"]
            \(usualPace ? "" : "interval: 500ms")
            \(usualPace ? "" : "lease: 3s")
            host: { cpu_pressure_max: 1.0, memory_pressure_max: 1.0, workers_per_core: 64 }
            queues:
              \(place.queue.name):
                wait_target: \(waitTarget)
                min: \(least)
                max: \(most)
                slots: 4
                service_time: 200ms
                \(more)

            """
        try text.write(toFile: file, atomically: true, encoding: .utf8)
    }

    /// The arguments of a supervisor of this fleet.
    var supervise: [String] { ["supervise", "--config", file, "--redis", place.url] }

    var store: FleetStore { get throws { try place.pond.fleet(name) } }

    /// The last decision about the queue.
    func decision() async throws -> ScalingDecision? {
        try await store.view().plan?.decisions[place.queue.name.text]
    }

    /// Workers whose beat is fresh.
    func workers() async throws -> [QueueLoad.Worker] {
        try await place.queue.load(dueSoon: .zero, later: .zero).workers
    }

    /// What the queue's journal says how often.
    func journal(_ event: String) async throws -> Int {
        let reply = try await place.pond.redis.send(
            RedisCommand("XRANGE", .text(place.queue.keys.journal), "-", "+")
        )
        var count = 0
        for entry in reply.array ?? [] {
            let words = entry.array?.last?.array?.compactMap(\.string) ?? []
            for index in stride(from: 2, to: words.count, by: 2) where words[index] == event { count += 1 }
        }
        return count
    }
}

/// How long each job waited before a worker had it, seen from outside: from its entry's time to its delivery.
final class WaitWatch: Sendable {
    private let place: Place
    private let waits = Guarded<[String: Int64]>([:])

    init(_ place: Place) {
        self.place = place
    }

    /// Looks until the task is cancelled.
    ///
    /// A job must take longer than the time between two looks.
    func run() async throws {
        while !Task.isCancelled {
            // The watch has a pace; nothing tells it of a fetch.
            try await LocalClock.system.sleep(.milliseconds(40))
            let key = place.queue.keys.ready(.normal)
            let replies = try await place.pond.redis.pipeline([
                RedisCommand("TIME"), RedisCommand("XPENDING", .text(key), "mp", "-", "+", 2_000),
            ])
            let time = try replies[0].get().array ?? []
            let now = (time.first?.int ?? 0) * 1_000 + (time.last?.int ?? 0) / 1_000
            // Before the first worker there is no group.
            guard case .success(let pending) = replies[1] else { continue }
            for row in pending.array ?? [] {
                guard let fields = row.array, fields.count > 2, let entry = fields[0].string, let idle = fields[2].int,
                    let added = entry.split(separator: "-").first.flatMap({ Int64($0) })
                else { continue }
                waits.change { $0[entry] = $0[entry] ?? max(0, now - idle - added) }
            }
        }
    }

    /// Milliseconds, by entry.
    var all: [String: Int64] { waits.value }
}

extension FleetView {
    /// The process of the supervisor that leads.
    var leaderPID: Int32? { members.first { $0.host == leader }?.status?.pid }
}
