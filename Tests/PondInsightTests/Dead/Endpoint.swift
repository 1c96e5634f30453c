import Glibc
import Synchronization

/// A port of this machine that somebody listens on, or nobody.
final class Endpoint: Sendable {
    /// Why a call to it failed.
    struct Refused: Error, CustomStringConvertible {
        let description: String
    }

    let port: UInt16
    private let listener = Mutex<Int32?>(nil)

    /// Finds a free port; nobody listens yet.
    init() throws {
        let found = try Self.listen(on: 0)
        close(found.descriptor)
        port = found.port
    }

    deinit { stop() }

    func start() throws {
        let descriptor = try Self.listen(on: port).descriptor
        listener.withLock { $0 = descriptor }
    }

    func stop() {
        listener.withLock { descriptor in
            if let descriptor { close(descriptor) }
            descriptor = nil
        }
    }

    /// Connects to it, as a client does.
    func call(_ path: String) throws {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = Self.address(port)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            throw Refused(description: "POST http://127.0.0.1:\(port)/\(path): \(String(cString: strerror(errno)))")
        }
        // Takes the connections that came, so that its queue never fills.
        listener.withLock { descriptor in
            guard let descriptor else { return }
            while case let accepted = accept(descriptor, nil, nil), accepted >= 0 { close(accepted) }
        }
    }

    private static func listen(on port: UInt16) throws -> (descriptor: Int32, port: UInt16) {
        // Not inherited: a child of another test would go on listening.
        let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        let descriptor = socket(AF_INET, Int32(kind), 0)
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = Self.address(port)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && Glibc.listen(descriptor, 1_024) == 0
                    && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard result else {
            throw Refused(description: "cannot listen on \(port): \(String(cString: strerror(errno)))")
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }
}
