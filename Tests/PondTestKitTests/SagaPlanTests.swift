import PondCore
import PondSaga
import PondTestKit
import PondWorker
import Synchronization
import Testing

/// Sagas whose handler is another one after a deploy.
struct SagaPlanTests {
    private final class Ledger: Sendable {
        private let entries = Mutex<[String]>([])

        var all: [String] { entries.withLock { $0 } }
        func add(_ entry: String) { entries.withLock { $0.append(entry) } }
    }

    private struct Broken: Error {}

    private func makeSaga(_ run: @escaping @Sendable (JobContext) async throws -> Void) throws -> TestSaga {
        try TestSaga(JobRegistration(kind: "flow", run: run), RawPayload(Array("{}".utf8)))
    }

    @Test func `a step with an undo that has another name after a deploy is not run once more`() async throws {
        let ledger = Ledger()
        let build = Mutex(1)
        let saga = try makeSaga { job in
            let isNew = build.withLock { $0 } == 2
            try await job.step("label") { _ in
                ledger.add("label")
            } undo: { _ in
                ledger.add("undo label")
            }
            if isNew { try await job.step("check") { _ in ledger.add("check") } }
            try await job.step(isNew ? "charge-card" : "charge") { _ in
                ledger.add("charge")
            } undo: { _ in
                ledger.add("undo charge")
            }
            try await job.sleep("cool-off", for: .seconds(60))
        }
        try await saga.run()
        build.withLock { $0 = 2 }
        saga.advance(by: .seconds(60))
        try await saga.run()
        #expect(saga.state == .paused && saga.reason == "plan_mismatch: charge (handler: charge-card)")
        #expect(ledger.all == ["label", "charge", "check"])
    }

    @Test func `a saga that undoes names the step at which the handler left its way, not the one behind it`()
        async throws
    {
        let ledger = Ledger()
        let build = Mutex(1)
        let saga = try makeSaga { job in
            let isNew = build.withLock { $0 } == 2
            try await job.step(isNew ? "room" : "hotel") { _ in
            } undo: { _ in
                ledger.add("undo hotel")
            }
            try await job.step("payment") { _ in
            } undo: { _ in
                ledger.add("undo payment")
            }
            try await job.sleep("cool-off", for: .seconds(60))
        }
        try await saga.run()
        build.withLock { $0 = 2 }
        saga.cancel()
        try await saga.run()
        #expect(saga.state == .paused && saga.reason == "plan_mismatch: hotel (handler: room)")
        #expect(ledger.all.isEmpty)
    }

    @Test(arguments: [nil, 3])
    func `what must not be run twice pauses the saga when it fails, at once and with its error`(
        retries: Int?
    ) async throws {
        let ledger = Ledger()
        let saga = try makeSaga { job in
            try await job.step("mail", effect: .once, retries: retries) { _ in
                ledger.add("mail")
                throw Broken()
            }
        }
        let performed = try await saga.run()
        #expect(saga.state == .paused && saga.reason == "step_unknown: mail" && ledger.all == ["mail"])
        #expect(performed.outcome == .released)
    }

    @Test func `a cancel behind a pivot changes nothing unless it is forced`() async throws {
        let ledger = Ledger()
        let saga = try makeSaga { job in
            try await job.step("hotel") { _ in
            } undo: { _ in
                ledger.add("undo hotel")
            }
            try await job.step("payment", pivot: true) { _ in }
            try await job.sleep("cool-off", for: .seconds(60))
        }
        try await saga.run()
        saga.cancel()
        #expect(saga.state == .waiting)
        saga.cancel(force: true)
        try await saga.run()
        #expect(saga.state == .cancelled && ledger.all == ["undo hotel"])
    }

    @Test func `steps with an undo that run beside each other are not taken for renamed ones`() async throws {
        let ledger = Ledger()
        let saga = try makeSaga { job in
            async let left: Void = {
                // Longer than the other step needs to be begun again.
                try await LocalClock.system.sleep(.milliseconds(30))
                try await job.step("left") { _ in
                    ledger.add("left")
                } undo: { _ in
                }
            }()
            async let right: Void = {
                try await job.sleep("nap", for: .seconds(60))
                try await job.step("right") { _ in
                    ledger.add("right")
                } undo: { _ in
                }
            }()
            try await left
            try await right
        }
        try await saga.run()
        saga.advance(by: .seconds(60))
        try await saga.run()
        #expect(saga.state == .done && ledger.all == ["left", "right"])
    }
}
