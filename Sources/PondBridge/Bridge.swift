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
    public func registrations(kinds: [String]) -> [JobRegistration] {
        let run: @Sendable (JobContext) async throws -> Void = { try await self.run($0) }
        if kinds.isEmpty { return [.everyOtherKind(run: run)] }
        return kinds.map { JobRegistration(kind: $0, run: run) }
    }
}
