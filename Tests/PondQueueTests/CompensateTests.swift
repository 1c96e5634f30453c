import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// Dead jobs on their way to be undone, in Redis alone.
@Suite(.redis) struct CompensateTests {
    private func bury(_ bench: Bench, _ options: EnqueueOptions = EnqueueOptions()) async throws -> JobID {
        let id = try await bench.add("bank.charge", "{\"order\":7}", options)
        let delivery = try await bench.fetchAndStart()
        try await bench.settle(delivery, .dead(cause: .attemptsExhausted, error: "no answer"))
        return id
    }

    /// Buries a job and fetches it as a compensation.
    private func undoing(_ bench: Bench, _ options: EnqueueOptions = EnqueueOptions()) async throws -> Delivery {
        let id = try await bury(bench, options)
        #expect(try await bench.queue.compensate([id]) == [.enqueued])
        let delivery = try await bench.fetchOne()
        #expect(delivery.id == id)
        return delivery
    }

    @Test func `it begins anew with a phase, does not expire, and keeps all else`() async throws {
        try await Bench.run { bench in
            var options = try EnqueueOptions.once("order-7")
            options.expires = ServerTime(milliseconds: try await bench.now() + 60_000)
            options.headers = ["tenant": "t1"]
            let job = try await undoing(bench, options).job.get()
            #expect(job.phase == .compensate && job.attempt == 1 && job.recoveries == 0 && job.spent == Spending())
            #expect(job.expires == nil && job.lastError == "no answer" && job.headers == ["tenant": "t1"])
            #expect(job.key?.text == "order-7" && job.data == Array("{\"order\":7}".utf8) && job.fence == 1)
        }
    }

    @Test func `each id has its answer, and none is sent twice`() async throws {
        try await Bench.run { bench in
            let id = try await bury(bench)
            let malformed = try await bench.add()
            try await bench.settle(try await bench.fetchOne(), .dead(cause: .malformed, error: "e"))
            let running = try await bench.add("other.kind")
            _ = try await bench.fetchOne()
            #expect(try await bench.queue.deadKinds(of: [id, running, malformed]) == ["bank.charge", nil, "a.b"])
            let answers = try await bench.queue.compensate([id, JobID("5-5"), malformed, id, running])
            let refusal = ReviveAnswer.refused("a malformed entry cannot run; discard it")
            #expect(answers == [.enqueued, .unknown, refusal, .unknown, .unknown])
            try await bench.expectWhole([id, malformed, running])
            #expect(try await bench.queue.deadKinds(of: []).isEmpty)
        }
    }

    @Test func `its end frees the key without a tombstone, and the key's next job runs`() async throws {
        try await Bench.run { bench in
            let options = try EnqueueOptions.once("order-7")
            let delivery = try await undoing(bench, options)
            let again = NewJob(kind: try JobKind("bank.charge"), data: Array("{\"order\":7}".utf8), options: options)
            guard case .duplicate = try await bench.queue.enqueue(again) else { throw Unexpected("not a duplicate") }
            #expect(try await bench.queue.claim(delivery.receipt, as: .ann) == .claimed)
            #expect(try await bench.settle(delivery, .compensated) == .compensated)
            try await bench.expect(delivery.id, endedAs: "compensated")
            #expect(try await bench.queue.record(of: try IdempotencyKey("order-7")) == nil)
            let next = try await bench.queue.enqueue(again).id
            let job = try await bench.fetchOne().job.get()
            #expect(job.id == next && job.phase == nil)
        }
    }

    @Test func `the phase outlives retries, releases, takeovers and death`() async throws {
        try await Bench.run { bench in
            var delivery = try await undoing(bench)
            let id = delivery.id
            func next() async throws -> Delivery {
                let next = try await bench.fetchOne()
                #expect(try next.job.get().phase == .compensate)
                return next
            }
            try await bench.settle(delivery, .retry(after: .seconds(60), error: "e"))
            try await bench.makeDue(id)
            delivery = try await next()
            #expect(try delivery.job.get().attempt == 2)
            try await bench.settle(delivery, .released)
            delivery = try await next()
            try await bench.settle(delivery, .postponed(for: .seconds(60)))
            try await bench.makeDue(id)
            delivery = try await next()
            _ = try await bench.queue.beat(as: .ann, about: "{}")
            #expect(try await bench.reclaimAll(from: .ann).moved == 1)
            delivery = try await next()
            try await bench.settle(delivery, .dead(cause: .failed, error: "e"))
            #expect(try await bench.queue.job(id).field("phase") == "compensate")
            #expect(try await bench.queue.revive([id]) == [.enqueued])
            delivery = try await next()
            #expect(try delivery.job.get().attempt == 1)
            try await bench.settle(delivery, .compensated)
            try await bench.expect(id, endedAs: "compensated")
        }
    }

    @Test func `a dead compensation has a group of its own, and a retry says in which it was`() async throws {
        try await Bench.run { bench in
            let root = RootCause(.init(type: "E", message: "bank is down"), kind: "bank.charge")
            let ids = [try await bench.add("bank.charge"), try await bench.add("bank.charge")]
            func fail(_ outcome: Outcome) async throws {
                let settlements = try await bench.fetch().map {
                    Settlement(receipt: $0.receipt, id: $0.id, outcome: outcome, root: root)
                }
                _ = try await bench.queue.settle(settlements, as: .ann)
            }
            let dead = Outcome.dead(cause: .failed, error: "bank is down")
            try await fail(dead)
            #expect(try await bench.queue.groups().map(\.count) == [2])
            let first = try #require(try await bench.queue.groups().first)
            _ = try await bench.queue.compensate([ids[0]])
            try await fail(.retry(after: .seconds(60), error: "bank is down"))
            try await bench.makeDue(ids[0])
            try await fail(dead)
            let groups = try await bench.queue.groups()
            let second = try #require(groups.first { $0.id != first.id })
            #expect(groups.count == 2 && groups.allSatisfy { $0.count == 1 })
            #expect(second.title == "compensation: " + first.title)
            try await bench.expectWhole(ids)
            let retried = try await bench.journal("retried")
            #expect(retried.count == 1 && retried[0].contains(String("\(second.id)".dropFirst(2))))
            // The fields tell, not who asks: sent back, it is still to be undone.
            #expect(try await bench.queue.groupIDs(of: second.id).jobs.map(\.id) == [ids[0]])
        }
    }

    @Test func `what nobody compensates is dead as that, with its kind in the error`() async throws {
        try await Bench.run { bench in
            let delivery = try await undoing(bench)
            #expect(
                try await bench.settle(delivery, .deferred(for: .seconds(2), grace: .zero))
                    == .dead(cause: "no_compensation")
            )
            let report = try await bench.queue.job(delivery.id)
            #expect(report.error?.contains("compensation for the kind bank.charge; register one") == true)
            #expect(report.field("phase") == "compensate" && report.field("unhandled_ms") == nil)
        }
    }

    @Test func `it counts for no service level, and the journal says what it is`() async throws {
        try await Bench.run { bench in
            let id = try await bury(bench)
            func counters() async throws -> [String: String] {
                var all: [String: String] = [:]
                for name in try await bench.redis("KEYS", bench.key("slo:*")).array?.compactMap(\.string) ?? [] {
                    all[name] = try await bench.redis("GET", name).string
                }
                return all
            }
            let before = try await counters()
            #expect(!before.isEmpty)
            for outcome in [Outcome.dead(cause: .failed, error: "e"), .compensated] {
                _ = try await bench.queue.compensate([id])
                try await bench.settle(try await bench.fetchOne(), outcome)
            }
            #expect(try await counters() == before)
            #expect(try await bench.journal("revived") == ["\(id) compensate", "\(id) compensate"])
            #expect(try await bench.journal("compensated") == ["\(id)"])
        }
    }

    @Test func `a producer cannot give a phase, and one by hand that is none is malformed`() async throws {
        try await Bench.run { bench in
            let text = try await bench.refusal("pond_enqueue", "kind", "a.b", "phase", "compensate")
            #expect(text == "INVALID phase: only the library writes this field")
            try await bench.redis("XADD", bench.key("ready"), "*", "kind", "a.b", "phase", "undo\u{1b}")
            let job = try await bench.fetchOne().job
            #expect(throws: Malformation("phase is \"undo?\", allowed is compensate or undo")) { try job.get() }
        }
    }
}

extension Bench {
    /// The details of the journal's events of a name, in order.
    fileprivate func journal(_ event: String) async throws -> [String] {
        var details: [String] = []
        for entry in try await redis("XRANGE", key("journal"), "-", "+").array ?? [] {
            let words = entry.array?.last?.array?.compactMap(\.string) ?? []
            for index in stride(from: 0, to: words.count - 1, by: 2) where words[index] == event {
                details.append(words[index + 1])
            }
        }
        return details
    }
}
