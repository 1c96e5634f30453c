import PondCore
import PondSaga
import PondTestKit
import PondWorker
import Synchronization
import Testing

/// Steps that must not run twice, and that end otherwise than well.
struct SagaOnceTests {
    private struct Away: Error {}

    @Test(arguments: [false, true])
    func `a step that must not run twice runs once, though its handler goes on and begins again at once`(
        isCutOff: Bool
    ) async throws {
        let runs = Runs()
        let registration = JobRegistration(kind: "flow") { job in
            do {
                try await job.step("mail", effect: .once) { _ in
                    runs.count.withLock { $0 += 1 }
                    if isCutOff { throw CancellationError() }
                    throw Away()
                }
            } catch {}
            let _: Int = try await job.signal("go")
        }
        let saga = try TestSaga(registration.retrying(times: 3), RawPayload(Array("{}".utf8)))
        // So that the wait is over at once, and the handler runs again in the same delivery.
        try saga.signal("go", with: 1)
        try await saga.run()
        #expect(saga.state == .paused && saga.reason == "step_unknown: mail", "\(saga.state) \(saga.reason)")
        #expect(runs.count.withLock { $0 } == 1)
    }

    private final class Runs: Sendable {
        let count = Mutex(0)
    }
}
