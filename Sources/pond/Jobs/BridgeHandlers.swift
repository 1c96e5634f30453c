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

    /// Makes the bridge, and asks its program for its kinds when none was given; other programs are started by the first
    /// jobs.
    ///
    /// - Throws: `PondError` or `CommandFailure`, when an address is none or a file cannot be read.
    func open(_ logger: Logger) async throws -> [JobRegistration] {
        guard let made = try makeBridge(logger) else { return [] }
        bridge.withLock { $0 = made }
        let kinds = options.kinds.flatMap { $0.split(separator: ",").map { String($0) } }
        guard kinds.isEmpty, let announced = await (made as? ExecBridge)?.announcedKinds() else {
            return made.registrations(kinds: kinds, compensates: options.compensates).map(withPolicy)
        }
        guard !announced.isEmpty else {
            throw PondError(.invalidConfiguration, "the program of --exec says that it has a handler for no kind")
        }
        logger.info(
            "the handler announces its kinds",
            metadata: ["kinds": "\(announced.map(\.kind).joined(separator: " "))"]
        )
        return zip(announced, made.registrations(kinds: announced.map(\.kind), compensates: options.compensates)).map {
            withPolicy($0.limiting($1))
        }
    }

    func close() async { await bridge.withLock(\.self)?.close() }

    private func makeBridge(_ logger: Logger) throws -> (any Bridge)? {
        if let command = options.exec { return try ExecBridge(command, slots: slots, logger: logger) }
        if let command = options.execOnce { return try ExecOnceBridge(command, slots: slots, logger: logger) }
        guard let address = options.http else { return nil }
        let http = try HTTPSecrets(address, headers: options.httpHeader, bearerFile: options.httpBearerFile)
        return HTTPBridge(http.address, headers: http.headers, connections: slots, logger: logger)
    }

    private func withPolicy(_ registration: JobRegistration) -> JobRegistration {
        var registration = registration
        if let attempts = options.attempts { registration = registration.retrying(times: attempts) }
        if let backoff = options.backoff {
            registration = registration.retrying(times: registration.policy.attemptsMax, backoff: backoff)
        }
        if let timeout = options.jobTimeout { registration = registration.timeout(timeout) }
        if let interval = options.heartbeatEvery { registration = registration.heartbeatEvery(interval) }
        return registration
    }
}
