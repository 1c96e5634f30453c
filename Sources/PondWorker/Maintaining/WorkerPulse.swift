package import PondCore
import Synchronization

/// What came of a worker's heartbeats, by queue: whoever asks whether the worker lives reads it here.
package final class WorkerPulse: Sendable {
    /// The heartbeats of one queue.
    package struct Beats: Sendable, Hashable {
        /// When the last one was tried; nil before the first.
        package var tried: LocalInstant?
        /// When the last one succeeded; nil before that.
        package var succeeded: LocalInstant?
        /// Why the last one failed; nil when it did not.
        package var failure: String?
    }

    private let clock: LocalClock
    private let state: Mutex<[String: Beats]>

    init(_ queues: [String], _ clock: LocalClock) {
        self.clock = clock
        state = Mutex(Dictionary(queues.map { ($0, Beats()) }, uniquingKeysWith: { first, _ in first }))
    }

    func tries(_ queue: QueueName) {
        let now = clock.now()
        state.withLock { $0[queue.text, default: Beats()].tried = now }
    }

    func worked(_ queue: QueueName) {
        let now = clock.now()
        state.withLock { state in
            state[queue.text, default: Beats()].succeeded = now
            state[queue.text]?.failure = nil
        }
    }

    func failed(_ queue: QueueName, _ error: any Error) {
        state.withLock { $0[queue.text, default: Beats()].failure = "\(error)" }
    }

    /// The heartbeats of every queue.
    package var beats: [String: Beats] { state.withLock { $0 } }
}

extension Worker {
    /// What came of its heartbeats.
    package var pulse: WorkerPulse { parts.pulse }

    /// Whether it has been told to stop.
    package var isStopping: Bool { parts.phase.isStopping }

    /// How old a heartbeat gets before its worker counts as lost.
    package var lease: Duration { parts.configuration.lease }
}
