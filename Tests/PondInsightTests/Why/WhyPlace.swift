import Logging
import PondCore
import PondFleet
import PondInsight
import PondQueue
import PondRedis
import PondSQLite
import PondScaling
import PondTestKit
import PondWorker
import Testing

/// A queue of a test's own, and the question "why?" about its jobs.
struct WhyPlace: Sendable {
    let pond: Pond
    let queue: Queue

    static func run(_ body: (WhyPlace) async throws -> Void) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        // A prefix of its own: what is asked by a bare id is looked for in all queues, and other tests have many.
        let prefix = RedisServer.uniqueName("p")
        let pond = Pond(try RedisConfiguration(url: RedisServer.current.url), prefix: prefix, logger: logger)
        let place = WhyPlace(pond: pond, queue: try pond.queue(RedisServer.uniqueName("q")))
        do {
            _ = try await place.queue.open()
            try await place.queue.register()
            try await body(place)
        } catch {
            await pond.close()
            throw error
        }
        await pond.close()
    }

    @discardableResult
    func add(_ kind: String = "order.charge", _ options: EnqueueOptions = EnqueueOptions()) async throws -> JobID {
        try await queue.enqueue(NewJob(kind: try JobKind(kind), data: Array("{}".utf8), options: options)).id
    }

    /// What is said of a job of this queue; other queues may have jobs of the same id.
    func why(_ id: JobID, history: HistoryStore? = nil) async throws -> WhyReport {
        let answer = try await WhyReader(pond, history: history).answer("\(queue.name)/\(id)")
        return try #require(answer.jobs.first)
    }

    /// Runs a worker beside `body`.
    func withWorker(
        _ jobs: JobList,
        _ change: (inout WorkerConfiguration) -> Void = { _ in },
        _ body: () async throws -> Void
    ) async throws {
        var configuration = WorkerConfiguration(queues: [queue.name.text])
        configuration.gracePeriod = .zero
        change(&configuration)
        let worker = try Worker(pond, jobs: jobs, configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            defer { worker.drain() }
            try await body()
        }
    }

    /// Waits until the reason is the one that is meant, and answers with the report.
    func eventually(
        _ reason: Reason,
        of id: JobID,
        history: HistoryStore? = nil,
        where holds: (WhyReport) -> Bool = { _ in true }
    ) async throws -> WhyReport {
        var report = try await why(id, history: history)
        let isReached = try await Waiting.until(within: .seconds(15), every: .milliseconds(10)) {
            report = try await why(id, history: history)
            return report.reason == reason && holds(report)
        }
        guard isReached else { throw NotReached(text: "\(report.reason.rawValue): \(report.detail)") }
        return report
    }

    /// Lets a worker's last heartbeat be older, in milliseconds.
    func age(_ consumer: Consumer, by milliseconds: Int) async throws {
        _ = try await pond.redis.send(
            RedisCommand("ZINCRBY", .text(queue.keys.beats), .text("-\(milliseconds)"), .text(consumer.name))
        )
    }

    /// Lets a leader decide about the size of the queue's fleet.
    func decide(_ change: (inout ScalingDecision) -> Void) async throws {
        let fleet = try pond.fleet(queue.name.text)
        let report = HostReport(id: "host", workersMax: 9, pools: [:])
        let status = HostStatus(report: report, cores: 2, memoryAvailable: 1 << 30)
        try await fleet.register()
        let answer = try await fleet.beat(as: "host", status, lease: .seconds(60), isWilling: true)
        let name = queue.name.text
        var decision = ScalingDecision(
            queue: name,
            at: answer.now,
            token: answer.token,
            from: 1,
            to: 1,
            demand: 5,
            wanted: 5
        )
        change(&decision)
        let plan = FleetPlan(token: answer.token, at: answer.now, decisions: [name: decision])
        #expect(try await fleet.publish(plan, memory: FleetScaler(), worthKeeping: [], as: "host"))
    }
}

struct NotReached: Error {
    let text: String
}

/// A history of all that the server's queues have told so far, in a file of its own.
func withHistory(of pond: Pond, _ body: (HistoryStore) async throws -> Void) async throws {
    try await HistoryBench.withFolder { folder in
        let store = HistoryStore(path: "\(folder)/h.sqlite")
        do {
            _ = try await HistoryFollower(store, of: pond).followOnce()
            try await body(store)
            try await store.close()
        } catch {
            // The test's own failure is the one to tell of.
            try? await store.close()
            throw error
        }
    }
}
