import Glibc
import Millpond
import Synchronization

/// The terminal as a whole screen: raw keys, no cursor, a picture of its own, and everything as it was afterwards.
struct TerminalScreen: Sendable {
    /// Another screen, no cursor, no wrapping at the edge, and what is pasted marked as such.
    private static let enterText = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l\u{1b}[?2004h"
    /// The same undone, in an order that leaves what was there before.
    static let leaveText: StaticString = "\u{1b}[?2004l\u{1b}[?7h\u{1b}[0m\u{1b}[?25h\u{1b}[?1049l"

    /// Runs `body` with the whole screen, and restores the terminal however it ends, a crash included.
    ///
    /// - Throws: `CommandFailure` when standard input is no terminal; whatever `body` throws.
    static func with<Value>(_ body: (TerminalScreen) async throws -> Value) async throws -> Value {
        var before = termios()
        guard tcgetattr(0, &before) == 0 else {
            throw CommandFailure(.failure, "the terminal cannot be read: \(String(cString: strerror(errno)))")
        }
        CrashRestorer.arm(before)
        var raw = before
        cfmakeraw(&raw)
        // Lines still end as they should when something else writes to the terminal.
        raw.c_oflag |= tcflag_t(OPOST | ONLCR)
        tcsetattr(0, TCSAFLUSH, &raw)
        defer {
            CrashRestorer.disarm()
            // Whatever can be restored is: the terminal may be gone.
            _ = Result { try write(leaveText.description) }
            tcsetattr(0, TCSAFLUSH, &before)
        }
        try write(enterText)
        return try await body(TerminalScreen())
    }

    /// Writes to the terminal.
    func show(_ text: String) throws {
        try Self.write(text)
    }

    private static func write(_ text: String) throws {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                // Somebody who shares the descriptor made it non-blocking.
                var waiting = pollfd(fd: 1, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waiting, 1, 1_000)
            } else if errno != EINTR {
                throw CommandFailure(.outputClosed, "the terminal is gone")
            }
        }
    }

    /// How large it is; 80×24 when the terminal does not say.
    static var size: TerminalSize {
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return TerminalSize(columns: 80, rows: 24)
        }
        return TerminalSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
    }
}

/// The size of a terminal.
struct TerminalSize: Hashable, Sendable {
    var columns: Int
    var rows: Int
}

/// Restores the terminal from the signal that ends a crashing process, then lets that signal do its work.
private enum CrashRestorer {
    /// The modes to go back to and the handlers that were there before.
    private struct Saved {
        var modes: termios
        var handlers: [sigaction]
    }

    private static let signals = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV]
    /// Where the saved state lies, 0 for none: a signal handler may read an atomic, and nothing that takes a lock.
    private static let address = Atomic<UInt>(0)

    static func arm(_ modes: termios) {
        let saved = UnsafeMutablePointer<Saved>.allocate(capacity: 1)
        saved.initialize(to: Saved(modes: modes, handlers: signals.map { _ in sigaction() }))
        address.store(UInt(bitPattern: saved), ordering: .releasing)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { CrashRestorer.restore($0) }
        for (index, signal) in signals.enumerated() {
            sigaction(signal, &action, &saved.pointee.handlers[index])
        }
    }

    /// Puts the handlers back; the few bytes stay, because a handler may be reading them.
    static func disarm() {
        guard let saved = UnsafeMutablePointer<Saved>(bitPattern: address.exchange(0, ordering: .acquiringAndReleasing))
        else { return }
        for (index, signal) in signals.enumerated() { sigaction(signal, &saved.pointee.handlers[index], nil) }
    }

    private static func restore(_ signal: Int32) {
        guard let saved = UnsafeMutablePointer<Saved>(bitPattern: address.load(ordering: .acquiring)) else { return }
        let text = TerminalScreen.leaveText
        _ = Glibc.write(1, text.utf8Start, text.utf8CodeUnitCount)
        tcsetattr(0, TCSANOW, &saved.pointee.modes)
        for (index, known) in signals.enumerated() where known == signal {
            sigaction(signal, &saved.pointee.handlers[index], nil)
        }
        // It comes again when this returns, now with the effect that it had before.
        raise(signal)
    }
}
