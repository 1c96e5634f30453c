import GRDB
import Millpond
import PondSQLite
import PondTelemetry
import PondTestKit
import Testing

// What users write that no example shows: compiled by scripts/examples, outside of the package, and never run. A name that is
// missing here is one that users miss.

struct Order: Codable, Sendable {
    var number: Int
    var email: String
}

struct Charge: JobHandler {
    static let kind = "order.charge"

    func run(_ order: Order, _ job: JobContext) async throws -> [String: Int] {
        if job.isCompensation { throw Snooze(for: .seconds(1)) }
        if job.attempt > 3 { throw RetryLater(after: .seconds(3), "the bank is closed") }
        try job.heartbeat(progress: 0.5, "half")
        do { try job.spend(usd: 0.5) } catch { throw giveUp(error) }
        return ["charged": order.number]
    }

    private func giveUp(_ error: BudgetExhausted) -> GiveUp { GiveUp(error.text, cause: error.cause.name) }
}

struct Poll: JobHandler {
    static let kind = "poll"
    let clock: LocalClock

    func run(_ payload: RawPayload, _ job: JobContext) async throws {
        // By a clock that the test moves.
        try await clock.sleep(.seconds(30))
    }
}

struct PaymentError: Error, RootCauseProviding, PermanentFailure {
    var rootCauseKey: String { "payment" }
    var permanentCause: Cause? { Cause("payment") }
}

struct Answers: EnqueueMiddleware {
    func enqueue(_ jobs: [NewJob], to queue: QueueName, next: EnqueueNext) async throws -> [EnqueueResult] {
        let answers = try await next(jobs)
        for case .success(.duplicate(let id, KeyState.dead, _)) in answers { print("\(id) in \(queue) is dead") }
        return answers
    }
}

struct OwnKeys: IdempotencyStore {
    func claim(_ job: KeyedJob) async throws -> KeyClaim { .claimed }

    func end(_ job: KeyedJob, as ending: KeyEnding) async throws -> Bool {
        guard case .done(let result?) = ending else { return true }
        return result.bytes.count <= Limits.resultBytesMax
    }

    func record(of key: IdempotencyKey, in queue: QueueName) async throws -> KeyRecord? {
        KeyRecord(id: JobID("1-0"), state: .done, fence: 0, fingerprint: "")
    }
}

struct OwnSink: JobSink {
    func ship(_ jobs: [(queue: String, job: NewJob)]) async throws -> [ShipAnswer] {
        jobs.map { _ in .later("closed") }
    }
}

func producer() throws -> Pond {
    var redis = RedisConfiguration(host: "redis", port: 6380)
    redis.password = "secret"
    redis.tls = RedisConfiguration.TLS(caFile: "/etc/ca.pem")
    redis.reconnect = Backoff(base: .milliseconds(50), cap: .seconds(1), jitter: 0.2)
    do { return try Pond(redis: "unix:///run/redis.sock") } catch {
        guard error.code == RedisError.Code.invalidURL else { throw error }
        return Pond(redis, middleware: [Answers()])
    }
}

func administer(_ queue: Queue, _ order: Order) async throws {
    let job = NewJob(kind: try JobKind("mail.confirm"), data: Array(order.email.utf8))
    do {
        let id = try await queue.enqueue(job).id
        switch try await queue.cancel(id) {
        case .cancelled, .cancelling, .unknown: break
        }
        let report: JobReport = try await queue.job(id)
        guard report.state == JobReport.State.dead else { return }
    } catch {
        guard error.code == QueueError.Code.queueFull else { throw error }
        try await queue.pause(reason: "full")
        let depth: Depth = try await queue.depth()
        print(depth.ready, depth.nextDue?.milliseconds ?? 0)
    }
    for answer in try await queue.revive(try await queue.deadIDs(cause: "payment")) {
        if case ReviveAnswer.refused(let reason) = answer { print(reason) }
    }
}

func worker(_ pond: Pond) throws -> Worker {
    var configuration = WorkerConfiguration(queues: ["orders"])
    configuration.keyStore = OwnKeys()
    configuration.brake = BrakePolicy(failures: 3)
    configuration.onStuck = { (stuck: StuckHandler) in print(stuck.kind) }
    let jobs = JobList {
        Charge().retrying(times: 5).budget(usd: 2, reserving: Spending(usd: 0.5))
            .compensate { (order: Order, job) in print("\(order.number) is refunded by \(job.id)") }
            .onExhausted { (end: Exhausted, job) in print("\(end.cause) ended \(job.id)") }
        Poll(clock: .system)
    }
    return try Worker(pond, jobs: jobs, configuration: configuration)
}

func services(_ pond: Pond, _ outbox: Outbox) throws -> [any Service] {
    [try worker(pond), OutboxRelay(outbox, to: OwnSink())]
}

func tracer() -> OTLPTracer {
    OTLPTracer(OTLPExporter(resource: OTLPResource(service: "shop"), send: { _ in .unavailable("no collector") }))
}

/// Called with its `JobContext` by a handler that is somebody else's.
func book(_ order: Order, _ job: some DeliveredJob, _ inbox: Inbox) async throws -> Int {
    try await job.inbox(inbox, "book") { db in
        try db.execute(sql: "INSERT INTO orders VALUES (?)", arguments: [order.number])
        return order.number
    }
}

func test() async throws {
    let time = HandClock()
    async let performed = perform(Poll(clock: time.local), RawPayload([]), clock: time.local)
    time.advance(by: .seconds(30))
    #expect(try await performed.outcome == .done)
}
