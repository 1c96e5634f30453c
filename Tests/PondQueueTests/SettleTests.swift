import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct SettleTests {
    @Test func `done ends a job`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            #expect(try await bench.settle(try await bench.fetchOne(), .done) == .done)
            try await bench.expect(id, endedAs: "done")
            let depth = try await bench.queue.depth()
            #expect(depth.done == 1)
            #expect(depth.inFlight == 0 && depth.ready == 0)
        }
    }

    @Test func `a retry holds the job, counts the attempt and keeps the error`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let before = try await bench.now()
            let answer = try await bench.settle(try await bench.fetchOne(), .retry(after: .seconds(60), error: "boom"))
            guard case .held(let until) = answer else { throw Unexpected("\(answer)") }
            #expect((before + 60_000...(try await bench.now()) + 60_000).contains(until.milliseconds))
            try await bench.expect(id, in: .held)
            let report = try await bench.queue.job(id)
            #expect(report.attempts == 1)
            #expect(report.field("last_error") == "boom")
            #expect(report.due == until)
            try await bench.makeDue(id)
            let again = try await bench.fetchOne()
            let job = try again.job.get()
            #expect(job.id == id)
            #expect(job.attempt == 2)
            #expect(job.lastError == "boom")
            #expect(job.enqueuedAt.milliseconds == Int64(id.text.prefix { $0 != "-" }))
        }
    }

    @Test func `an error text is cut between characters, and the job lives on`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let text = "x" + String(repeating: "é", count: 5_000)
            try await bench.settle(try await bench.fetchOne(), .retry(after: .zero, error: text))
            try await bench.makeDue(id)
            let again = try await bench.fetchOne()
            let kept = try #require(try again.job.get().lastError)
            #expect(kept == "x" + String(repeating: "é", count: 511))
            try await bench.settle(again, .dead(cause: .failed, error: text))
            let dead = try #require(try await bench.queue.dead().first)
            #expect(dead.error == "x" + String(repeating: "é", count: 4_095))
            #expect(dead.error.utf8.count <= Limits.errorTextBytesMax)
            #expect(try await bench.queue.revive([id]) == [.enqueued])
            #expect(try await bench.fetchOne().job.get().lastError == kept)
        }
    }

    @Test func `dead keeps the job under its cause`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add("email.send", "payload")
            let delivery = try await bench.fetchOne()
            #expect(try await bench.settle(delivery, .dead(cause: .failed, error: "no")) == .dead(cause: "failed"))
            try await bench.expect(id, in: .dead)
            let dead = try #require(try await bench.queue.dead().first)
            #expect(dead.id == id && dead.cause == "failed" && dead.error == "no" && dead.kind == "email.send")
            #expect(dead.attempts == 1 && dead.recoveries == 0)
            #expect(try await bench.queue.job(id).payload == Array("payload".utf8))
        }
    }

    @Test func `a malformed entry is kept exactly as it came`() async throws {
        try await Bench.run { bench in
            let words: [RedisArgument] = [
                .text(bench.key("ready")), "*", "id", "7-7", "junk", .bytes([0, 0xff, 0]), "junk", "twice", "attempt",
                "x",
            ]
            let entry = try await bench.pond.redis.send(RedisCommand("XADD", words)).string
            let delivery = try await bench.fetchOne()
            let id = JobID(try #require(entry))
            #expect(delivery.id == id)
            try await bench.settle(delivery, .dead(cause: .malformed, error: "no kind"))
            let report = try await bench.queue.job(id)
            #expect(report.state == .dead)
            #expect(report.fields.flatMap { [$0.name, $0.value] } == words.dropFirst(2).map(\.asBytes))
        }
    }

    @Test func `a release goes to the front and counts nothing`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            try await bench.add()
            let first = try await bench.fetchOne()
            #expect(try await bench.settle(first, .released) == .released)
            try await bench.expect(id, in: .ready(.front))
            let again = try await bench.fetchOne(as: .bob)
            #expect(again.id == id)
            let job = try again.job.get()
            #expect(job.attempt == 1 && job.recoveries == 0 && job.lastError == nil)
            // Any number of times.
            var delivery = again
            for _ in 0..<5 {
                #expect(try await bench.settle(delivery, .released, as: .bob) == .released)
                delivery = try await bench.fetchOne(as: .bob)
                #expect(delivery.id == id)
            }
            #expect(try await bench.settle(delivery, .done, as: .bob) == .done)
            try await bench.expect(id, endedAs: "done")
        }
    }

    @Test func `an unknown kind waits without an attempt until its grace is over`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let grace = Outcome.deferred(for: .seconds(60), grace: .seconds(600))
            guard case .held = try await bench.settle(try await bench.fetchOne(), grace) else {
                throw Unexpected("not held")
            }
            try await bench.expect(id, in: .held)
            #expect(try await bench.queue.job(id).attempts == 0)
            try await bench.makeDue(id)
            let again = try await bench.fetchOne()
            #expect(try again.job.get().attempt == 1)
            // The grace counts from the first time, which is long ago for a grace of nothing.
            let over = Outcome.deferred(for: .seconds(60), grace: .zero)
            #expect(try await bench.settle(again, over) == .dead(cause: "unknown_kind"))
            try await bench.expect(id, in: .dead)
            #expect(try await bench.queue.job(id).field("unhandled_ms") == nil)
        }
    }

    @Test(arguments: [
        (Outcome.cancelled, SettleAnswer.cancelled, "cancelled"), (.expired, .expired, "expired"),
        (.compensated, .compensated, "compensated"),
    ])
    func `a cancelled and an expired job end`(outcome: Outcome, answer: SettleAnswer, event: String) async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            #expect(try await bench.settle(try await bench.fetchOne(), outcome) == answer)
            try await bench.expect(id, endedAs: event)
            #expect(try await bench.queue.depth().done == 0)
        }
    }

    @Test func `each job of a batch stands for itself`() async throws {
        try await Bench.run { bench in
            var ids: [JobID] = []
            for number in 0..<8 { ids.append(try await bench.add(priority: Priority.allCases[number % 3])) }
            let deliveries = try await bench.fetch()
            let outcomes: [Outcome] = [
                .done, .retry(after: .seconds(60), error: "e"), .dead(cause: .failed, error: "e"), .released,
                .cancelled,
                .expired, .deferred(for: .seconds(60), grace: .seconds(600)), .done,
            ]
            // Out of order, over three streams.
            let settlements = zip(deliveries, outcomes).map { Settlement(receipt: $0.receipt, id: $0.id, outcome: $1) }
            let answers = try await bench.queue.settle(settlements.reversed(), as: .ann)
            #expect(answers.first == .done && answers.last == .done)
            #expect(answers[1...6].map(\.word) == ["held", "expired", "cancelled", "released", "dead", "held"])
            try await bench.expectWhole(ids)
            let depth = try await bench.queue.depth()
            #expect([depth.ready, depth.inFlight, depth.held, depth.dead, depth.done] == [1, 0, 2, 1, 2])
        }
    }

    @Test func `a batch has at most 512 jobs`() async throws {
        try await Bench.run { bench in
            let jobs = [NewJob](repeating: NewJob(kind: .test), count: Limits.settleBatchMax + 1)
            let ids = try await bench.queue.enqueue(jobs).map { try $0.get().id }
            let deliveries = try await bench.fetch(1_000)
            let words = deliveries.flatMap { ["release", $0.receipt.stream.rawValue, $0.receipt.entry, "", "", ""] }
            let text = try await bench.refusal("pond_settle", [.text("ann")] + words.map { .text($0) })
            #expect(text.hasPrefix("INVALID settle: expected a consumer and up to 512 jobs"))
            let batch = deliveries.prefix(Limits.settleBatchMax).map {
                Settlement(receipt: $0.receipt, id: $0.id, outcome: .released)
            }
            #expect(try await bench.queue.settle(batch, as: .ann).allSatisfy { $0 == .released })
            try await bench.expectWhole(ids)
            #expect(try await bench.queue.settle([], as: .ann).isEmpty)
        }
    }

    @Test func `512 deaths in one batch are all written down`() async throws {
        try await Bench.run { bench in
            let jobs = [NewJob](repeating: NewJob(kind: .test), count: Limits.settleBatchMax)
            let ids = try await bench.queue.enqueue(jobs).map { try $0.get().id }
            let batch = try await bench.fetch(512).map {
                Settlement(receipt: $0.receipt, id: $0.id, outcome: .dead(cause: .failed, error: "e"))
            }
            #expect(try await bench.queue.settle(batch, as: .ann).allSatisfy { $0 == .dead(cause: "failed") })
            try await bench.expectWhole(ids)
            #expect(try await bench.journal().count { $0.event == "dead" } == 512)
        }
    }

    @Test(arguments: [
        ["finish", "n", "1-1", "", "", ""], ["done", "x", "1-1", "", "", ""], ["done", "n", "abc", "", "", ""],
        ["done", "n", "1", "", "", ""], ["done", "n", "1-1", "", ""], ["done"],
    ])
    func `what is no settlement is refused before anything is written`(words: [String]) async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let receipt = try await bench.fetchOne().receipt
            let good = ["done", receipt.stream.rawValue, receipt.entry, "", "", ""]
            let arguments = (["ann"] + good + words).map { RedisArgument.text($0) }
            #expect(try await bench.refusal("pond_settle", arguments).hasPrefix("INVALID settle"))
            try await bench.expect(id, in: .running(.ann))
        }
    }
}

struct Unexpected: Error {
    let what: String

    init(_ what: String) { self.what = what }
}

extension SettleAnswer {
    /// The answer without what it carries.
    var word: String {
        switch self {
        case .done: "done"
        case .released: "released"
        case .cancelled: "cancelled"
        case .expired: "expired"
        case .compensated: "compensated"
        case .duplicate: "duplicate"
        case .held: "held"
        case .dead: "dead"
        case .lost: "lost"
        case .failed: "failed"
        }
    }
}

extension RedisArgument {
    var asBytes: [UInt8] {
        switch self {
        case .text(let text): Array(text.utf8)
        case .bytes(let bytes): bytes
        case .integer(let number): Array(String(number).utf8)
        }
    }
}
