import PondCore
import PondInsight
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

/// What is said of a saga whose job is in no place any more.
@Suite(.redis) struct WhySagaEndTests {
    private func settle(_ place: WhyPlace, _ store: QueueSagaStore, _ outcome: Outcome) async throws {
        let settlement = Settlement(receipt: store.receipt, id: store.id, outcome: outcome, isSaga: true)
        _ = try await place.queue.settle([settlement], as: Consumer("ann"))
    }

    /// As after other jobs have filled it.
    private func forgetJournal(_ place: WhyPlace) async throws {
        _ = try await place.pond.redis.send(RedisCommand("XTRIM", .text(place.queue.keys.journal), "MAXLEN", 0))
    }

    @Test(arguments: [true, false]) func `a saga that ended well is done, also when the journal tells no end of it`(
        isTold: Bool
    ) async throws {
        try await WhyPlace.run { place in
            let (id, store) = try await place.saga()
            try await store.finish("account")
            try await settle(place, store, .done)
            if !isTold { try await forgetJournal(place) }
            let report = try await place.why(id)
            #expect(report.reason == .done, "\(report.detail)")
        }
    }

    @Test func `a saga whose deadline passed was not cancelled by somebody`() async throws {
        try await WhyPlace.run { place in
            var options = EnqueueOptions()
            let now = try await place.queue.situation(of: JobID("1-1")).now
            options.expires = now.advanced(by: .milliseconds(150))
            let id = try await place.add("order.charge", options)
            let store = try await place.next()
            try await store.finish("account", undo: true)
            #expect(try await store.wait([SagaWait("t", .sleep, within: .seconds(600))], spent: nil) == .parked)
            var undoing: QueueSagaStore?
            let isWoken = try await Waiting.until {
                let delivery = try await place.queue.fetch(as: Consumer("ann"), atMost: 1).deliveries.first
                undoing = delivery.map { QueueSagaStore(place.queue, $0.receipt, of: id, as: Consumer("ann")) }
                return undoing != nil
            }
            let after = try #require(isWoken ? undoing : nil)
            #expect(try await after.beginUndo("account") == .go(attempt: 1))
            #expect(try await after.endUndo("account", .done) == .moved)
            #expect(try await after.end(.cancelled, "deadline") == .moved)
            try await settle(place, after, .cancelled)
            let report = try await place.why(id)
            #expect(report.reason == .cancelled)
            let text = "its deadline had passed, and what it had done is undone"
            #expect(report.detail.hasPrefix(text), "\(report.detail)")
            try await forgetJournal(place)
            #expect(try await place.why(id).detail.hasPrefix("its deadline had passed"))
        }
    }

    @Test func `what somebody left as it is is not said to be undone`() async throws {
        try await WhyPlace.run { place in
            let id = try await place.stuckSaga("account")
            #expect(try await place.queue.resolveStep("account", of: id, .abandon, because: "gone") == .moved)
            let store = try await place.next()
            #expect(try await store.end(.compensated, "") == .moved)
            try await settle(place, store, .compensated)
            let report = try await place.why(id)
            let text = "what it had done is undone, but for step account, which somebody left as it is"
            #expect(report.reason == .compensated && report.detail.hasPrefix(text), "\(report.detail)")
        }
    }

    @Test func `a saga whose entry was deleted is lost, and the way out is named`() async throws {
        try await WhyPlace.run { place in
            let (id, store) = try await place.saga()
            try await store.finish("account", undo: true)
            _ = try await place.pond.redis.send(
                RedisCommand("XDEL", .text(place.queue.keys.ready(.normal)), .text(store.receipt.entry))
            )
            let report = try await place.why(id)
            #expect(report.reason == .lostPayload)
            let text = "its saga is running, but its job is in no place any more"
            #expect(report.detail.contains(text), "\(report.detail)")
            #expect(report.detail.contains("1 step is not undone"), "\(report.detail)")
            #expect(report.actions.map(\.text).contains("pond saga cancel \(place.queue.name)/\(id)"))
            #expect(try await place.queue.cancel(id) == .cancelled)
            #expect(try await place.why(id).reason == .discarded)
        }
    }

    @Test func `a saga that is on no list of times is not said to go on by itself`() async throws {
        try await WhyPlace.run { place in
            let (id, store) = try await place.saga()
            #expect(try await store.wait([SagaWait("t", .sleep, within: .seconds(600))], spent: nil) == .parked)
            let waits = "\(place.queue.keys.base):waits"
            _ = try await place.pond.redis.send(RedisCommand("ZREM", .text(waits), .text(id.text)))
            let report = try await place.why(id)
            #expect(report.reason == .waitingTimer && report.next.hasPrefix("nothing, until"), "\(report.next)")
            #expect(report.actions.first?.text == "pond saga resume \(place.queue.name)/\(id)")
        }
    }
}
