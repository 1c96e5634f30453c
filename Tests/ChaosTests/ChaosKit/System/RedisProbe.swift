import Glibc

/// Asks a Redis whether it is there, on a new connection each time: no client's patience is in the answer.
package enum RedisProbe {
    /// Whether the server at a unix socket answers PING; one that still loads does not.
    package static func answers(_ path: String) -> Bool {
        // Nobody listens: that is an answer too.
        guard let file = try? Sockets.connect(unix: path) else { return false }
        defer { close(file) }
        guard Sockets.sendAll(Array("PING\r\n".utf8), to: file) else { return false }
        var waiting = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, 1_000) > 0 else { return false }
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = recv(file, &buffer, buffer.count, 0)
        return buffer.prefix(max(0, count)).starts(with: "+PONG".utf8)
    }
}
