import Glibc
import Millpond
import Synchronization

/// Enqueues one job a file of a folder.
struct FolderFeeder: Sendable {
    let queue: Queue
    private let clock: LocalClock

    /// Tries of a batch whose answer was lost, or that Redis could not take just now.
    private static let triesMax = 8
    private static let backoff = Backoff(base: .milliseconds(100), cap: .seconds(5), jitter: 0.2)

    init(_ queue: Queue, clock: LocalClock = .system) {
        self.queue = queue
        self.clock = clock
    }

    /// Enqueues every regular file below the folder; a file that comes and goes meanwhile may be among them or not.
    ///
    /// - Parameters:
    ///   - root: see `FolderFeeder.root(_:)`.
    ///   - onProgress: called after every batch with the number of files enqueued so far; what it throws ends the walk.
    /// - Returns: the number of files, and the folders that could not be read.
    func feed(
        _ root: String,
        onProgress: (Int) throws -> Void = { _ in }
    ) async throws -> (files: Int, obstacles: [FolderWalk.Obstacle]) {
        try await queue.register()
        let walk = Mutex(FolderWalk(root))
        var files = 0
        while true {
            let batch = try await BlockingWork.run { walk.withLock { $0.next(IngestLimits.enqueueBatchMax) } }
            if batch.isEmpty { return (files, walk.withLock { $0.obstacles }) }
            try await enqueue(batch)
            files += batch.count
            try onProgress(files)
        }
    }

    /// A job may be there twice when an answer was lost: both runs write the same row.
    private func enqueue(_ batch: [DocumentPath]) async throws {
        var left = try batch.map { path throws(PondError) in try NewJob(IngestDocument.self, DocumentJob(path)) }
        for attempt in 1... {
            do {
                let answers = try await queue.enqueue(left)
                var failure: QueueError?
                left = try zip(left, answers).compactMap { job, answer throws(QueueError) in
                    guard case .failure(let error) = answer else { return nil }
                    guard error.isTransient else { throw error }
                    failure = error
                    return job
                }
                guard let failure else { return }
                if attempt == Self.triesMax { throw failure }
            } catch let error as QueueError where error.isTransient && attempt < Self.triesMax {
                // The whole batch again, after the rest below.
            }
            try await clock.sleep(Self.backoff.delay(afterFailures: attempt))
        }
    }

    /// The folder's real path: `find` does not follow a symlink that is given to it, people mean where it leads.
    static func root(_ folder: String) throws(CommandFailure) -> String {
        guard let resolved = realpath(folder, nil) else {
            throw CommandFailure(
                .notFound,
                "the folder \(folder) cannot be found: \(String(cString: strerror(errno)))",
                hint: "name a folder that exists, as in --input /usr/share/doc"
            )
        }
        defer { free(resolved) }
        var information = stat()
        guard stat(resolved, &information) == 0, information.st_mode & S_IFMT == S_IFDIR else {
            throw CommandFailure(.usage, "\(folder) is no folder", hint: "name the folder that holds the files")
        }
        return String(cString: resolved)
    }
}
