import PondCore
import PondQueue
import PondSaga
import PondTestKit
import Testing

/// What every store of sagas answers: Redis, and the memory that `TestSaga` has instead.
///
/// A test of a handler is worth something only when both say the same.
@Suite(.redis) struct SagaStoreTests {
    private let failed = SagaTurn.failed(cause: .failed, error: "no")

    private func isRefused(_ answer: StepAnswer) -> Bool { if case .refused = answer { true } else { false } }
    private func isRefused(_ answer: CommitAnswer) -> Bool { if case .refused = answer { true } else { false } }
    private func isRefused(_ answer: WaitAnswer) -> Bool { if case .refused = answer { true } else { false } }
    private func isRefused(_ answer: SagaMove) -> Bool { if case .refused = answer { true } else { false } }

    private func run(_ store: any SagaStore, _ name: String, _ result: [UInt8] = [1], pivot: Bool = false) async throws
    {
        let answer = try await store.begin(StepBegin(name, hasUndo: true, isPivot: pivot))
        #expect(answer == .go(attempt: 1, token: nil))
        #expect(try await store.commit(name, .done(result: result)) == .kept)
    }

    @Test(arguments: SagaStage.allCases)
    func `a step that is done gives its result, and ends once`(stage: SagaStage) async throws {
        try await stage.play { bed in
            let store = try await bed.next()
            #expect(try await store.read() == nil)
            try await run(store, "a", [7])
            #expect(try await store.begin(StepBegin("a", hasUndo: true)).record?.result == [7])
            #expect(try await store.commit("a", .done(result: [7])) == .kept)
            #expect(isRefused(try await store.commit("a", .done(result: [8]))))
            #expect(isRefused(try await store.commit("a", .failed(error: "no", isCertain: true))))
            #expect(isRefused(try await store.commit("b", .done(result: []))))
            let large = [UInt8](repeating: 0, count: Limits.stepResultBytesMax + 1)
            #expect(try await store.begin(StepBegin("c")) == .go(attempt: 1, token: nil))
            #expect(isRefused(try await store.commit("c", .done(result: large))))
            #expect(try await store.read()?["a"]?.undo == .armed)
        }
    }

    @Test(arguments: SagaStage.allCases)
    func `a begin that is asked again by its own worker counts once`(stage: SagaStage) async throws {
        try await stage.play { bed in
            let store = try await bed.next()
            for _ in 0..<2 { #expect(try await store.begin(StepBegin("a")) == .go(attempt: 1, token: nil)) }
            #expect(try await store.commit("a", .retry(error: "busy")) == .kept)
            for _ in 0..<2 { #expect(try await store.begin(StepBegin("a")) == .go(attempt: 2, token: nil)) }
            let after = try await bed.afterCrash()
            #expect(try await after.begin(StepBegin("a")) == .go(attempt: 3, token: nil))
            #expect(try await store.commit("a", .done(result: [])) == .lost)
            #expect(try await store.begin(StepBegin("b")) == .lost)
        }
    }

    @Test(arguments: SagaStage.allCases)
    func `what must not run again is unknown after a crash, and runs again after a failure`(
        stage: SagaStage
    ) async throws {
        try await stage.play { bed in
            let store = try await bed.next()
            let once = StepBegin("a", effect: .once)
            #expect(try await store.begin(once) == .go(attempt: 1, token: nil))
            #expect(try await store.commit("a", .retry(error: "busy")) == .kept)
            #expect(try await store.begin(once) == .go(attempt: 2, token: nil))
            #expect(try await bed.afterCrash().begin(once).record?.state == .unknown)
        }
    }

    /// How a try before the last one ended.
    enum Before: CaseIterable, Sendable {
        case nothing, failure, crash
    }

    @Test(arguments: SagaStage.allCases, Before.allCases)
    func `a certain failure needs no undo, unless an earlier try may have happened`(
        stage: SagaStage,
        before: Before
    ) async throws {
        try await stage.play { bed in
            var store = try await bed.next()
            let pay = StepBegin("pay", hasUndo: true)
            _ = try await store.begin(pay)
            if before == .failure {
                #expect(try await store.commit("pay", .retry(error: "timed out")) == .kept)
                _ = try await store.begin(pay)
            }
            if before == .crash {
                store = try await bed.afterCrash()
                _ = try await store.begin(pay)
            }
            #expect(try await store.commit("pay", .failed(error: "declined", isCertain: true)) == .kept)
            let record = try #require(try await store.read()?["pay"])
            #expect(record.state == .failed && record.error == "declined")
            #expect(record.undo == (before == .nothing ? .skipped : .armed))
            let turn = try await store.turn(failed, spent: nil)
            #expect(turn == (before == .nothing ? .refused("nothing to undo") : .moved))
        }
    }

    @Test(arguments: SagaStage.allCases)
    func `another input or kind is a mismatch`(stage: SagaStage) async throws {
        try await stage.play { bed in
            let store = try await bed.next()
            _ = try await store.begin(StepBegin("a", fingerprint: "x"))
            for other in [StepBegin("a", fingerprint: "y"), StepBegin("a", kind: .callback, token: "t")] {
                guard case .mismatch(let record) = try await store.begin(other) else {
                    Issue.record("no mismatch: \(other)")
                    continue
                }
                #expect(record.fingerprint == "x")
            }
        }
    }

    @Test(arguments: SagaStage.allCases)
    func `what comes before the wait is found by it, and what comes after wakes`(stage: SagaStage) async throws {
        try await stage.play { bed in
            var store = try await bed.next()
            let signal = SagaWait("go", .signal("go"), within: nil)
            #expect(isRefused(try await store.wait([SagaWait("pay", .callback, within: nil)], spent: nil)))
            #expect(isRefused(try await store.wait([SagaWait("all", .children, within: nil)], spent: nil)))
            try await bed.signal("go", [1])
            #expect(try await store.wait([signal], spent: nil).record?.result == [1])
            let ask = StepBegin("pay", kind: .callback, token: "t-1")
            #expect(try await store.begin(ask) == .go(attempt: 1, token: "t-1"))
            #expect(try await store.commit("pay", .sent) == .kept)
            let waits = [SagaWait("pay", .callback, within: nil), SagaWait("more", .signal("more"), within: nil)]
            #expect(try await store.wait(waits, spent: nil) == .parked)
            try await bed.answer("pay", token: "t-1", [9])
            store = try await bed.next()
            #expect(try await store.wait(waits, spent: nil).record?.result == [9])
            #expect(try await store.read()?["more"]?.state == .waiting)
        }
    }

    @Test(arguments: SagaStage.allCases)
    func `undos run newest first, one after the other, and all before the end`(stage: SagaStage) async throws {
        try await stage.play { bed in
            let first = try await bed.next()
            #expect(try await first.turn(failed, spent: nil) == .refused("nothing to undo"))
            for name in ["a", "b", "c"] { try await run(first, name) }
            await #expect(throws: (any Error).self) { try await first.beginUndo("c") }
            #expect(isRefused(try await first.end(.compensated, "")))
            #expect(try await first.turn(failed, spent: nil) == .moved)
            let store = try await bed.next()
            #expect(try await store.begin(StepBegin("d")) == .undoing)
            #expect(try await store.beginUndo("c") == .go(attempt: 1))
            await #expect(throws: (any Error).self) { try await store.beginUndo("b") }
            #expect(try await store.endUndo("c", .retry(error: "busy")) == .moved)
            #expect(try await store.beginUndo("c") == .go(attempt: 2))
            for _ in 0..<2 { #expect(try await store.endUndo("c", .done) == .moved) }
            #expect(try await store.beginUndo("c") == .over)
            #expect(isRefused(try await store.endUndo("c", .stuck(error: "no"))))
            #expect(try await store.beginUndo("a") == .go(attempt: 1))
            #expect(try await store.endUndo("a", .skipped) == .moved)
            await #expect(throws: (any Error).self) { try await store.beginUndo("b") }
            #expect(isRefused(try await store.end(.compensated, "")))
            #expect(isRefused(try await store.end(.done, "")))
            #expect(try await store.end(.stuck, "b: no") == .moved)
            #expect(try await store.read()?.state == .stuck)
        }
    }

    @Test(arguments: SagaStage.allCases)
    func `behind a pivot neither a failure nor a cancel turns it`(stage: SagaStage) async throws {
        try await stage.play { bed in
            let store = try await bed.next()
            try await run(store, "a")
            try await run(store, "b", pivot: true)
            #expect(try await store.turn(failed, spent: nil) == .refused("pivot b"))
            #expect(try await store.turn(.cancelled("stop"), spent: nil) == .refused("pivot b"))
            #expect(try await store.read()?.state == .running)
        }
    }

    @Test(arguments: SagaStage.allCases)
    func `a saga that is paused begins nothing, and one that has ended neither`(stage: SagaStage) async throws {
        try await stage.play { bed in
            let store = try await bed.next()
            #expect(isRefused(try await store.pause("look", spent: nil)))
            try await run(store, "a")
            #expect(try await store.end(.done, "") == .moved)
            #expect(try await store.end(.done, "") == .moved)
            #expect(isRefused(try await store.begin(StepBegin("b"))))
            #expect(isRefused(try await store.pause("look", spent: nil)))
            #expect(isRefused(try await store.end(.failed, "")))
        }
    }
}
