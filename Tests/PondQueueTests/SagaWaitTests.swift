import PondCore
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

/// Waits of a saga: it is parked without a slot, and nothing that comes early or late is lost.
@Suite(.redis) struct SagaWaitTests {
    private let token = SagaToken.random()

    /// Begins a callback and says that it is sent.
    private func send(_ store: QueueSagaStore, _ token: String, within span: Duration? = nil) async throws {
        let begin = StepBegin("pay", kind: .callback, token: token, within: span)
        #expect(try await store.begin(begin) == .go(attempt: 1, token: token))
        #expect(try await store.commit("pay", .sent) == .kept)
    }

    @Test func `a saga that sleeps is nowhere but in Redis, and comes back at its time and not before`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            let sleep = SagaWait("cool-off", .sleep, within: .milliseconds(60))
            #expect(try await store.wait([sleep], spent: nil) == .parked)
            try await bench.expect(id, in: .waiting)
            #expect(try await bench.queue.depth().waiting == 1)
            #expect(try await bench.queue.depth().nextDue == bench.queue.job(id).due)
            #expect(try await bench.queue.saga(id)?.state == .waiting)
            let (woken, job) = try await bench.woken(id)
            #expect(job.attempt == 1 && job.isSaga)
            let record = try #require(try await woken.wait([sleep], spent: nil).record)
            #expect(record.state == .done && record.error == "")
            #expect(try await bench.now() >= record.due?.milliseconds ?? .max)
            #expect(try await bench.queue.saga(id)?.state == .running)
        }
    }

    @Test func `an answer that comes before the wait ends it at once`() async throws {
        try await Bench.run { bench in
            let (_, store) = try await bench.saga()
            let begin = StepBegin("pay", kind: .callback, token: token)
            #expect(try await store.begin(begin) == .go(attempt: 1, token: token))
            #expect(try await bench.queue.resolve(token: token, .success([7])) == .resolved)
            // It was quicker than the word that it is sent.
            #expect(try await store.commit("pay", .sent) == .kept)
            let record = try await store.wait([SagaWait("pay", .callback, within: .seconds(60))], spent: nil).record
            #expect(record?.state == .done && record?.result == [7])
        }
    }

    @Test func `an answer counts, though the question failed on its way`() async throws {
        try await Bench.run { bench in
            let (_, store) = try await bench.saga()
            let begin = StepBegin("pay", kind: .callback, token: token)
            #expect(try await store.begin(begin) == .go(attempt: 1, token: token))
            // The other side has done what it was asked for, and its reply to that was lost.
            #expect(try await bench.queue.resolve(token: token, .success([7])) == .resolved)
            #expect(try await store.commit("pay", .retry(error: "connection reset")) == .kept)
            #expect(try await store.commit("pay", .failed(error: "gone", isCertain: true)) == .kept)
            let record = try #require(try await store.begin(begin).record)
            #expect(record.state == .done && record.result == [7] && record.error == "")
        }
    }

    @Test func `an answer wakes the saga, once, and says what it was when it comes again`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await send(store, token)
            #expect(try await store.wait([SagaWait("pay", .callback, within: nil)], spent: nil) == .parked)
            #expect(try await bench.redis("EXISTS", bench.key("token:\(TokenHash.of(token))")).int == 1)
            #expect(try await bench.queue.resolve(token: token, .success([1]), from: "psp") == .resolved)
            try await bench.expect(id, in: .ready(.front))
            #expect(try await bench.queue.resolve(token: token, .success([1])) == .same)
            #expect(try await bench.queue.resolve(token: token, .success([2])) == .conflict)
            #expect(try await bench.queue.resolve(token: token, .failure(ToldError("no"))) == .conflict)
            #expect(try await bench.queue.resolve(token: "another", .success([1])) == .unknown)
            let after = try await bench.next(id)
            #expect(try await after.begin(StepBegin("pay", kind: .callback, token: "x")).record?.result == [1])
        }
    }

    @Test func `a send whose worker died is repeated with the same token`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            _ = try await store.begin(StepBegin("pay", kind: .callback, token: token))
            try await bench.reclaimAll(from: .ann)
            let after = try await bench.next(id)
            let again = StepBegin("pay", kind: .callback, token: SagaToken.random())
            #expect(try await after.begin(again) == .go(attempt: 2, token: token))
            #expect(try await after.commit("pay", .sent) == .kept)
            let record = try #require(try await after.begin(again).record)
            #expect(record.state == .waiting)
            let kept = try await bench.redis("HGET", bench.key("saga:\(id.text)"), "step:pay").bytes ?? []
            #expect(!String(decoding: kept, as: UTF8.self).contains(token))
        }
    }

    @Test func `an answer may say that it failed, or come too late`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await send(store, token)
            #expect(try await bench.queue.resolve(token: token, .failure(ToldError("declined"))) == .resolved)
            let record = try await store.wait([SagaWait("pay", .callback, within: .seconds(60))], spent: nil).record
            #expect(record?.state == .failed && record?.error == "declined")
            let (second, other) = (SagaToken.random(), try await bench.saga())
            try await send(other.store, second, within: .milliseconds(20))
            // Its time may be up before the wait or after it, and never both.
            let waits = [SagaWait("pay", .callback, within: .milliseconds(20))]
            var late = try await other.store.wait(waits, spent: nil)
            if late == .parked { late = try await bench.woken(other.id).0.wait(waits, spent: nil) }
            #expect(late.record?.state == .failed && late.record?.error == "timed out")
            #expect(try await bench.queue.resolve(token: second, .success([1])) == .expired)
            #expect(try await bench.queue.saga(id)?.state == .running)
        }
    }

    @Test func `signals that come early are kept in their order, by name`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            // Before the job is a saga, and before anybody has fetched it.
            #expect(try await bench.queue.signal("go", to: id, [1]) == .stored)
            #expect(try await bench.queue.signal("go", to: id, [2]) == .stored)
            let store = bench.store(try await bench.fetchOne())
            #expect(try await store.wait([SagaWait("a", .signal("go"), within: nil)], spent: nil).record?.result == [1])
            #expect(try await store.wait([SagaWait("b", .signal("go"), within: nil)], spent: nil).record?.result == [2])
            #expect(try await store.wait([SagaWait("c", .signal("go"), within: nil)], spent: nil) == .parked)
            #expect(try await bench.queue.signal("stop", to: id, [3]) == .stored)
            try await bench.expect(id, in: .waiting)
            #expect(try await bench.queue.signal("go", to: id, [4]) == .resolved)
            let after = try await bench.next(id)
            #expect(try await after.wait([SagaWait("c", .signal("go"), within: nil)], spent: nil).record?.result == [4])
            #expect(try await bench.queue.signal("go", to: JobID("1-1"), [4]) == .unknown)
        }
    }

    @Test func `signals that nobody waits for are bounded`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            for _ in 0..<Limits.sagaSignalsMax { _ = try await bench.queue.signal("go", to: id) }
            let text = try await bench.refusal("pond_resolve", "signal", id.text, "go", "")
            #expect(text.hasPrefix("SIGNALSFULL") && text.contains("saga_signals_max"))
        }
    }

    @Test func `of several waits the first that is over wakes the saga, and the others keep their time`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            let waits = [SagaWait("t", .sleep, within: .seconds(600)), SagaWait("g", .signal("go"), within: nil)]
            #expect(try await store.wait(waits, spent: nil) == .parked)
            let due = try await bench.queue.saga(id)?["t"]?.due
            #expect(try await bench.queue.signal("go", to: id, [1]) == .resolved)
            let after = try await bench.next(id)
            #expect(try await after.wait(waits, spent: nil).record?.name == "g")
            #expect(try await after.wait([waits[0]], spent: nil) == .parked)
            #expect(try await bench.queue.saga(id)?["t"]?.due == due)
            #expect(try await bench.queue.job(id).due == due)
        }
    }

    @Test func `a saga that is paused begins nothing and is woken by nothing until it is resumed`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await send(store, token)
            #expect(try await bench.queue.pauseSaga(id, because: "look first") == .moved)
            #expect(try await store.begin(StepBegin("more")) == .paused)
            #expect(try await store.pause("paused", spent: nil) == .moved)
            try await bench.expect(id, in: .waiting)
            #expect(try await bench.queue.saga(id)?.reason == "look first")
            #expect(try await bench.queue.resolve(token: token, .success([1])) == .resolved)
            try await bench.expect(id, in: .waiting)
            #expect(try await bench.queue.resumeSaga(id, because: "looked") == .moved)
            #expect(
                try await bench.queue.resumeSaga(id, because: "again") == .refused("the saga is running, not paused")
            )
            let after = try await bench.next(id)
            #expect(try await after.wait([SagaWait("pay", .callback, within: nil)], spent: nil).record?.result == [1])
            #expect(try await bench.queue.pauseSaga(JobID("1-1"), because: "") == .unknown)
        }
    }

    @Test func `a saga that a lost flag hides from fetches is found again by a census`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            #expect(try await store.wait([SagaWait("t", .sleep, within: .milliseconds(1))], spent: nil) == .parked)
            try await bench.redis("HDEL", bench.key("meta"), "waits")
            try await bench.call("pond_beat", "ann", "10000", "1", "{}")
            let (woken, _) = try await bench.woken(id)
            #expect(
                try await woken.wait([SagaWait("t", .sleep, within: .milliseconds(1))], spent: nil).record?.state
                    == .done
            )
        }
    }
}
