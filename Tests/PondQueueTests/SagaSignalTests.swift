import PondCore
import PondQueue
import PondSaga
import PondTestKit
import Testing

/// Signals that are there before anybody waits for them.
@Suite(.redis) struct SagaSignalTests {
    @Test func `signals that nobody waits for are bounded in bytes, and taken ones make room`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await store.run("a")
            let large = [UInt8](repeating: 0x20, count: Limits.resultBytesMax)
            for _ in 0..<(Limits.sagaSignalsBytesMax / large.count) {
                #expect(try await bench.queue.signal("go", to: id, large) == .stored)
            }
            let error = await #expect(throws: QueueError.self) { try await bench.queue.signal("go", to: id, [1]) }
            #expect(error?.message.contains("saga_signals_bytes_max") == true, "\(error?.message ?? "")")
            // One of another name is found behind them.
            #expect(try await store.look(at: SagaWait("no", .signal("no"), within: nil)) == .open)
            #expect(try await store.look(at: SagaWait("go", .signal("go"), within: nil)).record?.result == large)
            #expect(try await bench.queue.signal("no", to: id, [2]) == .stored)
            #expect(try await store.look(at: SagaWait("no", .signal("no"), within: nil)).record?.result == [2])
        }
    }

    @Test(arguments: SagaStage.allCases) func `whoever looks at a wait is told whether it is over, and is not parked`(
        stage: SagaStage
    ) async throws {
        try await stage.play { bed in
            let store = try await bed.next()
            let wait = SagaWait("go", .signal("go"), within: nil)
            #expect(try await store.look(at: wait) == .open)
            try await bed.signal("go", [1])
            #expect(try await store.look(at: wait).record?.result == [1])
            #expect(try await store.look(at: wait).record?.result == [1])
            #expect(try await store.wait([SagaWait("go#2", .signal("go"), within: nil)], spent: nil) == .parked)
        }
    }
}
