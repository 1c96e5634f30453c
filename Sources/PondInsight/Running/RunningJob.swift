package import PondCore
package import PondQueue

/// A job that a worker has in its hands, as the worker's last beat tells it.
package struct RunningJob: Sendable, Hashable {
    /// Its queue's name.
    package var queue: String
    /// Its id.
    package var id: JobID
    /// What it is; nil when the worker did not say.
    package var kind: String?
    /// The number of the try, from 1.
    package var attempt: Int?
    /// How long it had been running at the beat.
    package var run: Duration
    /// How far it is, from 0 to 1.
    package var progress: Double?
    /// What its handler last said.
    package var note: String?
    /// The worker's name in the group.
    package var worker: String

    package init(
        queue: String,
        id: JobID,
        kind: String? = nil,
        attempt: Int? = nil,
        run: Duration = .zero,
        progress: Double? = nil,
        note: String? = nil,
        worker: String
    ) {
        self.queue = queue
        self.id = id
        self.kind = kind
        self.attempt = attempt
        self.run = run
        self.progress = progress
        self.note = note
        self.worker = worker
    }

    /// What some workers of some queues say that they run, in one round trip and one command a queue.
    ///
    /// A worker tells of at most ten jobs, the longest first, and one that is no Millpond worker may tell of none.
    ///
    /// - Parameter workers: the queues, and the names of the workers of each.
    /// - Returns: the jobs by queue and worker; also empty lists, of workers that run nothing of the queue.
    package static func read(
        _ workers: [(queue: Queue, names: [String])],
        on pond: Pond
    ) async throws -> [String: [String: [RunningJob]]] {
        var found: [String: [String: [RunningJob]]] = [:]
        for ((queue, names), abouts) in zip(workers, try await pond.abouts(of: workers)) {
            for (name, about) in zip(names, abouts) {
                let jobs = WorkerAbout(json: about ?? "")?.jobs ?? []
                found[queue.name.text, default: [:]][name] = jobs.compactMap {
                    RunningJob($0, of: queue.name.text, by: name)
                }
            }
        }
        return found
    }

    /// Nil for a job of another queue that the worker serves too: that queue tells of it.
    private init?(_ job: WorkerAbout.Running, of queue: String, by worker: String) {
        guard job.id.hasPrefix(queue + "/") else { return nil }
        let seconds = job.seconds.flatMap { $0.isFinite ? min(max($0, 0), 1e9) : nil } ?? 0
        self.init(
            queue: queue,
            id: JobID(String(job.id.dropFirst(queue.count + 1))),
            kind: job.kind,
            attempt: job.attempt,
            run: .milliseconds(Int64(seconds * 1_000)),
            progress: job.progress.flatMap { $0.isFinite ? min(max($0, 0), 1) : nil },
            note: job.note,
            worker: worker
        )
    }
}
