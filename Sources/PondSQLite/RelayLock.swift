import Glibc
import PondCore

/// The right to ship from a file, or to fill one: a lock beside it, which the system takes back when its holder dies.
final class RelayLock: Sendable {
    private let descriptor: Int32

    private init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        // Not left to the close: a child that is being started still has the descriptor until it runs its own program.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Takes the lock, nil when another relay has it.
    ///
    /// - Throws: `OutboxError.cannotLock`.
    static func take(beside path: String, _ suffix: String = relaySuffix) throws(OutboxError) -> RelayLock? {
        try take(path + suffix, creating: O_CREAT)
    }

    /// Whether a relay has the lock just now.
    static func isTaken(beside path: String, _ suffix: String = relaySuffix) throws(OutboxError) -> Bool {
        let path = path + suffix
        guard access(path, F_OK) == 0 else { return false }
        let lock = try take(path, creating: 0)
        return lock == nil
    }

    /// What the lock of an outbox's relay is called behind the file's name.
    static let relaySuffix = ".relay.lock"

    private static func take(_ path: String, creating: Int32) throws(OutboxError) -> RelayLock? {
        let descriptor = open(path, O_RDWR | O_CLOEXEC | creating, 0o600)
        guard descriptor >= 0 else { throw failure(path) }
        let lock = RelayLock(descriptor: descriptor)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            if errno == EWOULDBLOCK || errno == EINTR { return nil }
            throw failure(path)
        }
        return lock
    }

    private static func failure(_ path: String) -> OutboxError {
        OutboxError(
            .cannotLock,
            "\(path) cannot be locked: \(String(cString: strerror(errno))); its holder needs to write in that folder"
        )
    }
}
