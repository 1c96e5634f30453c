import Glibc
import PondCore
import Synchronization

/// A real `redis-server` for tests: its own directory, a unix socket and a loopback port, gone when the test is gone.
///
/// The server cannot outlive the test process: a small shell holds one end of a socket pair, and when the test process
/// ends in any way (SIGKILL included) the shell reads the end of file, kills the server and removes the directory.
/// `setpriv --pdeathsig` is not used because that signal fires when the *thread* that started the server ends.
public final class RedisServer: Sendable {
    /// What the server was started with.
    public let options: Options
    /// The server's directory: data, log, socket, certificates.
    ///
    /// Removed at the end of `withServer`.
    public let directory: String

    let state: Mutex<State>
    let guardian: Guardian

    struct State: Sendable {
        var ports: Ports
        var process: pid_t?
    }

    struct Ports: Sendable {
        var plain: UInt16
        var tls: UInt16
    }

    /// Starts a server, runs `body` with it, then kills the server and removes its directory.
    ///
    /// - Throws: `RedisServerError` when the server does not start, or whatever `body` throws.
    public static func withServer<R>(
        _ options: Options = Options(),
        isolation: isolated (any Actor)? = #isolation,
        _ body: (RedisServer) async throws -> R
    ) async throws -> R {
        let server = try RedisServer(options)
        defer { server.end() }
        try await server.start()
        return try await body(server)
    }

    init(_ options: Options) throws {
        self.options = options
        directory = try Self.makeDirectory()
        guardian = try Guardian(directory: directory)
        state = Mutex(State(ports: try Self.freePorts(), process: nil))
        if options.tls { try Self.makeCertificates(in: directory) }
        if !options.aclUsers.isEmpty { try writeACL() }
    }

    /// The process id of the running server; nil while it is stopped.
    public var pid: Int32? { state.withLock { $0.process } }

    /// Starts the server and waits until it is ready; does nothing when it runs already.
    ///
    /// The first start picks other ports when its own are taken; later starts keep their ports.
    /// - Parameter readiness: what to wait for. Defaults to the answer to a PING.
    public func start(until readiness: Readiness = .answering) async throws {
        guard pid == nil else { return }
        for attempt in 1... {
            try launch()
            switch try await waitUntilReady(readiness) {
            case .ready: return
            case .exited(let log) where log.contains("Address already in use") && attempt < Self.portTriesMax:
                if !hasRunBefore { try state.withLock { $0.ports = try Self.freePorts() } }
                try await LocalClock.system.sleep(.milliseconds(20))
            case .exited(let log):
                throw RedisServerError("redis-server exited while it started; the end of its log:\n\(log)")
            }
        }
    }

    /// Ends the server with SIGKILL and returns when the process is gone; does nothing when it is stopped.
    public func kill() {
        guard let process = pid else { return }
        _ = Glibc.kill(process, SIGKILL)
        reap(process, flags: 0)
    }

    /// Ends the server with SIGTERM, after 10 seconds with SIGKILL; returns when the process is gone.
    public func stop() async throws {
        guard let process = pid else { return }
        resume()
        _ = Glibc.kill(process, SIGTERM)
        let deadline = LocalClock.system.now() + .seconds(10)
        while LocalClock.system.now() < deadline {
            if reap(process, flags: WNOHANG) { return }
            try await LocalClock.system.sleep(.milliseconds(2))
        }
        kill()
    }

    /// Kills the server with SIGKILL and starts it again on the same data, ports and socket.
    public func restart(until readiness: Readiness = .answering) async throws {
        kill()
        try await start(until: readiness)
    }

    /// Stops the process from running (SIGSTOP); its sockets stay open and silent.
    public func pause() {
        if let process = pid { _ = Glibc.kill(process, SIGSTOP) }
    }

    /// Lets a paused process run on (SIGCONT).
    public func resume() {
        if let process = pid { _ = Glibc.kill(process, SIGCONT) }
    }

    /// What `start` and `restart` wait for.
    public enum Readiness: Sendable {
        /// The server answers PING (or asks for a password): it has loaded its data.
        case answering
        /// The server accepts connections; it may still be LOADING.
        case accepting
    }

    private func end() {
        kill()
        guardian.end()
    }
}

/// Why a test's `redis-server` could not be started.
public struct RedisServerError: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
