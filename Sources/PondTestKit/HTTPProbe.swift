import Glibc
import PondCore

/// A connection to a port of this machine, for tests of what listens there.
package final class HTTPProbe: Sendable {
    /// Why there is no answer.
    package struct Failure: Error, CustomStringConvertible {
        /// What the system said.
        package let description: String
    }

    private let descriptor: Int32
    private static let patience = Duration.seconds(20)
    private static let pause = Duration.milliseconds(2)

    /// Connects.
    package init(_ port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else {
            defer { close(descriptor) }
            throw Failure(description: "port \(port): \(String(cString: strerror(errno)))")
        }
    }

    deinit { close(descriptor) }

    /// The body of the answer to a GET.
    package static func get(_ path: String, port: Int) async throws -> String {
        let answer = try await ask(port, "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        guard let end = answer.firstRange(of: "\r\n\r\n") else { throw Failure(description: "no HTTP: \(answer)") }
        return String(answer[end.upperBound...])
    }

    /// Sends a request and reads until the other side closes.
    package static func ask(_ port: Int, _ request: String) async throws -> String {
        let probe = try HTTPProbe(port)
        let deadline = LocalClock.system.now() + patience
        var rest = Array(request.utf8)[...]
        var answer: [UInt8] = []
        while LocalClock.system.now() < deadline {
            rest = rest.dropFirst(probe.push(rest))
            switch probe.pull() {
            case nil where rest.isEmpty || probe.isBroken: return String(decoding: answer, as: UTF8.self)
            case nil: try await LocalClock.system.sleep(pause)
            case let part? where part.isEmpty: try await LocalClock.system.sleep(pause)
            case let part?: answer += part
            }
        }
        throw Failure(description: "port \(port) did not close after \(answer.count) bytes")
    }

    /// - Returns: how many bytes the system took.
    private func push(_ bytes: ArraySlice<UInt8>) -> Int {
        guard !bytes.isEmpty else { return 0 }
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        return max(0, bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, flags) })
    }

    /// - Returns: what has come; nil at the end.
    private func pull() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count < 0, errno == EAGAIN { return [] }
        return count > 0 ? Array(buffer.prefix(count)) : nil
    }

    /// Whether the other side has closed and wants no more.
    private var isBroken: Bool {
        var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&state, 1, 0) > 0 && Int32(state.revents) & (POLLHUP | POLLERR) != 0
    }
}
