import PondCore
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

/// Sagas of which somebody deleted a part by hand: each can still be brought to an end.
@Suite(.redis) struct SagaLostTests {
    private let pages = SagaWait("pages", .children, within: nil)

    /// A saga that did `a` and waits for two children, of which both were fetched.
    private func parent(_ bench: Bench) async throws -> (id: JobID, children: [Delivery]) {
        let (id, store) = try await bench.saga()
        try await store.run("a", undo: true)
        let children = SagaChildren("pages", kind: try JobKind("child"), payloads: [[1], [2]], limit: 10)
        #expect(try await store.children(children) == .go(attempt: 1, token: nil))
        #expect(try await store.wait([pages], spent: nil) == .parked)
        let fetched = try await bench.fetch()
        #expect(fetched.count == 2)
        return (id, fetched)
    }

    private func delete(_ bench: Bench, _ delivery: Delivery) async throws {
        let stream = bench.queue.keys.base + delivery.receipt.stream.suffix
        try await bench.redis("XDEL", stream, delivery.receipt.entry)
    }

    @Test func `a saga with a child that is nowhere undoes what it did when it is cancelled`() async throws {
        try await Bench.run { bench in
            let (id, children) = try await parent(bench)
            try await delete(bench, children[0])
            #expect(try await bench.queue.cancel(id) == .cancelling)
            let other = children[1]
            let settlement = Settlement(receipt: other.receipt, id: other.id, outcome: .cancelled, isSaga: true)
            #expect(try await bench.queue.settle([settlement], as: .ann) == [.cancelled])
            let store = try await bench.next(id)
            #expect(try await store.ends(of: "pages", 0..<1) == [.failed(error: "lost: it is in no place any more")])
            try await store.undo("a")
            #expect(try await store.end(.cancelled, "") == .moved)
        }
    }

    @Test func `a saga that waits for its children before it undoes finds by itself that they are nowhere`()
        async throws
    {
        try await Bench.run { bench in
            let (id, children) = try await parent(bench)
            #expect(try await bench.queue.cancel(id) == .cancelling)
            for child in children { try await delete(bench, child) }
            // In a minute, without this.
            try await bench.redis("ZADD", bench.key("waits"), "1", id.text)
            let (store, job) = try await bench.woken(id)
            #expect(job.phase == .undo)
            try await store.undo("a")
        }
    }

    @Test func `a saga whose job is nowhere is ended by whoever cancels it`() async throws {
        try await Bench.run { bench in
            try await bench.add()
            let delivery = try await bench.fetchOne()
            try await bench.store(delivery).run("a", undo: true)
            try await delete(bench, delivery)
            #expect(try await bench.queue.cancel(delivery.id) == .cancelled)
            let record = try #require(try await bench.queue.saga(delivery.id))
            #expect(record.state == .abandoned && record.reason.hasPrefix("lost: "))
            #expect(record["a"]?.undo == .armed)
            #expect(try await bench.queue.cancel(delivery.id) == .unknown)
        }
    }

    @Test func `a saga that is on no list of times is found, and goes on when somebody resumes it`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            let nap = SagaWait("nap", .sleep, within: .seconds(600))
            #expect(try await store.wait([nap], spent: nil) == .parked)
            #expect(try await bench.queue.unscheduledSaga() == nil)
            try await bench.redis("ZREM", bench.key("waits"), id.text)
            #expect(try await bench.queue.unscheduledSaga() == id)
            #expect(try await bench.queue.resumeSaga(id, because: "") == .moved)
            #expect(try await bench.next(id).wait([nap], spent: nil) == .parked)
            #expect(try await bench.queue.unscheduledSaga() == nil)
        }
    }

    @Test(arguments: ["garbage", "\u{1}", ""]) func `a step that cannot be read is one that a person has to say of`(
        bytes: String
    ) async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await store.run("a", undo: true)
            try await store.run("b")
            try await bench.redis("HSET", bench.key("saga:\(id.text)"), "step:b", bytes)
            let record = try #require(try await bench.queue.saga(id))
            #expect(record["b"]?.state == .unknown && record["b"]?.error.hasPrefix("its record cannot be read") == true)
            #expect(try await store.begin(StepBegin("b")).record?.state == .unknown)
            #expect(try await bench.queue.resolveStep("b", of: id, .done, because: "seen", result: [7]) == .moved)
            #expect(try await store.begin(StepBegin("b")).record?.result == [7])
            // Nothing else fails of it.
            try await bench.redis("HSET", bench.key("saga:\(id.text)"), "step:b", bytes)
            #expect(try await bench.queue.cancel(id) == .cancelling)
        }
    }
}
