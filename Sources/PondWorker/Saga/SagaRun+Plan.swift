import PondCore
import PondSaga
import Synchronization

extension SagaRun {
    /// How often and how long it is looked whether the handler comes by a step that it seems to have left out: for longer than
    /// a wait may be that keeps its slot.
    private static let looks = 120
    private static let look = Duration.milliseconds(10)

    /// Lets a new step begin that weighs, unless it may be an old one under another name.
    ///
    /// After a deploy a step that was renamed looks like a new one, and would do once more what its old self has done. So a
    /// step that has an undo, or must not run twice, begins only when the handler has come by all such steps that are
    /// remembered: else the undos would not run in the order of the steps either. Steps without an undo may be added anywhere.
    /// - Parameters:
    ///   - name: the new step.
    ///   - isAlone: whether the handler does one thing after the other, so that nothing comes while this is looked at.
    /// - Throws: `Suspended`, when one is left out: then the saga is paused, with that one's name.
    func fit(_ name: String, isAlone: Bool = false) async throws {
        var looks = isAlone ? 0 : Self.looks
        while state.withLock({ !$0.leftOut.isEmpty }), looks > 0 {
            // Another task of the handler may be on its way there, and nothing tells when it is.
            try await LocalClock.system.sleep(Self.look)
            looks -= 1
        }
        let first = state.withLock { state in state.record?.steps.first { state.leftOut.contains($0.name) } }
        if let first { throw stop(.paused(PlanMismatch(first.name, instead: name).reason)) }
    }
}
