import PondCore
import PondScaling
import Testing

@Suite struct SentenceTests {
    private func decision(
        _ from: Int,
        _ to: Int,
        demand: Int,
        wanted: Int? = nil,
        _ change: (inout ScalingDecision) -> Void = { _ in }
    ) -> ScalingDecision {
        let at = ServerTime(milliseconds: 1_795_000_000_000)
        var decision = ScalingDecision(
            queue: "email",
            at: at,
            token: 3,
            from: from,
            to: to,
            demand: demand,
            wanted: wanted ?? to
        )
        decision.waitTarget = 10
        decision.serviceTime = 1.2
        decision.arrivalRate = 14
        decision.load = 16.8
        decision.rateSlots = 17.7
        decision.slots = 4
        decision.workersMin = 1
        decision.workersMax = 10
        change(&decision)
        return decision
    }

    @Test func `growing`() {
        let sentence = decision(6, 9, demand: 9) {
            $0.waiting = 41
            $0.drainSlots = 18
            $0.drainSeconds = 5
        }.sentence
        #expect(
            sentence == "email 6→9: 41 waiting × 1.2s, target 10s, 14 jobs/s arriving (needs 5), "
                + "clearing the excess in 5s needs 4 more; limited by nothing."
        )
    }

    @Test func `growing in steps, by trim and in panic`() {
        #expect(decision(6, 12, demand: 30).sentence.hasSuffix("; growing step by step to 30."))
        let panic = decision(6, 30, demand: 30) {
            $0.isPanic = true
            $0.trim = 1.21
            $0.oldestWait = 9
        }.sentence
        #expect(panic.contains("21% more since jobs waited too long"))
        #expect(panic.contains("in one step since the oldest has waited 9s"))
    }

    @Test func `staying`() {
        let sentence = decision(5, 5, demand: 5).sentence
        #expect(
            sentence == "email stays at 5: nothing waits, 14 jobs/s arriving × 1.2s (needs 5); limited by nothing."
        )
        #expect(decision(6, 6, demand: 5).sentence.hasSuffix("5 would do, which is too close to be worth a move."))
        let least = decision(3, 3, demand: 2) { $0.workersMin = 3 }
        #expect(least.sentence.hasSuffix("kept at its minimum of 3."))
    }

    @Test func `shrinking`() {
        let step = decision(8, 6, demand: 5) { $0.limit = .downWindow }
        #expect(step.sentence.hasPrefix("email 8→6: nothing waits, "))
        #expect(step.sentence.hasSuffix("the work asks for 5, shrinking step by step."))
        let wait = decision(8, 8, demand: 5) { $0.limit = .downWindow }
        #expect(wait.sentence.hasSuffix("the work asks for 5, shrinking when that has lasted."))
        let late = decision(8, 8, demand: 5) {
            $0.limit = .downWindow
            $0.oldestWait = 7
        }
        #expect(late.sentence.hasSuffix("not shrinking while jobs wait so long."))
    }

    @Test func `zero and waking`() {
        let asleep = decision(0, 0, demand: 0)
        #expect(asleep.sentence == "email stays at 0: there is nothing to do; limited by nothing.")
        let sleeping = decision(1, 0, demand: 0)
        #expect(sleeping.sentence == "email 1→0: it has been idle for long enough; limited by nothing.")
        let waking = decision(0, 3, demand: 3) {
            $0.waiting = 50
            $0.arrivalRate = 0
            $0.drainSlots = 10
            $0.drainSeconds = 6
            $0.rateSlots = 0
        }
        let text =
            "email 0→3: 50 waiting × 1.2s, target 10s, clearing the excess in 6s needs 3 more; limited by nothing."
        #expect(waking.sentence == text)
    }

    @Test func `a paused queue`() {
        let sentence = decision(6, 6, demand: 1) {
            $0.isQueuePaused = true
            $0.waiting = 41
            $0.inFlight = 2
            $0.limit = .downWindow
        }.sentence
        let cause = "the queue is paused, so its 41 waiting jobs ask for nothing, 2 still run"
        #expect(sentence == "email stays at 6: \(cause); the work asks for 1, shrinking when that has lasted.")
    }

    @Test(arguments: [
        (LimitingFactor.max, "limited by its maximum of 10, the work asks for 14."),
        (.fleet, "limited by the fleet, which has no free room for the 12 that it wants."),
        (.hostMemory, "limited by the memory of its hosts, which is too little for the 12 that it wants."),
        (.hostCPU, "limited by the processors of its hosts, which are too few for the 12 that it wants."),
        (.pressure, "held back by its hosts, which stall on processor or memory; it wants 12."),
        (.crashLoop, "held since its workers die as soon as they start; it wants 12."),
        (
            .verifyHold,
            "held since jobs run slower and more workers must first show that they finish more; the work asks for 14."
        ),
        (
            .failing,
            "held since 72% of the attempts of the last minute failed, which more workers would not help; "
                + "the work asks for 14."
        ),
    ])
    func `every limit is named`(limit: LimitingFactor, ending: String) {
        let sentence = decision(9, 10, demand: 14, wanted: 12) {
            $0.limit = limit
            $0.failedShare = 0.72
        }.sentence
        #expect(sentence.hasPrefix("email 9→10: nothing waits, 14 jobs/s arriving × 1.2s (needs 5); "))
        #expect(sentence.hasSuffix("; " + ending))
    }

    @Test func `data that is missing`() {
        let sentence = decision(6, 6, demand: 6) {
            $0.limit = .stale
            $0.staleSeconds = 14
        }.sentence
        #expect(sentence == "email stays at 6: no fresh data for 14s, so the size is held.")
    }

    @Test func `orders name who, until when and why`() {
        let until = ServerTime(milliseconds: 1_795_003_200_000)
        func ordered(_ kind: ScalingOrder.Kind, _ limit: LimitingFactor, _ to: Int, wanted: Int? = nil) -> String {
            decision(6, to, demand: 4, wanted: wanted) {
                $0.limit = limit
                $0.order = ScalingOrder(kind: kind, workers: 9, until: until, by: "ann", reason: "sale")
                if kind == .floor { $0.workersMin = 9 }
            }.sentence
        }
        let words = "by ann until 2026-11-18 12:00 UTC (sale)"
        #expect(ordered(.pin, .pinned, 9) == "email 6→9: pinned at 9 \(words); the work asks for 4.")
        #expect(
            ordered(.pin, .pinned, 7, wanted: 9)
                == "email 6→7: pinned at 9 \(words); the work asks for 4; only 7 of 9 fit on the hosts there are."
        )
        #expect(ordered(.pause, .paused, 6) == "email stays at 6: scaling is paused \(words); the work asks for 4.")
        #expect(ordered(.floor, .none, 9).hasSuffix("; kept at 9 or more \(words)."))
    }

    @Test func `every decision of a stormy day reads as one sentence`() {
        for limit in LimitingFactor.allCases {
            for (from, to) in [(0, 0), (0, 4), (4, 0), (4, 4), (4, 9), (9, 4)] {
                for demand in [0, 4, 9, 40] {
                    let sentence = decision(from, to, demand: demand) { $0.limit = limit }.sentence
                    #expect(sentence.hasPrefix("email ") && sentence.hasSuffix("."))
                    #expect(!sentence.contains("  ") && !sentence.contains("; .") && !sentence.contains(".."))
                }
            }
        }
    }
}
