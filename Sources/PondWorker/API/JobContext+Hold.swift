import PondCore
import Synchronization

extension JobContext {
    /// Waits for what the job needs and cannot hurry, as a program to be started or a limit: the time of the try stands still
    /// meanwhile, and no heartbeat is expected.
    ///
    /// Of several waits at a time the first begins it and the last ends it.
    ///
    /// - Parameters:
    ///   - time: bounded by whoever calls.
    ///   - note: what is waited for, shown where the job's progress is.
    /// - Throws: `CancellationError` when the job is stopped meanwhile.
    package func hold(for time: Duration, _ note: String) async throws {
        progress.withLock { progress in
            if progress.holds == 0 { (progress.heldSince, progress.noteBefore) = (clock.now(), progress.note) }
            progress.holds += 1
            progress.note = note
        }
        defer {
            progress.withLock { progress in
                let now = clock.now()
                progress.lastHeartbeat = now
                progress.holds -= 1
                guard progress.holds == 0 else { return }
                progress.held = progress.held(at: now)
                (progress.heldSince, progress.note) = (nil, progress.noteBefore)
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
