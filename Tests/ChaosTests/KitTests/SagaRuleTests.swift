import ChaosKit
import Testing

@Suite struct SagaRuleTests {
    private let kept = [("a", "armed"), ("b", "armed"), ("c", "armed")]
    private let undone = [("a", "done"), ("b", "done"), ("c", "done")]

    /// A saga that did `a` and `b`, was told no at `c`, and turned.
    private func turned(undoing steps: [String], fence: Int64 = 2) throws -> SagaScene {
        var scene = try SagaScene()
        scene.keep("a", "b")
        scene.pay("c", .no)
        scene.journal("turned", "compensated\nfailed: no")
        for step in steps { scene.pay(step, undo: true, fence: fence) }
        return scene
    }

    @Test func `a saga that is done, and one that has undone all, is whole`() throws {
        var scene = try SagaScene()
        scene.keep("a", "b", "c")
        scene.end("done", kept)
        #expect(scene.broken == [])
        #expect(SagaFigures(scene.history).balance == 15 && SagaFigures(scene.history).kept == 15)
        scene = try turned(undoing: ["b", "a"])
        scene.end("compensated", undone)
        #expect(scene.broken == [])
        #expect(SagaFigures(scene.history).balance == 0)
    }

    @Test func `I13 a saga ends once, and as its job does`() throws {
        var scene = try SagaScene()
        scene.keep("a", "b", "c")
        scene.journal("saga_ended", "compensated")
        scene.end("done", kept)
        #expect(scene.broken == [.sagaEnd])
        scene = try SagaScene()
        scene.keep("a", "b", "c")
        scene.end("done", kept, job: "cancelled")
        #expect(scene.broken == [.sagaEnd])
        scene = try SagaScene()
        scene.keep("a", "b", "c")
        scene.end("done", kept)
        scene.journal("woken", "timer")
        #expect(scene.broken.contains(.sagaEnd))
    }

    @Test func `I14 undos run newest first`() throws {
        var scene = try turned(undoing: ["a", "b"])
        scene.end("compensated", undone)
        #expect(scene.broken == [.sagaUndo])
    }

    @Test func `I14 what was kept is not done again, and what is done has every step`() throws {
        var scene = try SagaScene()
        scene.keep("a", "b")
        scene.pay("a", fence: 2, .again)
        scene.keep("c", fence: 2)
        scene.end("done", kept)
        #expect(scene.broken == [.sagaUndo])
        scene = try SagaScene()
        scene.keep("a", "b", "c")
        scene.end("done", Array(kept[..<2]))
        #expect(scene.broken == [.sagaUndo])
    }

    @Test func `I14 a delivery that has lost its saga keeps nothing`() throws {
        var scene = try SagaScene()
        scene.keep("a")
        scene.pay("b")
        scene.pay("b", fence: 2, .again)
        #expect(scene.broken == [])
        scene.mark("kept", "b", fence: 1)
        #expect(scene.broken == [.sagaUndo])
    }

    @Test func `I14 a delivery that was stopped may read what a later one has done`() throws {
        var scene = try SagaScene()
        scene.keep("a")
        scene.pay("b", fence: 2)
        scene.mark("kept", "b", fence: 2)
        scene.mark("kept", "b", fence: 1)
        #expect(scene.broken == [])
    }

    @Test func `I15 nothing begins after the turn`() throws {
        var scene = try turned(undoing: ["b"])
        scene.pay("c", fence: 3)
        scene.pay("c", undo: true, fence: 4)
        scene.pay("a", undo: true, fence: 4)
        scene.end("compensated", undone)
        #expect(scene.broken.contains(.sagaTurn))
    }

    @Test func `I15 a worker that was stopped in a step may end it, and the provider does it no more`() throws {
        var scene = try turned(undoing: ["b", "a"])
        scene.pay("c", fence: 1, .void)
        scene.end("compensated", undone)
        #expect(scene.broken == [])
    }

    @Test func `I16 an effect that is not undone, and one that is done twice, is in the books`() throws {
        var scene = try turned(undoing: ["b"])
        scene.end("compensated", undone)
        #expect(scene.broken == [.sagaBalance])
        scene = try SagaScene()
        scene.keep("a", "b", "c")
        scene.pay("c")
        scene.end("done", kept)
        #expect(scene.broken == [.sagaBalance])
        #expect(SagaFigures(scene.history).doubled == 1)
        scene = try SagaScene()
        scene.keep("a", "b", "c")
        scene.pay("c", undo: true, fence: -1)
        scene.end("done", kept)
        #expect(scene.broken == [.sagaBalance])
    }

    @Test func `I4 a delivery that has lost its saga begins nothing more`() throws {
        var scene = try SagaScene(["a", "b", "c", "d", "e"].map { PlanMove(.step, $0) })
        scene.keep("a")
        scene.keep("b", fence: 2)
        scene.pay("c")
        #expect(scene.broken == [], "what it had begun")
        scene.pay("d")
        #expect(scene.broken == [.fenceMonotone])
    }

    @Test func `I17 a sleep is not early, and nothing waits for ever`() throws {
        var scene = try SagaScene([PlanMove(.sleep, "nap", work: 500)])
        scene.mark("sleeps", "nap")
        scene.wait(300)
        scene.mark("slept", "nap")
        #expect(scene.broken == [.sagaWait])
        scene = try SagaScene([PlanMove(.sleep, "nap", work: 500)])
        scene.mark("sleeps", "nap")
        scene.wait(500)
        scene.mark("slept", "nap")
        #expect(scene.broken == [])
        scene.end("waiting", [])
        #expect(scene.broken == [.sagaWait])
    }

    @Test func `I17 a saga is woken once for each time that it waits`() throws {
        var scene = try SagaScene()
        for (event, detail) in [("waiting", "5 nap"), ("woken", "timer"), ("waiting", "7 nap"), ("woken", "timer")] {
            scene.journal(event, detail)
        }
        #expect(scene.broken == [])
        scene.journal("woken", "timer")
        #expect(scene.broken == [.sagaWait])
    }

    @Test func `I17 a join is over when its children are`() throws {
        var move = PlanMove(.fanOut, "pages")
        move.children = (0..<3).map { SagaPlan(name: "saga-1.pages.\($0)", moves: []) }
        for (least, done, isRight) in [(nil, 3, true), (nil, 2, false), (1, 1, true), (1, 0, false), (0, 0, true)] {
            move.atLeast = least
            var scene = try SagaScene([move])
            scene.mark("joined", "pages", Int64(done))
            #expect(scene.broken == (isRight ? [] : [.sagaWait]), "\(done) of \(least ?? 3)")
        }
    }

    @Test func `I18 a token is used once, and its saga sees what was taken`() throws {
        func scene(_ answers: [(Int64, String)], seen: [Int64]) throws -> SagaScene {
            var scene = try SagaScene()
            for (value, said) in answers { scene.answer(value, said) }
            for value in seen { scene.mark("answered", "pay", value) }
            return scene
        }
        #expect(try scene([(7, "resolved"), (7, "same"), (8, "conflict")], seen: [7, 7]).broken == [])
        #expect(try scene([(7, "resolved"), (8, "resolved")], seen: [7]).broken == [.sagaToken])
        #expect(try scene([(7, "resolved"), (8, "conflict")], seen: [8]).broken == [.sagaToken])
        #expect(try scene([(7, "resolved")], seen: [7, 8]).broken == [.sagaToken])
    }
}

@Suite struct ProviderTests {
    private func request(_ isUndo: Bool = false, _ trouble: Trouble? = nil) -> PaymentRequest {
        PaymentRequest(
            saga: "s",
            id: "1-0",
            key: "1-0:a",
            step: "a",
            isUndo: isUndo,
            fence: 1,
            cents: 5,
            trouble: trouble
        )
    }

    @Test func `a key is done once and undone once, and never done after it was undone`() {
        var provider = Provider()
        #expect([request(), request()].map { provider.handle($0) } == [.applied, .again])
        #expect([request(true), request(true), request()].map { provider.handle($0) } == [.undone, .again, .void])
        var early = Provider()
        #expect([request(true), request()].map { early.handle($0) } == [.nothing, .void])
    }

    @Test func `trouble happens so many times`() {
        var busy = Provider()
        #expect((0..<3).map { _ in busy.handle(request(false, Trouble(.busy, 2))) } == [.busy, .busy, .applied])
        var lost = Provider()
        #expect((0..<2).map { _ in lost.handle(request(false, Trouble(.lost, 1))) } == [.appliedLost, .again])
        var no = Provider()
        #expect((0..<2).map { _ in no.handle(request(false, Trouble(.no, 9))) } == [.no, .no])
    }

    @Test func `a request is a line of words, and the same again when it is read`() {
        var request = request(true, Trouble(.lost, 2))
        request.token = "t0k-en"
        #expect(PaymentRequest(words: request.words.map { $0[...] }) == request)
    }

    @Test func `sagas are drawn by the seed, of every shape, with names of their own`() {
        func draw() -> [SagaPlan] {
            var draw = SagaDraw(seed: 5)
            return (0..<90).map { _ in draw.next().plan }
        }
        let plans = draw()
        #expect(plans == draw())
        let all = plans.flatMap(\.all)
        #expect(Set(all.map(\.name)).count == all.count)
        let kinds = Set(all.flatMap { $0.moves.map(\.kind) })
        #expect(kinds == [.step, .once, .pair, .sleep, .signal, .callback, .fanOut])
        #expect(Set(all.flatMap { $0.moves.map(\.answer) }).isSuperset(of: [.early, .late, .twice, .conflict, .never]))
    }
}
