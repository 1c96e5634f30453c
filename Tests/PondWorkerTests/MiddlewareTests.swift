import PondCore
import PondQueue
import PondTestKit
import PondWorker
import Synchronization
import Testing

/// What a program does around its jobs and around what it enqueues.
@Suite(.redis) struct MiddlewareTests {
    private struct Flop: Error {}

    /// Says what it sees, under a name.
    private struct Witness: JobMiddleware {
        let name: String
        let seen: Record<String>

        func perform(_ job: JobContext, next: @Sendable () async throws -> Void) async throws {
            seen.add("\(name) before")
            do {
                try await next()
                seen.add("\(name) after")
            } catch {
                seen.add("\(name) thrown \(type(of: error))")
                throw error
            }
        }

        func ended(_ job: JobContext, _ end: JobEnd) {
            let word = end.outcome.map { "\($0)".prefix { $0 != "(" } } ?? "lost"
            seen.add("\(name) \(word)\(end.time == nil ? " without a try" : "")")
        }
    }

    @Test func `the first is the outermost, and hears before, after and the end`() async throws {
        let harness = try Harness()
        let seen = Record<String>()
        let job = JobRegistration(kind: "job") { _ in seen.add("run") }
        try await harness.withWorker(
            JobList { job },
            { $0.middleware = [Witness(name: "a", seen: seen), Witness(name: "b", seen: seen)] }
        ) { _ in
            try await harness.enqueue("job")
            try await harness.eventually { $0.done == 1 }
        }
        #expect(seen.all == ["a before", "b before", "run", "b after", "a after", "b done", "a done"])
    }

    @Test func `what a handler throws passes through, and a job that is not run has an end too`() async throws {
        let harness = try Harness()
        let seen = Record<String>()
        let jobs = JobList {
            JobRegistration(kind: "job") { _ in throw Flop() }.retrying(times: 1)
            JobRegistration(kind: "late") { _ in seen.add("run") }
        }
        try await harness.withWorker(jobs, { $0.middleware = [Witness(name: "a", seen: seen)] }) { _ in
            try await harness.enqueue("job")
            try await harness.eventually { $0.dead == 1 && $0.inFlight == 0 }
            var options = EnqueueOptions()
            options.expires = ServerTime(milliseconds: 1_500_000_000_000)
            try await harness.enqueue("late", "{}", options)
            try await harness.eventually { $0.inFlight == 0 && $0.ready == 0 }
        }
        #expect(seen.all == ["a before", "a thrown Flop", "a dead", "a expired without a try"])
    }

    /// Settles jobs by their headers, and tells the handler what it found.
    private struct Doorman: JobMiddleware {
        func perform(_ job: JobContext, next: @Sendable () async throws -> Void) async throws {
            switch job.headers["door"] {
            case "done": return
            case "cancel": throw CancelJob("nobody wants it")
            case "later": if job.fence == 0 { throw Snooze(for: .zero) }
            case "dead": throw GiveUp("no right", cause: "forbidden")
            default: break
            }
            job.setHeader("seen", "by the doorman")
            job.setHeader("door", nil)
            try await next()
        }
    }

    @Test func `a middleware settles a job itself, each way, and changes the headers of the others`() async throws {
        let harness = try Harness()
        let ran = Record<String>()
        let job = JobRegistration(kind: "job") { job in
            ran.add("\(job.idempotencyKey ?? "-") \(job.attempt) \(job.headers.sorted { $0.key < $1.key })")
        }
        try await harness.withWorker(JobList { job }, { $0.middleware = [Doorman()] }) { _ in
            for door in ["done", "cancel", "later", "dead", "open"] {
                var options = try EnqueueOptions.once(door)
                options.headers = ["door": door, "own": "kept"]
                try await harness.enqueue("job", "{}", options)
            }
            try await harness.eventually { $0.done == 3 && $0.dead == 1 && $0.inFlight == 0 && $0.held == 0 }
        }
        // What sleeps is not counted as a try.
        let headers = #"[(key: "own", value: "kept"), (key: "seen", value: "by the doorman")]"#
        #expect(ran.all.sorted() == ["later 1 \(headers)", "open 1 \(headers)"])
        #expect(try await harness.queue.dead().map(\.cause) == ["forbidden"])
        #expect(try await harness.queue.record(of: try IdempotencyKey("done"))?.state == .done)
        #expect(try await harness.queue.record(of: try IdempotencyKey("cancel")) == nil)
    }

    /// Carries the tenant of a job on to its children.
    private struct Tenants: JobMiddleware {
        @TaskLocal static var tenant: String?

        func perform(_ job: JobContext, next: @Sendable () async throws -> Void) async throws {
            try await Self.$tenant.withValue(job.headers["tenant"]) { try await next() }
        }

        func enqueue(_ jobs: [NewJob], to queue: QueueName, next: EnqueueNext) async throws -> [EnqueueResult] {
            var jobs = jobs
            for index in jobs.indices { jobs[index].options.headers["tenant"] = Self.tenant ?? "of \(queue)" }
            return try await next(jobs)
        }
    }

    @Test func `a header that is put in at the enqueue is seen by the child`() async throws {
        let harness = try Harness()
        let seen = Record<String>()
        let jobs = JobList {
            JobRegistration(kind: "parent") { job in
                try await job.enqueue(NewJob(kind: try JobKind("child")))
                try await job.enqueue([NewJob(kind: try JobKind("child")), NewJob(kind: try JobKind("child"))])
            }
            JobRegistration(kind: "child") { job in seen.add(job.headers["tenant"] ?? "-") }
        }
        try await harness.withWorker(jobs, { $0.middleware = [Tenants()] }) { _ in
            var options = EnqueueOptions()
            options.headers["tenant"] = "acme"
            try await harness.enqueue("parent", "{}", options)
            try await harness.eventually { $0.done == 4 }
        }
        #expect(seen.all == ["acme", "acme", "acme"])
    }

    @Test func `a pond's middleware is around everything that is enqueued through it, and may refuse`() async throws {
        struct Refuser: EnqueueMiddleware {
            func enqueue(_ jobs: [NewJob], to queue: QueueName, next: EnqueueNext) async throws -> [EnqueueResult] {
                if jobs.contains(where: { $0.kind.text == "bad" }) { throw Flop() }
                return try await next(jobs)
            }
        }
        let harness = try Harness()
        let pond = Pond(harness.redisConfiguration, middleware: [Tenants(), Refuser()])
        let queue = try pond.queue(harness.queue.name.text)
        _ = try await queue.enqueue(NewJob(kind: try JobKind("good")))
        _ = try await queue.enqueue([NewJob(kind: try JobKind("good")), NewJob(kind: try JobKind("good"))])
        let error = await #expect(throws: QueueError.self) {
            _ = try await queue.enqueue(NewJob(kind: try JobKind("bad")))
        }
        #expect(error?.code == .refused)
        let deliveries = try await harness.queue.fetch(as: Consumer("t"), atMost: 10).deliveries
        let headers = try deliveries.map { try $0.job.get().headers }
        #expect(headers == .init(repeating: ["tenant": "of \(harness.queue.name)"], count: 3))
        await pond.close()
    }
}

/// What a handler returns.
@Suite(.redis) struct ResultTests {
    private struct Receipt: Codable, Equatable {
        var number: Int
    }

    private struct Charge: JobHandler {
        static let kind = "charge"
        let length: Int

        func run(_ payload: RawPayload, _ job: JobContext) async throws -> [Receipt] {
            (0..<length).map { Receipt(number: $0) }
        }
    }

    private func record(of jobs: JobList) async throws -> (record: KeyRecord?, dead: [DeadJob]) {
        let harness = try Harness()
        try await harness.withWorker(jobs) { _ in
            try await harness.enqueue("charge", "{}", try .once("order-1"))
            try await harness.eventually { $0.done + $0.dead == 1 && $0.inFlight == 0 }
        }
        return (
            try await harness.queue.record(of: try IdempotencyKey("order-1")), try await harness.queue.dead()
        )
    }

    @Test func `what a handler returns is the result of its job, as JSON`() async throws {
        let (record, _) = try await record(of: JobList { Charge(length: 1) })
        #expect(record?.result.map { String(decoding: $0, as: UTF8.self) } == #"[{"number":0}]"#)
        let (checksum, _) = try await self.record(of: JobList { Charge(length: 1).keepingResult(for: .zero) })
        #expect(checksum?.result == nil && checksum?.checksum != nil)
    }

    @Test func `a result that is too long makes its job dead at once, and the work is not repeated`() async throws {
        let (record, dead) = try await record(of: JobList { Charge(length: 10_000) })
        #expect(record?.state == .dead)
        #expect(dead.map(\.cause) == ["result"] && dead.map(\.attempts) == [1])
        #expect(dead.first?.error.hasPrefix("the work is done, but not its result: ") == true)
    }

    @Test func `a handler that returns what cannot be encoded is refused at the start`() throws {
        struct Opaque: Sendable {}
        struct Odd: JobHandler {
            static let kind = "odd"
            func run(_ payload: RawPayload, _ job: JobContext) async throws -> Opaque { Opaque() }
        }
        let harness = try Harness()
        let error = #expect(throws: PondError.self) {
            try Worker(harness.pond, jobs: JobList { Odd() }, configuration: harness.configuration())
        }
        #expect(
            error?.message == "odd: its handler returns Opaque, allowed is nothing (Void) or a result that is Encodable"
        )
    }
}
