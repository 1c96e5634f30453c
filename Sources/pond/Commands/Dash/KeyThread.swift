// Reads the keyboard on a thread of its own: a read that waits on Swift's pool would hold one of its few threads for as
// long as nobody types. The same thread sees the terminal change its size, so that no signal is needed for that.

import Glibc
import Millpond
import Synchronization

/// What the terminal says.
enum TerminalEvent: Sendable {
    case bytes([UInt8])
    /// Nothing followed the last bytes for a moment.
    case quiet
    case resized(TerminalSize)
    /// There is no terminal any more.
    case closed
}

/// The thread that listens to standard input until it is stopped.
final class KeyThread: Sendable {
    /// How long it waits for bytes that belong to the last ones, then for the next key, in milliseconds.
    private static let (quietMilliseconds, waitMilliseconds): (Int32, Int32) = (40, 150)

    private let onEvent: @Sendable (TerminalEvent) -> Void
    private let isStopped = Atomic<Bool>(false)

    private init(_ onEvent: @escaping @Sendable (TerminalEvent) -> Void) {
        self.onEvent = onEvent
    }

    /// Starts the thread; it ends soon after ``stop()``.
    ///
    /// - Throws: `CommandFailure` when the system gives no thread.
    static func start(_ onEvent: @escaping @Sendable (TerminalEvent) -> Void) throws -> KeyThread {
        let keys = KeyThread(onEvent)
        try OwnThread.start("to read the keyboard") { keys.listen() }
        return keys
    }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
    }

    private func listen() {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        var size = TerminalScreen.size
        var isFresh = false
        while !isStopped.load(ordering: .relaxed) {
            var waiting = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
            let found = poll(&waiting, 1, isFresh ? Self.quietMilliseconds : Self.waitMilliseconds)
            let present = TerminalScreen.size
            if present != size {
                size = present
                onEvent(.resized(size))
            }
            if found == 0 {
                if isFresh { onEvent(.quiet) }
                isFresh = false
            }
            guard found > 0, !isStopped.load(ordering: .relaxed) else { continue }
            let count = read(0, &buffer, buffer.count)
            if count > 0 {
                onEvent(.bytes(Array(buffer.prefix(count))))
                isFresh = true
            } else if count == 0 || (errno != EINTR && errno != EAGAIN) {
                return onEvent(.closed)
            }
        }
    }
}
