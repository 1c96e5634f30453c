import FoundationEssentials
import Glibc
import PondCore
import PondQueue
import PondRedis
import PondSQLite
import PondTestKit
import Testing

/// An operator who has nothing but an id from a log line, on a system with much in it.
///
/// `MILLPOND_WHY_JOBS=200000` makes it as large as a system can be in which every answer still has to come within 300 ms
/// (a tenth of it held, a fortieth dead, 25 events of history a job); `MILLPOND_WHY_PROGRAM` names an optimised `pond`.
@Suite(.serialized, .redis) struct WhyAtScaleTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let waiting = environment["MILLPOND_WHY_JOBS"].flatMap { Int($0) } ?? 4_000
    private static let program = environment["MILLPOND_WHY_PROGRAM"] ?? "pond"
    private static let commandsMax = 50
    /// A test build on a busy machine takes its time; the figure that counts is that of an optimised one.
    private static let answerTime: Duration =
        environment["MILLPOND_WHY_PROGRAM"] == nil ? .seconds(5) : .milliseconds(300)

    @Test func `every state is told of by one command, with few commands to redis`() async throws {
        try await withDirectory { folder in
            let system = try WhySystem(folder)
            try await system.fill(Self.waiting)
            try await system.follow()
            let monitor = try RedisMonitor(system.place.url)
            defer { monitor.close() }
            try await system.whileWorking {
                var slowest = Duration.zero
                for (state, id) in try await system.cases() {
                    _ = monitor.take()
                    let (answer, time) = try await system.ask(id, with: Self.program)
                    let commands = monitor.take()
                    #expect(
                        answer.contains("\"reason\": \"\(state)\"") || answer.contains("\"reason\":\"\(state)\""),
                        "\(state): \(answer)"
                    )
                    #expect(commands.count <= Self.commandsMax, "\(state): \(commands)")
                    #expect(
                        !commands.contains { $0.hasPrefix("scan") || $0.hasPrefix("keys") },
                        "\(state): \(commands)"
                    )
                    #expect(time <= Self.answerTime, "\(state) took \(time)")
                    slowest = max(slowest, time)
                    print("why \(state): \(time), \(commands.count) commands")
                }
                print("why: \(Self.waiting) waiting, the slowest answer took \(slowest)")
            }
        }
    }
}

/// A server with a large queue, some small ones, and a history.
private struct WhySystem: Sendable {
    let place: Place
    let file: String
    let folder: String

    init(_ folder: String) throws {
        self.folder = folder
        place = try Place()
        file = folder + "/history.sqlite"
    }

    private func queue(_ name: String) throws -> Queue { try place.pond.queue("\(place.queue.name)-\(name)") }

    // MARK: Much of it

    func fill(_ waiting: Int) async throws {
        try await place.queue.register()
        try await synthetic(events: 25 * waiting)
        try await many(waiting / 10) { EnqueueOptions.after(.seconds(3_600 + Int64($0))) }
        try await kill(waiting / 40)
        try await many(waiting) { _ in EnqueueOptions() }
    }

    private func many(_ count: Int, _ options: (Int) -> EnqueueOptions) async throws {
        let kind = try JobKind("pond.sleep")
        let data = Array("{\"seconds\":60}".utf8)
        for start in stride(from: 0, to: count, by: 1_000) {
            let jobs = (start..<min(start + 1_000, count)).map { NewJob(kind: kind, data: data, options: options($0)) }
            _ = try await place.queue.enqueue(jobs)
        }
    }

    private func kill(_ count: Int) async throws {
        try await many(count) { _ in EnqueueOptions() }
        let ann = Consumer("ann")
        _ = try await place.queue.beat(as: ann, about: "{}")
        for _ in stride(from: 0, to: count, by: 500) {
            let deliveries = try await place.queue.fetch(as: ann, atMost: 500).deliveries
            let settlements = try deliveries.map {
                Settlement(
                    receipt: $0.receipt,
                    id: try $0.job.get().id,
                    outcome: .dead(cause: .failed, error: "HTTP 503 from the bank")
                )
            }
            _ = try await place.queue.settle(settlements, as: ann)
        }
        _ = try await place.queue.leave(as: ann)
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
    private func oldest() async throws -> Int64 {
        let day: Int64 = 86_400_000
        return (try await place.now() / day - 2) * day
    }

    func follow() async throws {
        let ended = try await Child.run(["history", "follow", "--once", "--file", file, "--redis", place.url]) {
            try await $0.exit(within: .seconds(300))
        }
        #expect(ended.code == 0, "\(ended.error)")
    }

    // MARK: A case for each state

    /// Runs `body` while a worker with one slot is at the large queue, and others are at small ones.
    func whileWorking(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let first = try await place.queue.enqueue(
            NewJob(
                kind: try JobKind("pond.sleep"),
                data: Array("{\"seconds\":600}".utf8),
                options: {
                    var options = EnqueueOptions(); options.priority = .high; return options
                }()
            )
        )
        let options = ["worker", "--slots", "1", "--prefetch", "0"] + place.options
        let kinds = ["worker", "--redis", place.url, "--queue", try queue("kinds").name.text]
        try await Child.run(options) { worker in
            try await worker.line("worker ready")
            try await EndToEndTests.eventually("the worker is busy", says: worker.log) {
                try await place.queue.job(first.id).state == .running
            }
            try await Child.run(kinds) { other in
                try await other.line("worker ready")
                try await body()
            }
        }
    }

    /// What is to be said, of which id.
    func cases() async throws -> [(reason: String, id: String)] {
        let paused = try queue("paused"), idle = try queue("idle"), kinds = try queue("kinds")
        for queue in [paused, idle, kinds] { try await queue.register() }
        try await paused.pause(reason: "a drill")
        let plain = { (kind: String) in NewJob(kind: try JobKind(kind), data: []) }
        let big = place.queue
        let last = try await place.pond.redis.send(
            RedisCommand("XREVRANGE", .text(big.keys.ready(.normal)), "+", "-", "COUNT", 1)
        )
        let dead = try #require(try await big.dead(limit: 1).first?.id)
        let cancelled = try await idle.enqueue(plain("pond.sleep")).id
        _ = try await idle.cancel(cancelled)
        let failing = NewJob(kind: try JobKind("pond.fail"), data: Array("{}".utf8))
        let retrying = try await kinds.enqueue(failing).id
        let alien = try await kinds.enqueue(plain("alien")).id
        let echo = try await kinds.enqueue(plain("pond.echo")).id
        try await EndToEndTests.eventually("the small jobs are tried", within: .seconds(30), says: { "" }) {
            let states = try await [kinds.job(retrying).state, kinds.job(alien).state, kinds.job(echo).state]
            return states == [.held, .held, .unknown]
        }
        let runner = try await place.pond.redis.send(
            RedisCommand("XPENDING", .text(big.keys.ready(.high)), "mp", "-", "+", 1)
        )
        try await follow()
        return [
            ("behind_n", try #require(last.array?.first?.array?.first?.string)),
            ("scheduled", try await held()), ("dead", dead.text),
            ("queue_paused", try await paused.enqueue(plain("a")).id.text),
            ("no_worker", try await idle.enqueue(plain("a")).id.text), ("no_worker_for_kind", alien.text),
            ("retry_backoff", retrying.text), ("done", echo.text), ("cancelled", cancelled.text),
            ("running", try #require(runner.array?.first?.array?.first?.string) + "h"),
            ("done", "\(try await oldest() + 777)-1"), ("unknown", "0-99"),
        ]
    }

    private func held() async throws -> String {
        let reply = try await place.pond.redis.send(
            RedisCommand("ZREVRANGE", .text("\(place.queue.keys.base):due"), 0, 0)
        )
        return try #require(reply.array?.first?.string)
    }

    /// Asks by a bare id, as a process of its own.
    func ask(_ id: String, with program: String) async throws -> (answer: String, time: Duration) {
        let start = LocalClock.system.now()
        let ended = try await Child.run(["why", id, "--json", "--file", file, "--redis", place.url], of: program)
        return (ended.output.joined(), start.duration(to: LocalClock.system.now()))
    }
}
