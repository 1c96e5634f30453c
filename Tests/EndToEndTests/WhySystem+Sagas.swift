import PondCore
import PondInsight
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

extension WhySystem {
    /// Sagas in every state that wants a question, of a queue that only a test works at.
    func sagaCases() async throws -> [WhyCase] {
        let queue = try queue("sagas")
        try await queue.register()
        _ = try await queue.beat(as: Self.ann, about: "{}")
        let cases = try await waitingCases(queue) + turnedCases(queue) + [unknownCase(queue), pausedCase(queue)]
        // Each fetch is a sign of life, too; from here on the worker beats for a long time to come.
        let now = try await queue.beat(as: Self.ann, about: "{}").now
        let ahead = now.advanced(by: .seconds(3_600)).milliseconds
        _ = try await place.pond.redis.send(RedisCommand("ZADD", .text(queue.keys.beats), .integer(ahead), "ann"))
        return cases
    }

    private static let ann = Consumer("ann")

    /// Sagas that have done a step and wait for an answer, in the queue of the cases.
    func parkSagas(_ count: Int) async throws {
        let queue = try queue("sagas")
        try await queue.register()
        _ = try await queue.beat(as: Self.ann, about: "{}")
        try await many(count, in: queue)
        var left = count
        while left > 0 {
            let deliveries = try await queue.fetch(as: Self.ann, atMost: 200).deliveries
            try #require(!deliveries.isEmpty, "\(left) jobs are missing")
            left -= deliveries.count
            try await withThrowingTaskGroup(of: Void.self) { group in
                for delivery in deliveries {
                    group.addTask { try await Self.park(queue, delivery) }
                }
                try await group.waitForAll()
            }
        }
    }

    private static func park(_ queue: Queue, _ delivery: Delivery) async throws {
        let store = QueueSagaStore(queue, delivery.receipt, of: try delivery.job.get().id, as: ann)
        _ = try await store.begin(StepBegin("account", hasUndo: true))
        _ = try await store.commit("account", .done(result: [UInt8](repeating: 49, count: 200)))
        #expect(try await store.wait([SagaWait("answer", .signal("answer"), within: nil)], spent: nil) == .parked)
    }

    private func next(_ queue: Queue, as consumer: Consumer = ann) async throws -> QueueSagaStore {
        let delivery = try #require(try await queue.fetch(as: consumer, atMost: 1).deliveries.first)
        return QueueSagaStore(queue, delivery.receipt, of: try delivery.job.get().id, as: consumer)
    }

    private func saga(_ queue: Queue, as consumer: Consumer = ann) async throws -> QueueSagaStore {
        _ = try await queue.enqueue(NewJob(kind: try JobKind("flow"), data: []))
        return try await next(queue, as: consumer)
    }

    private func waitingCases(_ queue: Queue) async throws -> [WhyCase] {
        let hour = Duration.seconds(3_600)
        let timer = try await saga(queue)
        #expect(try await timer.wait([SagaWait("cool-off", .sleep, within: hour)], spent: nil) == .parked)
        let token = try await saga(queue)
        _ = try await token.begin(StepBegin("payment", kind: .callback, token: "t", within: hour))
        #expect(try await token.wait([SagaWait("payment", .callback, within: hour)], spent: nil) == .parked)
        let signal = try await saga(queue)
        #expect(try await signal.wait([SagaWait("go", .signal("green"), within: nil)], spent: nil) == .parked)
        let parent = try await saga(queue)
        let pages = SagaChildren("pages", kind: try JobKind("page"), payloads: [[1], [2]], limit: 2)
        #expect(try await parent.children(pages) == .go(attempt: 1, token: nil))
        for _ in 0..<2 { _ = try await next(queue) }
        #expect(try await parent.wait([SagaWait("pages", .children, within: nil)], spent: nil) == .parked)
        return [
            WhyCase(.waitingTimer, says: "cool-off", of: timer.id.text),
            WhyCase(.waitingToken, says: "payment", of: token.id.text),
            WhyCase(.waitingSignal, says: "green", of: signal.id.text),
            WhyCase(.waitingChildren, says: "0 of 2 have ended", of: parent.id.text),
        ]
    }

    private func turnedCases(_ queue: Queue) async throws -> [WhyCase] {
        var stores: [QueueSagaStore] = []
        for _ in 0..<2 {
            let store = try await saga(queue)
            _ = try await store.begin(StepBegin("account", hasUndo: true))
            #expect(try await store.commit("account", .done(result: [])) == .kept)
            #expect(try await store.turn(.failed(cause: .failed, error: "no money"), spent: nil) == .moved)
            stores.append(try await next(queue))
            #expect(try await stores.last?.beginUndo("account") == .go(attempt: 1))
        }
        let stuck = stores[1]
        #expect(try await stuck.endUndo("account", .stuck(error: "HTTP 410")) == .moved)
        #expect(try await stuck.end(.stuck, "account: HTTP 410") == .moved)
        let outcome = Outcome.dead(cause: Cause("saga_stuck"), error: "account: HTTP 410")
        let settlement = Settlement(receipt: stuck.receipt, id: stuck.id, outcome: outcome, isSaga: true)
        #expect(try await queue.settle([settlement], as: Self.ann).first == .dead(cause: "saga_stuck"))
        return [
            WhyCase(.undoing, says: "step account is next to be undone", of: stores[0].id.text),
            WhyCase(.sagaStuck, says: "HTTP 410", of: stuck.id.text),
        ]
    }

    private func pausedCase(_ queue: Queue) async throws -> WhyCase {
        let store = try await saga(queue)
        _ = try await store.begin(StepBegin("account"))
        #expect(try await store.pause("plan_mismatch: account", spent: nil) == .moved)
        return WhyCase(.sagaPaused, says: "plan_mismatch: step account", of: store.id.text)
    }

    private func unknownCase(_ queue: Queue) async throws -> WhyCase {
        let lost = Consumer("lost")
        _ = try await queue.beat(as: lost, about: "{}")
        let store = try await saga(queue, as: lost)
        _ = try await store.begin(StepBegin("charge", effect: .once))
        _ = try await place.pond.redis.send(RedisCommand("ZADD", .text(queue.keys.beats), 1, "lost"))
        #expect(try await queue.reclaim(from: lost, by: Self.ann).moved == 1)
        let after = try await next(queue)
        _ = try await after.begin(StepBegin("charge", effect: .once))
        #expect(try await after.pause("step_unknown: charge", spent: nil) == .moved)
        return WhyCase(.stepUnknown, says: "nobody knows", of: store.id.text)
    }
}
