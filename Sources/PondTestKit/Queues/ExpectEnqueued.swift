import PondCore
public import PondQueue
public import PondWorker
public import Testing

/// Expects that a queue holds a job of a kind, and answers with the first one.
///
/// ```swift
/// try await expectEnqueued(SendEmail.self, in: queue) { $0.to == "a@b.c" }
/// ```
///
/// Looks at what waits, is held, or is in flight, in a Redis of the test's own; an expectation that fails lists the jobs that are
/// there. A payload that is no such value is not a job that was asked for.
@discardableResult
public func expectEnqueued<Handler: JobHandler>(
    _ handler: Handler.Type,
    in queue: Queue,
    sourceLocation: SourceLocation = #_sourceLocation,
    where isWanted: (Handler.Payload) throws -> Bool = { _ in true }
) async throws -> EnqueuedJob? {
    try await expectEnqueued(kind: handler.kind, in: queue, sourceLocation: sourceLocation) { job in
        // What does not decode is another job than the one that is asked for.
        guard let payload = try? job.payload(as: Handler.Payload.self) else { return false }
        return try isWanted(payload)
    }
}

/// The same for a job of any kind, by what is known of it.
@discardableResult
public func expectEnqueued(
    kind: String,
    in queue: Queue,
    sourceLocation: SourceLocation = #_sourceLocation,
    where isWanted: (EnqueuedJob) throws -> Bool = { _ in true }
) async throws -> EnqueuedJob? {
    try expectEnqueued(
        kind: kind,
        among: try await queue.enqueuedJobs(),
        sourceLocation: sourceLocation,
        where: isWanted
    )
}

/// The same among the children of a job that the test ran, as in
/// `try expectEnqueued(kind: "email.send", among: performed.enqueued)`.
@discardableResult
public func expectEnqueued(
    kind: String,
    among jobs: [EnqueuedJob],
    sourceLocation: SourceLocation = #_sourceLocation,
    where isWanted: (EnqueuedJob) throws -> Bool = { _ in true }
) throws -> EnqueuedJob? {
    let found = try jobs.first { try $0.kind.text == kind && isWanted($0) }
    if found == nil {
        let there = jobs.isEmpty ? "no job is there" : jobs.prefix(20).map { "  \($0)" }.joined(separator: "\n")
        Issue.record(
            "no job of kind \(kind) is enqueued as expected; there are:\n\(there)",
            sourceLocation: sourceLocation
        )
    }
    return found
}

extension Queue {
    /// The jobs that have not ended and are not dead: what waits, in the order of the streams, and what is held.
    ///
    /// For tests, which have few jobs: it reads all of them.
    public func enqueuedJobs() async throws -> [EnqueuedJob] {
        var jobs: [EnqueuedJob] = []
        for place in ExportPlace.allCases where place != .dead {
            var position = ""
            var hasMore = true
            while hasMore {
                let page = try await export(place, after: position, upTo: "")
                jobs += page.jobs.compactMap { found in
                    guard case .success(let job) = found.job else { return nil }
                    return EnqueuedJob(job)
                }
                position = page.position
                hasMore = page.hasMore
            }
        }
        return jobs
    }
}
