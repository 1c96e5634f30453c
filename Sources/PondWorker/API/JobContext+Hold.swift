import PondCore
import Synchronization

extension JobContext {
    /// Waits for what this worker needs before the job can begin: the time of the try stands still meanwhile, and no heartbeat
    /// is expected.
    ///
    /// - Parameters:
    ///   - time: bounded by whoever calls.
    ///   - note: what is waited for, shown where the job's progress is.
    /// - Throws: `CancellationError` when the job is stopped meanwhile.
    package func hold(for time: Duration, _ note: String) async throws {
        let before = progress.withLock { progress in
            defer { (progress.heldSince, progress.note) = (clock.now(), note) }
            return progress.note
        }
        defer {
            progress.withLock { progress in
                let now = clock.now()
                progress.held = progress.held(at: now)
                (progress.heldSince, progress.note, progress.lastHeartbeat) = (nil, before, now)
            }
        }
        try await clock.sleep(time)
    }
}

extension JobContext.Progress {
    /// How long the job was kept waiting by its worker, and does up to now.
    func held(at now: LocalInstant) -> Duration { held + (heldSince?.duration(to: now) ?? .zero) }

    /// How long nothing has been heard of a handler that could have said something.
    func silence(at now: LocalInstant) -> Duration { heldSince == nil ? lastHeartbeat.duration(to: now) : .zero }
}
