import Subprocess
import Synchronization

/// The running processes, by worker, for as long as they can be signalled without hitting somebody else.
///
/// A worker is taken out before it is reaped, under the lock that a signal is sent under, so its process id cannot
/// have been given away in between.
final class WorkerHandles: Sendable {
    typealias Send = @Sendable (_ signal: Signal, _ toGroup: Bool) throws -> Void

    private let sends = Mutex<[WorkerID: Send]>([:])

    func add(_ id: WorkerID, _ send: @escaping Send) {
        sends.withLock { $0[id] = send }
    }

    func remove(_ id: WorkerID) {
        sends.withLock { _ = $0.removeValue(forKey: id) }
    }

    /// Sends a signal; a worker that has ended in the meantime needs none.
    func send(_ signal: Signal, to id: WorkerID, wholeGroup: Bool) throws {
        try sends.withLock { try $0[id]?(signal, wholeGroup) }
    }
}
