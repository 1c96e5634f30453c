import ChaosKit
import Testing

@Suite struct CheckerTests {
    @Test func `a good run is green`() {
        var scene = Scene()
        scene.phase("warm-up")
        scene.live("a")
        scene.live("b", key: "k")
        scene.fault("worker-kill")
        scene.phase("heal")
        scene.live("c")
        scene.phase("census")
        #expect(Checker(scene.history).verdict == .green)
    }

    @Test func `I1 an acknowledged job without effect or place is lost`() {
        var scene = Scene()
        scene.enqueue("a")
        #expect(scene.broken == [.noLoss])
        scene.place("a", "ready")
        #expect(scene.broken == [])
    }

    @Test func `I1 done without an effect is a loss too`() {
        var scene = Scene()
        scene.enqueue("a")
        scene.deliver("a")
        scene.end("a")
        #expect(scene.broken == [.noLoss])
    }

    @Test(arguments: ["cancelled", "expired", "duplicate"])
    func `I1 a job that ended otherwise needs no effect`(end: String) {
        var scene = Scene()
        scene.enqueue("a")
        scene.end("a", end)
        #expect(scene.broken == [])
    }

    @Test func `I1 an unknown outcome may be lost or kept`() {
        var scene = Scene()
        scene.add(.of(.enqueueInvoke) { ($0.job, $0.sha) = ("a", "aa") })
        scene.add(.of(.enqueueInfo) { $0.job = "a" })
        #expect(scene.broken == [])
        scene.deliver("a")
        scene.effect("a")
        scene.end("a")
        #expect(scene.broken == [])
    }

    @Test func `I1 a job behind the group's back is in nobody's reach`() {
        var scene = Scene()
        scene.enqueue("a")
        scene.place("a", "passed")
        #expect(scene.broken.contains(.noLoss))
        #expect(scene.broken.contains(.conservation))
    }

    @Test func `I2 a delivery that nobody enqueued is a phantom`() {
        var scene = Scene()
        scene.live("a")
        scene.deliver("ghost")
        #expect(scene.broken == [.noPhantom])
    }

    @Test func `I3 a guarded effect happens once for its scope`() {
        var scene = Scene()
        scene.live("a")
        scene.guarded("a", "effect")
        #expect(scene.broken == [])
        scene.guarded("a", "effect")
        #expect(scene.broken == [.effectivelyOnce])
    }

    @Test func `I3 two jobs with one key may not both run`() {
        var scene = Scene()
        scene.live("a", key: "k")
        scene.enqueue("b", key: "k")
        scene.end("b", "duplicate")
        #expect(scene.broken == [])
        scene.live("c", key: "k")
        #expect(scene.broken == [.effectivelyOnce])
    }

    @Test func `I3 an honest redelivery is reported and not failed`() {
        var scene = Scene()
        scene.enqueue("a")
        scene.deliver("a", fence: 1)
        scene.effect("a", fence: 1)
        scene.deliver("a", to: "w2", fence: 2, recoveries: 1)
        scene.effect("a", fence: 2, by: "w2")
        scene.end("a")
        #expect(scene.broken == [])
        #expect(Figures(scene.history).redeliveries == 1)
    }

    @Test func `I3 one fence makes one effect`() {
        var scene = Scene()
        scene.live("a")
        scene.effect("a")
        #expect(scene.broken == [.effectivelyOnce])
    }

    @Test func `I4 an accepted fence never falls`() {
        var scene = Scene()
        scene.enqueue("a")
        scene.deliver("a", fence: 1)
        scene.deliver("a", to: "w2", fence: 2)
        scene.effect("a", fence: 2, by: "w2")
        scene.effect("a", fence: 1, accepted: false)
        scene.end("a")
        #expect(scene.broken == [])
        scene.effect("a", fence: 1)
        #expect(scene.broken == [.fenceMonotone])
    }

    @Test func `I4 every delivery has a fence of its own, if the queue has fences`() {
        func scene(_ features: String) -> Scene {
            var scene = Scene(features: features)
            scene.live("a")
            scene.deliver("a", to: "w2")
            return scene
        }
        #expect(scene("fences").broken == [.fenceMonotone])
        #expect(scene("keys").broken == [])
    }

    @Test func `I5 a delivery before its time is early`() {
        func scene(late: Int64) -> Scene {
            var scene = Scene()
            scene.enqueue("a", due: 1_000)
            scene.wait(1_000 + late)
            scene.deliver("a")
            scene.effect("a")
            scene.end("a")
            return scene
        }
        #expect(scene(late: 0).broken == [])
        #expect(scene(late: -30).broken == [], "within what clocks differ by")
        #expect(scene(late: -300).broken == [.neverEarly])
    }

    @Test func `I5 the judge is Redis' clock, also when somebody turns it`() {
        var scene = Scene()
        scene.enqueue("a", due: 10_000)
        scene.fault("redis-clock", n: 15_000)
        scene.deliver("a")
        scene.effect("a")
        scene.end("a")
        #expect(scene.broken == [])
        scene = Scene()
        scene.fault("redis-clock", n: 15_000)
        scene.enqueue("a", due: 10_000)
        scene.deliver("a")
        scene.effect("a")
        scene.end("a")
        #expect(scene.broken == [.neverEarly], "it was turned back before the job came")
    }

    @Test func `I6 the payload arrives as it was given`() {
        var scene = Scene()
        scene.enqueue("a")
        scene.deliver("a", sha: "bb")
        scene.effect("a")
        scene.end("a")
        #expect(scene.broken == [.payloadIntact])
    }

    @Test func `I7 a job ends once`() {
        var scene = Scene()
        scene.live("a")
        scene.end("a")
        #expect(scene.broken.contains(.oneEnd))
        scene = Scene()
        scene.live("b")
        scene.place("b", "dead")
        #expect(scene.broken.contains(.oneEnd))
    }

    @Test func `I7 each end is counted once, in its class`() {
        func scene(_ counts: [(String, Int64)]) -> Scene {
            var scene = Scene()
            scene.live("p0-4")
            scene.live("p0-5")
            scene.enqueue("p0-6")
            scene.deliver("p0-6")
            scene.place("p0-6", "dead", "failed")
            for (name, count) in [("slo", 1), ("done", 2), ("dead", 1)] + counts {
                scene.add(.of(.count) { ($0.text, $0.n) = (name, count) })
            }
            return scene
        }
        let good: [(String, Int64)] = [
            ("slo:A:jobs", 1), ("slo:A:well", 1), ("slo:B:jobs", 1), ("slo:B:well", 1), ("slo:C:jobs", 1),
        ]
        #expect(scene(good).broken == [])
        #expect(scene(good.filter { $0.0 != "slo:C:jobs" }).broken == [.oneEnd])
        #expect(scene(good + [("slo:A:jobs", 1), ("slo:B:jobs", -1)]).broken == [.oneEnd])
        #expect(scene(good + [("slo:C:well", 1)]).broken == [.oneEnd])
    }

    @Test func `I8 attempts and recoveries have bounds`() {
        var scene = Scene()
        scene.live("a")
        scene.deliver("a", fence: 2, attempt: 4)
        #expect(scene.broken == [.budgets])
        scene = Scene()
        scene.live("b")
        scene.deliver("b", fence: 2, recoveries: 3)
        #expect(scene.broken == [.budgets])
    }

    @Test func `I8 what kills its worker is quarantined once`() {
        var scene = Scene()
        scene.enqueue("p", type: "poison")
        scene.deliver("p")
        scene.place("p", "dead", "poison")
        #expect(scene.broken == [])
        scene = Scene()
        scene.enqueue("p", type: "poison")
        scene.deliver("p")
        scene.effect("p")
        scene.end("p")
        #expect(scene.broken == [.budgets])
    }

    @Test func `I8 what spends its money is dead for want of it, after three tries`() {
        for (attempt, cause, isRight) in [
            (3, "budget_exhausted:usd", true), (4, "budget_exhausted:usd", false), (2, "attempts_exhausted", false),
            (1, "poison", true),
        ] {
            var scene = Scene()
            scene.enqueue("m", type: "paid")
            scene.deliver("m", attempt: attempt)
            scene.place("m", "dead", cause)
            let broken = scene.broken.contains(.budgets)
            #expect(broken != isRight, "\(attempt) \(cause)")
        }
    }

    @Test func `I9 an id is in one place`() {
        var scene = Scene()
        scene.live("a")
        scene.place("a", "held")
        #expect(scene.broken.contains(.conservation))
        scene = Scene()
        scene.live("b")
        scene.add(.of(.censusFault) { $0.text = "held or due alone: 1-1" })
        #expect(scene.broken == [.conservation])
    }

    @Test func `I9 an acknowledged id is somewhere`() {
        var scene = Scene()
        scene.enqueue("a")
        scene.deliver("a")
        scene.effect("a")
        #expect(scene.broken == [])
        scene.phase("census")
        #expect(scene.broken == [.conservation])
    }

    @Test func `I11 what outlives its supervisor is an orphan`() {
        var scene = Scene()
        scene.live("a")
        scene.add(.of(.descriptors) { ($0.pid, $0.n) = (7, 3) })
        #expect(scene.broken == [])
        for kind in [EventKind.orphan, .zombie, .parked] {
            var scene = scene
            scene.add(.of(kind) { $0.pid = 7 })
            #expect(scene.broken == [.supervision])
        }
        scene.add(.of(.descriptors) { ($0.pid, $0.n) = (7, 300) })
        #expect(scene.broken == [.supervision])
    }

    @Test func `I12 due work is delivered soon after the faults`() {
        func scene(wait: Int64, due: Int64?) -> Scene {
            var scene = Scene()
            scene.enqueue("a", due: due)
            scene.phase("heal")
            scene.wait(wait)
            scene.deliver("a")
            scene.effect("a")
            scene.end("a")
            return scene
        }
        #expect(scene(wait: 1_000, due: nil).broken == [])
        #expect(scene(wait: 100_000, due: nil).broken == [.liveness])
        #expect(scene(wait: 100_000, due: 100_000).broken == [], "it was not due yet")
    }

    @Test func `I12 what still waits at the end, and who idles while work waits`() {
        var scene = Scene()
        scene.phase("heal")
        scene.enqueue("a")
        scene.place("a", "ready")
        #expect(scene.broken == [.liveness])
        scene = Scene()
        scene.phase("heal")
        scene.add(.of(.stall) { $0.n = 1_500 })
        #expect(scene.broken == [])
        scene.add(.of(.stall) { $0.n = 2_500 })
        #expect(scene.broken == [.liveness])
    }

    @Test func `a fault that never fired makes a run inconclusive`() {
        var scene = Scene()
        scene.setup("faults", "worker-kill,redis-kill")
        scene.live("a")
        scene.fault("worker-kill")
        #expect(Checker(scene.history).verdict == .inconclusive)
        #expect(Checker(scene.history).gates.filter { !$0.isReached }.map(\.name) == ["fault redis-kill"])
        scene.fault("redis-kill")
        #expect(Checker(scene.history).verdict == .green)
    }

    @Test func `a path that was never taken makes a run inconclusive`() {
        var scene = Scene(features: "fences")
        scene.setup("gates", "all")
        scene.enqueue("p", type: "poison")
        scene.place("p", "dead", "poison")
        scene.effect("p", fence: 2)
        scene.effect("p", fence: 1, accepted: false)
        #expect(Checker(scene.history).verdict == .inconclusive)
        scene.add(.of(.count) { ($0.text, $0.n) = ("reclaimed", 4) })
        #expect(Checker(scene.history).verdict == .green)
    }
}

@Suite struct ChainRuleTests {
    private func broken(_ rows: [(String, String)], end: String? = "done") -> [Invariant] {
        var scene = Scene()
        scene.enqueue("s", type: "chain")
        scene.deliver("s")
        scene.effect("s")
        for (action, step) in rows { scene.guarded("s", step, action) }
        if let end { scene.end("s", end) }
        return scene.broken
    }

    private let all = [("do", "reserve"), ("do", "charge"), ("do", "book"), ("do", "confirm")]

    @Test func `I10 a chain that is complete, compensated or under way is whole`() {
        #expect(broken(all) == [])
        #expect(broken(Array(all[..<2]) + [("undo", "charge"), ("undo", "reserve")]) == [])
        #expect(broken(Array(all[..<2]), end: nil) == [])
    }

    @Test func `I10 half a chain, and undoing in the wrong order, are not`() {
        #expect(broken(Array(all[..<2])) == [.chain])
        #expect(broken(Array(all[..<2]) + [("undo", "charge")]) == [.chain])
        #expect(broken(Array(all[..<2]) + [("undo", "reserve"), ("undo", "charge")]) == [.chain])
    }

    @Test func `I10 an undo that happens twice is found`() {
        let rows = Array(all[..<2]) + [("undo", "charge"), ("undo", "charge"), ("undo", "reserve")]
        #expect(broken(rows).contains(.chain))
    }
}
