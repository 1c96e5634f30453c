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

    /// Makes the bridge, and asks the program of `--exec` for its kinds, which shows whether it can run at all; other
    /// programs are started by the first jobs.
    ///
    /// - Throws: `PondError` or `CommandFailure`, when an address is none, a file cannot be read, or the program cannot
    ///   run: a worker that is not ready takes no job, and a rolling restart ends with it.
    func open(_ logger: Logger) async throws -> [JobRegistration] {
        guard let made = try makeBridge(logger) else { return [] }
        bridge.withLock { $0 = made }
        let kinds = options.kinds.flatMap { $0.split(separator: ",").map { String($0) } }
        let announced = try await announcedKinds(of: made)
        guard kinds.isEmpty, let announced else {
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

    private func announcedKinds(of bridge: any Bridge) async throws -> [AnnouncedKind]? {
        guard let bridge = bridge as? ExecBridge else { return nil }
        do throws(BridgeFailure) {
            return try await bridge.announcedKinds()
        } catch {
            await bridge.close()
            throw CommandFailure(
                .failure,
                "the handler cannot start: \(error.text)",
                hint: "mend the program of --exec; no job was taken, and no try was counted"
            )
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
