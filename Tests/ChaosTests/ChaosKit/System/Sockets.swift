import Glibc

/// Plain sockets, for the ledger and the proxy, which must not share the code that is under test.
enum Sockets {
    static func listen(unix path: String) throws -> Int32 {
        unlink(path)
        let file = socket(AF_UNIX, stream | Int32(SOCK_NONBLOCK.rawValue), 0)
        let isBound = try with(unix: path) { bind(file, $0, $1) == 0 && Glibc.listen(file, 128) == 0 }
        guard isBound else { throw ChaosError("no socket at \(path): \(ChaosError.system)") }
        return file
    }

    static func connect(unix path: String) throws -> Int32 {
        let file = socket(AF_UNIX, stream, 0)
        guard try with(unix: path, { Glibc.connect(file, $0, $1) == 0 }) else {
            let reason = ChaosError.system
            close(file)
            throw ChaosError("nobody listens at \(path): \(reason)")
        }
        return file
    }

    /// A listening socket on a loopback port that the kernel picks.
    static func listenOnLoopback() throws -> (file: Int32, port: UInt16) {
        let file = socket(AF_INET, stream | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return bind(file, pointer, length) == 0 && Glibc.listen(file, 128) == 0
                && getsockname(file, pointer, &length) == 0
        }
        guard isListening else { throw ChaosError("no loopback port: \(ChaosError.system)") }
        return (file, UInt16(bigEndian: address.sin_port))
    }

    /// Begins to connect; the socket does not block.
    static func connectToLoopback(port: UInt16) -> Int32 {
        let file = socket(AF_INET, stream | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = loopback(port: port)
        _ = withUnsafeBytes(of: &address) { bytes in
            Glibc.connect(file, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        noDelay(file)
        return file
    }

    /// Accepts without blocking; negative when nobody is there.
    static func accept(_ listener: Int32) -> Int32 {
        let file = Glibc.accept(listener, nil, nil)
        guard file >= 0 else { return file }
        // Two steps, because `accept4` is not visible from here; nothing is spawned by this process meanwhile that
        // would mind the descriptor.
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        _ = fcntl(file, F_SETFL, O_NONBLOCK)
        noDelay(file)
        return file
    }

    static func noDelay(_ file: Int32) {
        var on: Int32 = 1
        setsockopt(file, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Closes with a reset instead of an orderly end.
    static func reset(_ file: Int32) {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(file, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close(file)
    }

    /// Sends all of it, waiting where it must.
    static func sendAll(_ bytes: [UInt8], to file: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(file, $0.baseAddress?.advanced(by: sent), $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    private static let stream = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        return address
    }

    private static func with<R>(unix path: String, _ body: (UnsafePointer<sockaddr>?, socklen_t) -> R) throws -> R {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw ChaosError("\(path) is too long for a unix socket; choose a shorter folder")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafeBytes(of: &address) { bytes in
            body(bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
    }
}

/// Threads of their own, for loops that block.
package enum Threads {
    private final class Work: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }

    /// Runs `body` on a new, detached thread.
    package static func start(_ body: @escaping @Sendable () -> Void) throws {
        var thread = pthread_t()
        let work = Unmanaged.passRetained(Work(body))
        let code = pthread_create(
            &thread,
            nil,
            { pointer in
                if let pointer { Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body() }
                return nil
            },
            work.toOpaque()
        )
        guard code == 0 else {
            work.release()
            throw ChaosError("no thread: \(String(cString: strerror(code)))")
        }
        pthread_detach(thread)
    }
}
