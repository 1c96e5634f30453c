package import PondCore
package import PondQueue
package import PondSaga

// Steps whose kinds and names are data: what runs a flow's document needs them, and a handler that is written in Swift does not.

extension JobContext {
    /// The idempotency key of a step's effect.
    package func stepKey(of name: String) throws -> String { try saga().key(of: name) }

    /// What became of another job of its queue.
    package func report(of id: JobID) async throws -> JobReport { try await queue.job(id) }

    /// Runs child jobs, and waits for them.
    ///
    /// - Parameters:
    ///   - children: the jobs, all of them.
    ///   - undo: undoes what they did; told how each ended, where an open one was never started.
    package func children(
        _ children: SagaChildren,
        undo: (@Sendable ([ChildEnd], StepContext) async throws -> Void)?
    ) async throws -> [ChildEnd] {
        var children = children
        children.hasUndo = undo != nil
        return try await saga().fanOut(children, undo)
    }

    /// Waits for a signal under a step's name.
    package func signal(_ signal: String, in step: String, within time: Duration?) async throws -> RawPayload {
        try await saga().signal(signal, in: step, within: time, .answer)
    }
}
