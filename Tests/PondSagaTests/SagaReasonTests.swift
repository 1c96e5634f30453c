import PondSaga
import Testing

/// Reasons and errors of sagas that other parts read.
struct SagaReasonTests {
    @Test(arguments: [
        PlanMismatch("hotel"), PlanMismatch("hotel", instead: "room"), PlanMismatch("a step#2", instead: "b (c)"),
        PlanMismatch("hotel", flaw: "its result does not decode as Optional<(Int, Int)>"),
    ])
    func `a mismatch is read as it was written`(mismatch: PlanMismatch) {
        #expect(PlanMismatch(reason: mismatch.reason) == mismatch, "\(mismatch.reason)")
    }

    @Test func `another reason is no mismatch`() {
        for reason in ["", "plan_mismatch", "step_unknown: hotel", "forward_only: plan_mismatch: x"] {
            #expect(PlanMismatch(reason: reason) == nil)
        }
    }

    @Test func `the job that undoes a step is found in the error of its undo`() {
        let job = UndoJob(address: "trips/1796-0n")
        #expect(UndoJob(error: "flow_undo: \(job.text): hotel down") == job)
        for error in ["", "hotel down", "its undo is job ", "its undo is job , which is dead"] {
            #expect(UndoJob(error: error) == nil)
        }
    }
}
