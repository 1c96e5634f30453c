import Glibc
package import Logging
import UnixSignals

/// What SIGHUP means to a program.
package enum HangUp: Sendable {
    /// The terminal is gone: stop.
    case stops
    /// Renew what runs, as daemons do.
    case reloads
    /// Renew what runs; but stop when the terminal is gone that it was started from, which is told by the same signal.
    case reloadsOnTerminal
}

/// The terminal that a process belongs to.
private enum Terminals {
    /// Whether there is one, and it is not gone.
    static var hasOwn: Bool {
        let descriptor = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        close(descriptor)
        return true
    }
}

/// Runs the long-running part of a program under SIGTERM, SIGINT and SIGHUP.
///
/// `body` attaches what it runs to the switch. A signal before that cancels `body`, a second one before that ends the
/// process. There can be one such call in a process.
///
/// - Returns: what `body` returned, nil when it was stopped before it had begun.
package func withStopSignals<Value: Sendable>(
    hangUp: HangUp,
    _ logger: Logger,
    _ body: @escaping @Sendable (StopSwitch) async throws -> Value
) async throws -> Value? {
    let stopSwitch = StopSwitch()
    let hadTerminal = Terminals.hasOwn
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
    let (givenUp, giveUp) = AsyncStream.makeStream(of: Void.self)
    let handle: @Sendable (UnixSignal) -> Void = { signal in
        logger.info("signal received", metadata: ["signal": "\(signal)"])
        if signal == .sighup, hangUp == .reloads || hangUp == .reloadsOnTerminal && hadTerminal == Terminals.hasOwn {
            return stopSwitch.reload()
        }
        switch stopSwitch.signalled() {
        case .told: break
        case .unattended: giveUp.finish()
        case .unattendedAgain: _exit(ExitCodes.interrupted.rawValue)
        }
    }
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { for await signal in signals { handle(signal) } }
        defer { group.cancelAll() }
        return try await cancelled(when: givenUp) { try await body(stopSwitch) }
    }
}

/// Runs `body`, cancelled when `signal` ends; then a body that gave up counts as nil.
private func cancelled<Value: Sendable>(
    when signal: AsyncStream<Void>,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            for await _ in signal {}
            return nil
        }
        do {
            // The waiting task ends first when the signal came, or when this task was cancelled.
            guard let value = try await group.next(), let value else {
                group.cancelAll()
                return try await group.next() ?? nil
            }
            group.cancelAll()
            return value
        } catch is CancellationError where !Task.isCancelled {
            return nil
        }
    }
}
