import Subprocess
import Synchronization

/// The running processes, by worker, for as long as they can be signalled without hitting somebody else.
///
/// A worker is taken out before it is reaped, under the lock that a signal is sent under, so its process id cannot
/// have been given away in between.
final class WorkerHandles: Sendable {
    typealias Send = @Sendable (_ signal: Signal, _ toGroup: Bool) throws -> Void
    typealias Write = @Sendable (_ line: String) async throws -> Void

    private let sends = Mutex<[WorkerID: Send]>([:])
    private let writes = Mutex<[WorkerID: Write]>([:])

    /// - Parameters:
    ///   - send: signals the process.
    ///   - write: writes to its lifeline.
    func add(_ id: WorkerID, send: @escaping Send, write: @escaping Write) {
        sends.withLock { $0[id] = send }
        writes.withLock { $0[id] = write }
    }

    func remove(_ id: WorkerID) {
        sends.withLock { _ = $0.removeValue(forKey: id) }
        writes.withLock { _ = $0.removeValue(forKey: id) }
    }

    /// Asks a worker, on its lifeline, to end when its jobs have ended.
    func retire(_ id: WorkerID) async throws {
        guard let write = writes.withLock({ $0[id] }) else { return }
        try await write("\(WorkerEnvironment.retireLine)\n")
    }

    /// Sends a signal; a worker that has ended in the meantime needs none.
    func send(_ signal: Signal, to id: WorkerID, wholeGroup: Bool) throws {
        try sends.withLock { try $0[id]?(signal, wholeGroup) }
    }
}
