import PondCore
import PondQueue
import PondRedis
import PondSQLite
import PondTestKit
import Testing

/// A server with a large queue, some small ones, and a history.
struct WhySystem: Sendable {
    let place: Place
    let file: String
    let folder: String
    /// Those who ask use TCP, everybody else the unix socket, so that a monitor can tell their commands apart.
    let address = RedisServer.current.tcpURL
    let fleet: String

    init(_ folder: String) throws {
        self.folder = folder
        place = try Place()
        file = folder + "/history.sqlite"
        fleet = "f\(place.queue.name)".lowercased()
    }

    func queue(_ name: String) throws -> Queue { try place.pond.queue("\(place.queue.name)-\(name)") }

    // MARK: Much of it

    func fill(_ waiting: Int) async throws {
        let big = place.queue
        try await big.register()
        try await synthetic(events: 25 * waiting)
        try await many(waiting / 10) { EnqueueOptions.after(.seconds(3_600 + Int64($0))) }
        try await kill(waiting / 40, in: big)
        try await many(waiting)
        let idle = try queue("idle")
        try await idle.register()
        // The first of it will be gone without a word; the history has to have heard of it before.
        _ = try await idle.enqueue(NewJob(kind: try JobKind("gone"), data: []))
        try await overfill(queue("full"), isLarge: waiting >= Limits.deadMax)
    }

    func many(
        _ count: Int,
        in queue: Queue? = nil,
        _ options: (Int) -> EnqueueOptions = { _ in EnqueueOptions() }
    ) async throws {
        let kind = try JobKind("pond.sleep")
        let data = Array("{\"seconds\":60}".utf8)
        for start in stride(from: 0, to: count, by: 1_000) {
            let jobs = (start..<min(start + 1_000, count)).map { NewJob(kind: kind, data: data, options: options($0)) }
            _ = try await (queue ?? place.queue).enqueue(jobs)
        }
    }

    private func kill(_ count: Int, in queue: Queue) async throws {
        try await many(count, in: queue)
        let ann = Consumer("ann")
        _ = try await queue.beat(as: ann, about: "{}")
        for _ in stride(from: 0, to: count, by: 500) {
            let deliveries = try await queue.fetch(as: ann, atMost: 500).deliveries
            let settlements = try deliveries.map {
                Settlement(
                    receipt: $0.receipt,
                    id: try $0.job.get().id,
                    outcome: .dead(cause: .failed, error: "HTTP 503 from the bank")
                )
            }
            _ = try await queue.settle(settlements, as: ann)
        }
        _ = try await queue.leave(as: ann)
    }

    /// More dead than a queue may have: with the real bound on a large system, with a lowered one on a small one.
    private func overfill(_ queue: Queue, isLarge: Bool) async throws {
        try await queue.register()
        try await kill(isLarge ? Limits.deadMax : 10, in: queue)
        if !isLarge { try await load(deadMax: 10) }
        try await kill(1, in: queue)
        if !isLarge { try await load(deadMax: Limits.deadMax) }
        #expect(try await queue.depth().dropped == 1)
    }

    private func load(deadMax: Int) async throws {
        let text = LuaLibrary.text.replacing("local DEAD_MAX = \(Limits.deadMax)", with: "local DEAD_MAX = \(deadMax)")
        _ = try await place.pond.redis.send(RedisCommand("FUNCTION", "LOAD", "REPLACE", .text(text)))
    }

    /// Events of jobs that ended long ago, straight into the file.
    private func synthetic(events: Int) async throws {
        let history = HistoryStore(path: file)
        let source = HistorySource(queue: "old", .journal)
        let base = try await oldest()
        var position = StreamID.zero
        for start in stride(from: 0, to: events, by: 10_000) {
            let entries = (start..<min(start + 10_000, events)).map { number -> JournalEntry in
                let ms = base + Int64(number)
                var entry = JournalEntry(id: "\(ms)-0", flat: ["by", "w", "n", "\(number)"])!
                let facts = JobFacts(kind: "old.kind", correlationID: "old-\(number / 5)", attempt: 1)
                entry.events = [JournalEvent(.done, JobID("\(ms)-1"), facts: facts)]
                return entry
            }
            let upTo = StreamID(entries.last!.id)!
            _ = try await history.ingest([HistoryPage(source, after: position, upTo: upTo, .journal(entries))])
            position = upTo
        }
        try await history.close()
    }

    /// When the first of these ended: two days ago, by the day, so that retention leaves them and they can be named again.
    func oldest() async throws -> Int64 {
        let day: Int64 = 86_400_000
        return (try await place.now() / day - 2) * day
    }

    func follow() async throws {
        let ended = try await Child.run(["history", "follow", "--once", "--file", file, "--redis", place.url]) {
            try await $0.exit(within: .seconds(300))
        }
        #expect(ended.code == 0, "\(ended.error)")
    }

    /// What is there, in words.
    func sizes() async throws -> String {
        let depth = try await place.queue.depth()
        let full = try await queue("full").depth()
        let queues = try await place.pond.queues().count
        return "\(depth.held) held, \(depth.dead) dead and \(full.dead) in another queue, \(queues) queues"
    }

    // MARK: Questions

    /// Asks by a bare id, as a process of its own.
    func ask(_ id: String, with program: String) async throws -> (answer: String, time: Duration) {
        let start = LocalClock.system.now()
        let ended = try await Child.run(["why", id, "--json", "--file", file, "--redis", address], of: program)
        return (ended.output.joined(), start.duration(to: LocalClock.system.now()))
    }

    /// What those who asked have sent since the monitor was read last.
    func commands(_ monitor: RedisMonitor) async throws -> [String] {
        let mark = RedisServer.uniqueName("mark")
        _ = try await place.pond.redis.send(RedisCommand("ECHO", .text(mark)))
        // The monitor tells all in the order in which it happened.
        try await eventually("the monitor is up to date") { monitor.hasSeen(mark) }
        return monitor.take(from: "127.0.0.1:")
    }
}
