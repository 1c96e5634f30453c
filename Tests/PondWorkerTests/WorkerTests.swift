import PondCore
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
import Testing

@Suite(.redis)
struct WorkerTests {
    struct Mail: Codable, Sendable, Equatable {
        var to: String
    }

    struct SendMail: JobHandler {
        static let kind = "mail.send"
        let sent: Record<Mail>
        func run(_ mail: Mail, _ job: JobContext) async throws { sent.add(mail) }
    }

    @Test func `a typed handler gets its payload and the job is done`() async throws {
        let harness = try Harness()
        let sent = Record<Mail>()
        try await harness.withWorker(JobList { SendMail(sent: sent) }) { _ in
            try await harness.queue.enqueue(SendMail.self, Mail(to: "a@b.c"))
            try await harness.eventually { $0.done == 1 && $0.inFlight == 0 && $0.ready == 0 }
        }
        #expect(sent.all == [Mail(to: "a@b.c")])
    }

    @Test func `a plain XADD is enough`() async throws {
        let harness = try Harness()
        let sent = Record<Mail>()
        try await harness.withWorker(JobList { SendMail(sent: sent) }) { _ in
            _ = try await harness.redis.send(
                RedisCommand(
                    "XADD",
                    .text(harness.queue.keys.ready(.normal)),
                    "*",
                    "kind",
                    "mail.send",
                    "data",
                    #"{"to":"x"}"#
                )
            )
            try await harness.eventually { $0.done == 1 }
        }
        #expect(sent.all == [Mail(to: "x")])
    }

    @Test func `a job that throws is tried again with a higher attempt and its last error`() async throws {
        let harness = try Harness()
        let attempts = Record<String>()
        let flaky = JobRegistration(kind: "flaky") { job in
            attempts.add("\(job.attempt) \(job.job.lastError ?? "-")")
            if job.attempt < 3 { throw RetryLater(after: .milliseconds(10), "no \(job.attempt)") }
        }.retrying(times: 5, backoff: Backoff(base: .milliseconds(5), cap: .milliseconds(20), jitter: 0))
        try await harness.withWorker(JobList { flaky }) { _ in
            try await harness.enqueue("flaky")
            try await harness.eventually { $0.done == 1 }
        }
        #expect(attempts.all == ["1 -", "2 no 1", "3 no 2"])
    }

    @Test func `a job is dead after its last try, under attempts_exhausted`() async throws {
        let harness = try Harness()
        let failing = JobRegistration(kind: "failing") { _ in throw RetryLater(after: .zero, "the API is down") }
            .retrying(times: 2, backoff: Backoff(base: .milliseconds(5), cap: .milliseconds(5), jitter: 0))
        try await harness.withWorker(JobList { failing }) { _ in
            try await harness.enqueue("failing")
            try await harness.eventually { $0.dead == 1 && $0.inFlight == 0 }
        }
        let dead = try await harness.queue.dead()
        #expect(dead.map(\.cause) == ["attempts_exhausted"])
        #expect(dead.map(\.error) == ["the API is down"])
        #expect(dead.map(\.attempts) == [2])
    }

    @Test func `GiveUp makes a job dead at once under its own cause`() async throws {
        let harness = try Harness()
        let hopeless = JobRegistration(kind: "hopeless") { _ in throw GiveUp("no such address", cause: "no_address") }
        try await harness.withWorker(JobList { hopeless }) { _ in
            try await harness.enqueue("hopeless")
            try await harness.eventually { $0.dead == 1 }
        }
        #expect(try await harness.queue.dead().map(\.cause) == ["no_address"])
    }

    @Test(arguments: [
        (["junk", "1"], "malformed"),
        (["kind", "no spaces allowed"], "malformed"),
        (["kind", "mail.send", "kind", "twice"], "malformed"),
        (["kind", "mail.send", "timeout_ms", "soon"], "malformed"),
        (["kind", "mail.send", "key", ""], "malformed"),
        (["kind", "mail.send", "budget_usd_micros", "-5"], "malformed"),
        (["kind", "mail.send", "data", "{not json"], "undecodable_payload"),
    ])
    func `an entry that cannot run ends in dead under a named cause`(fields: [String], cause: String) async throws {
        let harness = try Harness()
        try await harness.withWorker(JobList { SendMail(sent: Record()) }) { _ in
            let command = RedisCommand(
                "XADD",
                [.text(harness.queue.keys.ready(.normal)), "*"] + fields.map { .text($0) }
            )
            _ = try await harness.redis.send(command)
            try await harness.eventually { $0.dead == 1 && $0.inFlight == 0 }
        }
        #expect(try await harness.queue.dead().map(\.cause) == [cause])
    }

    @Test func `a field name of a megabyte and invalid UTF-8 end in dead with their bytes kept`() async throws {
        let harness = try Harness()
        let name = [UInt8](repeating: 0x61, count: 1 << 20)
        try await harness.withWorker(JobList { SendMail(sent: Record()) }) { _ in
            let key = RedisArgument.text(harness.queue.keys.ready(.high))
            _ = try await harness.redis.send(RedisCommand("XADD", [key, "*", "kind", "a", .bytes(name), "v"]))
            _ = try await harness.redis.send(
                RedisCommand("XADD", [key, "*", "kind", .bytes([0xff, 0xfe]), "data", "v"])
            )
            try await harness.eventually { $0.dead == 2 && $0.inFlight == 0 }
        }
        let dead = try await harness.queue.dead()
        #expect(dead.map(\.cause) == ["malformed", "malformed"])
        let reports = try await [harness.queue.job(dead[0].id), harness.queue.job(dead[1].id)]
        #expect(reports.contains { $0.fields.contains { $0.name == name } })
        #expect(reports.contains { $0.fields.contains { $0.value == [0xff, 0xfe] } })
    }

    @Test func `a kind that nobody knows waits for its grace, then is dead`() async throws {
        let harness = try Harness()
        try await harness.withWorker(JobList { SendMail(sent: Record()) }, { $0.unknownKindGrace = .milliseconds(100) })
        { _ in
            try await harness.enqueue("nobody.knows")
            try await harness.eventually { $0.dead == 1 }
        }
        #expect(try await harness.queue.dead().map(\.cause) == ["unknown_kind"])
    }

    @Test func `a job over its time is cancelled and tried again`() async throws {
        let harness = try Harness()
        let slow = JobRegistration(kind: "slow") { job in
            if job.attempt == 1 { try await Waiting.untilCancelled() }
        }.timeout(.milliseconds(150)).retrying(
            times: 3,
            backoff: Backoff(base: .milliseconds(5), cap: .milliseconds(5), jitter: 0)
        )
        let started = ContinuousClock.now
        try await harness.withWorker(JobList { slow }) { _ in
            try await harness.enqueue("slow")
            try await harness.eventually { $0.done == 1 }
        }
        #expect(ContinuousClock.now - started < .seconds(10))
    }

    @Test func `cancelling a running job cancels its handler and ends it`() async throws {
        let harness = try Harness()
        let running = Event()
        let slow = JobRegistration(kind: "slow") { _ in
            running.fire()
            try await Waiting.untilCancelled()
        }
        try await harness.withWorker(JobList { slow }) { _ in
            let id = try await harness.enqueue("slow")
            try await running.wait()
            #expect(try await harness.queue.cancel(id) == .cancelling)
            try await harness.eventually { $0.inFlight == 0 && $0.held == 0 && $0.ready == 0 }
            #expect(try await harness.queue.job(id).state == .unknown)
        }
        #expect(running.fired == 1)
    }

    @Test func `low jobs run although normal ones come all the time, and a listening worker fetches those alone`()
        async throws
    {
        let harness = try Harness()
        let low = Event()
        let jobs = JobList {
            JobRegistration(kind: "normal") { _ in }
            JobRegistration(kind: "low") { _ in low.fire() }
        }
        var options = EnqueueOptions()
        options.priority = .low
        try await harness.withWorker(jobs) { _ in
            let producer = Task {
                while !Task.isCancelled { try await harness.enqueue("normal") }
            }
            for _ in 0..<50 { try await harness.enqueue("low", "{}", options) }
            try await low.wait(for: 50, within: .seconds(60))
            producer.cancel()
            // It may have been cancelled within a call.
            _ = try? await producer.value
        }
    }

    @Test func `an expired job does not start`() async throws {
        let harness = try Harness()
        let ran = Event()
        var options = EnqueueOptions()
        options.expires = Limits.earliestTime
        try await harness.enqueue("late", "{}", options)
        try await harness.withWorker(JobList { JobRegistration(kind: "late") { _ in ran.fire() } }) { _ in
            try await harness.eventually { $0.inFlight == 0 && $0.ready == 0 }
        }
        #expect(ran.fired == 0)
    }

    @Test func `children inherit the correlation id and name what caused them`() async throws {
        let harness = try Harness()
        let seen = Record<String>()
        let jobs = JobList {
            JobRegistration(kind: "parent") { job in
                try await job.enqueue(NewJob(kind: try JobKind("child")))
            }
            JobRegistration(kind: "child") { job in
                seen.add("\(job.correlationID) \(job.job.causationID ?? "-")")
            }
        }
        var options = EnqueueOptions()
        options.correlationID = "intent-7"
        let parent = try await harness.withWorker(jobs) { _ in
            let id = try await harness.enqueue("parent", "{}", options)
            try await harness.eventually { $0.done == 2 }
            return id
        }
        #expect(seen.all == ["intent-7 \(parent)"])
    }

    @Test func `slots bound what runs and prefetch bounds what is in flight`() async throws {
        let harness = try Harness()
        let running = Event()
        for _ in 0..<20 { try await harness.enqueue("wait") }
        let wait = JobRegistration(kind: "wait") { _ in
            running.fire()
            try await Waiting.untilCancelled()
        }
        let bounds: (inout WorkerConfiguration) -> Void = {
            $0.slots = 3
            $0.prefetch = 2
            $0.gracePeriod = .zero
        }
        try await harness.withWorker(JobList { wait }, bounds) { _ in
            try await running.wait(for: 3)
            try await harness.eventually { $0.inFlight == 5 && $0.ready == 15 }
        }
        #expect(running.fired == 3)
        try await harness.eventually { $0.inFlight == 0 && $0.ready == 20 }
    }
}
