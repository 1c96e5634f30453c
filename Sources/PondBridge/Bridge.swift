import PondCore
public import PondWorker

/// Handlers that are not written in Swift: a way to hand jobs to another program.
public protocol Bridge: Sendable {
    /// Has a job run, and takes its outcome from the answer.
    func run(_ job: JobContext) async throws
    /// Ends what is left of the programs; called when no job runs any more.
    func close() async
}

extension Bridge {
    /// Registrations for these kinds, or for every kind when none is given.
    ///
    /// - Parameter compensates: whether the program knows what a job is that is to be undone, and is given those too.
    ///   Defaults to no: one that does not look would do the work again.
    public func registrations(kinds: [String], compensates: Bool = false) -> [JobRegistration] {
        let run: @Sendable (JobContext) async throws -> Void = { try await self.run($0) }
        let plain =
            kinds.isEmpty
            ? [JobRegistration.everyOtherKind(run: run)] : kinds.map { JobRegistration(kind: $0, run: run) }
        return compensates ? plain.map { $0.compensate(run) } : plain
    }
}
