import Glibc
import Logging
import PondCore
import Synchronization

/// What all handlers of a worker share.
final class HandlerWorld: Sendable {
    let logger: Logger
    let clock: LocalClock
    /// Watches over them from outside.
    let guardian: ChildGuard
    /// Variables by which a supervisor speaks to this worker, and which would mean something to a worker in a handler.
    static let workersOwn = [
        "MILLPOND_LIFELINE", "MILLPOND_METRICS", "MILLPOND_READY", "MILLPOND_READY_PID", "MILLPOND_SLOT",
        "MILLPOND_SLOTS",
        "MILLPOND_SUPERVISOR", "MILLPOND_SUPERVISOR_PID",
    ]
    private let mark: String
    private let count = Atomic(0)

    init(_ logger: Logger, _ clock: LocalClock) {
        // A handler that ends while it is written to must not end its worker.
        signal(SIGPIPE, SIG_IGN)
        self.logger = logger
        self.clock = clock
        mark = "\(getpid()).\(String(UInt64.random(in: .min ... .max), radix: 36))"
        guardian = ChildGuard(mark: mark, logger: logger)
    }

    /// The word by which a handler and all that it starts are known.
    func nextMark() -> String { "\(mark)-\(count.wrappingAdd(1, ordering: .relaxed).newValue)" }
}
