import Millpond
import PondBridge
import Synchronization

/// The handlers that a worker's options name, from the worker's start to its end.
final class BridgeHandlers: Sendable {
    private let options: BridgeOptions
    private let slots: Int
    private let bridge = Mutex<(any Bridge)?>(nil)

    init(_ options: BridgeOptions, _ configuration: WorkerConfiguration) {
        self.options = options
        slots = configuration.slots
    }

    /// Makes the bridge; programs are started by the first jobs.
    ///
    /// - Throws: `PondError.invalidConfiguration`, when an address is none.
    func open(_ logger: Logger) throws(PondError) -> [JobRegistration] {
        guard let made = try makeBridge(logger) else { return [] }
        bridge.withLock { $0 = made }
        let kinds = options.kinds.flatMap { $0.split(separator: ",").map { String($0) } }
        return made.registrations(kinds: kinds, compensates: options.compensates).map(withPolicy)
    }

    func close() async { await bridge.withLock(\.self)?.close() }

    private func makeBridge(_ logger: Logger) throws(PondError) -> (any Bridge)? {
        if let command = options.exec { return try ExecBridge(command, slots: slots, logger: logger) }
        if let command = options.execOnce { return try ExecOnceBridge(command, slots: slots, logger: logger) }
        guard let address = options.http else { return nil }
        return HTTPBridge(try HTTPAddress(address), connections: slots)
    }

    private func withPolicy(_ registration: JobRegistration) -> JobRegistration {
        var registration = registration
        if let attempts = options.attempts { registration = registration.retrying(times: attempts) }
        if let timeout = options.jobTimeout { registration = registration.timeout(timeout) }
        if let interval = options.heartbeatEvery { registration = registration.heartbeatEvery(interval) }
        return registration
    }
}
