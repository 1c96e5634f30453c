import PondCore
import PondTelemetry
import Testing

@Suite struct SLOCountsTests {
    private let target = ClassTarget(wait: .seconds(10), total: .seconds(30), objective: 0.99, success: 0.995)

    @Test func `a part of the jobs keeps each promise`() {
        let counts =
            SLOCounts(jobs: 900, waitGood: 895, totalGood: 880, successGood: 899)
            + SLOCounts(jobs: 100, waitGood: 95, totalGood: 100, successGood: 100)
        let wait = SLOAttainment(counts, .wait, target)
        #expect(wait.part == 0.99 && wait.isKept && wait.bad == 10)
        #expect(SLOAttainment(counts, .total, target).isKept == false)
        #expect(SLOAttainment(counts, .success, target).part == 0.999)
    }

    @Test func `jobs that are late and have not ended break the promise now`() {
        let counts = SLOCounts(jobs: 1_000, waitGood: 1_000, totalGood: 1_000, successGood: 1_000)
        #expect(SLOAttainment(counts, .wait, target, late: 10).isKept)
        #expect(!SLOAttainment(counts, .wait, target, late: 11).isKept)
        #expect(SLOAttainment(SLOCounts(), .wait, target).isKept)
        #expect(!SLOAttainment(SLOCounts(), .wait, target, late: 1).isKept)
    }

    @Test func `the budget burns as fast as jobs are bad`() throws {
        let fine = SLOAttainment(jobs: 10_000, good: 10_000, objective: 0.99)
        #expect(fine.burnRate == 0 && fine.budgetLeft == 1)
        let exact = SLOAttainment(jobs: 10_000, good: 9_900, objective: 0.99)
        #expect(abs(try #require(exact.burnRate) - 1) < 1e-9)
        let fast = SLOAttainment(jobs: 10_000, good: 9_000, objective: 0.99)
        #expect(abs(try #require(fast.burnRate) - 10) < 1e-9)
        #expect(abs(try #require(fast.budgetLeft) + 9) < 1e-9)
        #expect(SLOAttainment(jobs: 0, good: 0, objective: 0.99).burnRate == nil)
    }

    @Test func `the budget's end is told only when it comes`() throws {
        #expect(SLOAttainment.timeLeft(budget: 0.5, burning: 1) == nil)
        #expect(SLOAttainment.timeLeft(budget: 0.5, burning: 15) == .seconds(86_400))
        #expect(SLOAttainment.timeLeft(budget: -0.1, burning: 0) == .zero)
    }

    @Test func `a target is read as it was written`() throws {
        for jobClass in JobClass.allCases {
            let target = ClassTarget.standard(jobClass)
            #expect(ClassTarget(text: target.text) == target)
            #expect(target.problem == nil)
        }
        #expect(target.text == "10000 30000 0.99 0.995")
    }

    @Test(arguments: ["", "1 2 3", "0 1000 0.9 0.9", "1000 1000 1 0.9", "1000 1000 0.9 nan", "1000 x 0.9 0.9"])
    func `a target that cannot be kept is none`(text: String) {
        #expect(ClassTarget(text: text) == nil)
    }
}
