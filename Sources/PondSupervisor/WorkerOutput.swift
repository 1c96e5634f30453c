import Logging
import PondCore
import Synchronization
import SystemPackage

/// Where the output of workers goes, for one supervisor or for several that share a descriptor: only one thread writes to
/// it, so that the lines of all stay whole.
final class WorkerOutput: Sendable {
    private let descriptor: FileDescriptor
    private let logger: Logger
    private let state = Mutex<(forwarder: LineForwarder?, users: Int)>((nil, 0))

    init(_ descriptor: FileDescriptor, logger: Logger) {
        self.descriptor = descriptor
        self.logger = logger
    }

    /// The forwarder, started for the first who asks; each who asked says ``leave(clock:)`` in the end.
    func join() throws -> LineForwarder {
        try state.withLock { state in
            let forwarder = try state.forwarder ?? LineForwarder(to: descriptor, logger: logger)
            state.forwarder = forwarder
            state.users += 1
            return forwarder
        }
    }

    /// The last to leave waits for the reader to get the last lines, at most a second.
    func leave(clock: LocalClock) async {
        let last = state.withLock { state -> LineForwarder? in
            state.users -= 1
            guard state.users == 0 else { return nil }
            defer { state.forwarder = nil }
            return state.forwarder
        }
        await last?.finish(clock: clock)
    }
}
