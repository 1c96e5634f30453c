import Glibc
import PondCore
import Synchronization

extension RedisServer {
    /// How often a port clash is met with another try.
    static let portTriesMax = 20
    /// How long a start may take; a long LOADING window is cut by `.accepting`.
    static let startTimeMax = Duration.seconds(60)

    enum StartResult {
        case ready
        case exited(log: String)
    }

    /// Whether an earlier start of this server got as far as opening its socket.
    var hasRunBefore: Bool { access(socketPath, F_OK) == 0 }

    /// The shell writes the pid where the guardian looks for it, then becomes the server: no moment without an owner.
    func launch() throws {
        let script = "echo $$ > \"$0\" && exec redis-server \"$@\""
        let process = try Spawn.start(["/bin/sh", "-c", script, "\(directory)/pid"] + serverArguments)
        state.withLock { $0.process = process }
    }

    func waitUntilReady(_ readiness: Readiness) async throws -> StartResult {
        let deadline = LocalClock.system.now() + Self.startTimeMax
        while LocalClock.system.now() < deadline {
            if let process = pid, reap(process, flags: WNOHANG) { return .exited(log: logTail()) }
            if let probe = Probe(path: socketPath) {
                if readiness == .accepting { return .ready }
                if try await probe.answers(until: deadline) { return .ready }
            }
            try await LocalClock.system.sleep(.milliseconds(2))
        }
        kill()
        throw RedisServerError("redis-server was not ready after \(Self.startTimeMax); its log:\n\(logTail())")
    }

    /// Collects the ended process; the pid file goes first, so that the guardian never kills a pid used again.
    @discardableResult
    func reap(_ process: pid_t, flags: Int32) -> Bool {
        var information = siginfo_t()
        while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT | flags) != 0 && errno == EINTR {}
        guard information.si_signo == SIGCHLD else { return false }
        unlink("\(directory)/pid")
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        state.withLock { $0.process = nil }
        return true
    }

    private func logTail() -> String {
        String((FileBytes.read(logFile) ?? "no log file").suffix(2_000))
    }

    static func makeDirectory() throws -> String {
        // Short, because a unix socket's path has 107 bytes.
        var template = Array("/tmp/pond-redis-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw RedisServerError("no directory for a test's Redis in /tmp: \(String(cString: strerror(errno)))")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Two ports that the kernel says are free now; another process may still take them before the server does.
    static func freePorts() throws -> Ports {
        Ports(plain: try freePort(), tls: try freePort())
    }

    private static func freePort() throws -> UInt16 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return bind(socket, pointer, length) == 0 ? getsockname(socket, pointer, &length) : -1
        }
        guard result == 0 else { throw RedisServerError("no free loopback port: \(String(cString: strerror(errno)))") }
        return UInt16(bigEndian: address.sin_port)
    }
}

/// One non-blocking connection to a unix socket that asks PING.
private struct Probe: ~Copyable {
    private let socket: Int32

    /// Nil when nobody accepts connections at `path`.
    init?(path: String) {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        socket = Glibc.socket(AF_UNIX, kind, 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let connected = withUnsafeBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return connect(socket, pointer, socklen_t(bytes.count)) == 0
        }
        // The descriptor is closed by deinit on this way out too.
        guard connected else { return nil }
    }

    deinit { close(socket) }

    /// False when the server is still loading or hung up.
    func answers(until deadline: LocalInstant) async throws -> Bool {
        guard send(socket, "PING\r\n", 6, Int32(MSG_NOSIGNAL)) == 6 else { return false }
        var buffer = [UInt8](repeating: 0, count: 64)
        while LocalClock.system.now() < deadline {
            let count = recv(socket, &buffer, buffer.count, 0)
            if count > 0 {
                let reply = String(decoding: buffer.prefix(count), as: UTF8.self)
                return reply.hasPrefix("+PONG") || reply.hasPrefix("-NOAUTH")
            }
            guard count < 0, errno == EAGAIN || errno == EINTR else { return false }
            try await LocalClock.system.sleep(.milliseconds(1))
        }
        return false
    }
}
