import Dispatch

/// Work that holds its thread: reading a file, counting its bytes.
///
/// Swift's own pool has one thread a core, which all `async` code of the process shares; such work there would stop
/// the worker's heart. It goes to threads of its own, at most as many at a time as the worker has slots.
enum BlockingWork {
    private static let queue = DispatchQueue(label: "ingest.blocking", attributes: .concurrent)

    /// Runs the work to its end; a task that is cancelled before does not begin it.
    static func run<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
        try Task.checkCancellation()
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try work() }) }
        }
    }
}
