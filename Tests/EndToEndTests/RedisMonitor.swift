import Glibc
import PondCore
import Synchronization

/// What clients send to a server, as its MONITOR tells; what functions call inside is left out.
final class RedisMonitor: Sendable {
    private let socket: Int32
    private let lines = Mutex<[String]>([])

    /// Listens to a server on this machine: `redis://127.0.0.1:PORT` or `unix:///PATH`.
    init(_ url: String) throws {
        socket = try RedisMonitor.connect(url)
        let request = Array("MONITOR\r\n".utf8)
        guard write(socket, request, request.count) == request.count else {
            throw TimedOut(description: "the server does not take MONITOR")
        }
        let thread = ReaderThread(of: self)
        thread.start()
    }

    /// The commands since the last time, first words of them.
    ///
    /// - Parameter client: how the addresses of the clients that count begin, such as `127.0.0.1:` for all that use TCP.
    ///   Defaults to everybody's.
    func take(from client: String = "") -> [String] {
        lines.withLock { lines in
            defer { lines = [] }
            return lines.filter { !$0.contains(" lua] ") && RedisMonitor.client($0).hasPrefix(client) }
                .compactMap(RedisMonitor.command)
        }
    }

    /// Whether a command with a text has come since the last time.
    func hasSeen(_ text: String) -> Bool {
        lines.withLock { lines in lines.contains { $0.contains(text) } }
    }

    /// `+1700000000.123 [0 127.0.0.1:4711] "PING"` → `127.0.0.1:4711`.
    private static func client(_ line: String) -> Substring {
        guard let start = line.firstIndex(of: "["), let space = line[start...].firstIndex(of: " ") else { return "" }
        return line[line.index(after: space)...].prefix { $0 != "]" }
    }

    func close() { shutdown(socket, Int32(SHUT_RDWR)) }

    fileprivate func read() {
        var rest = ""
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = Glibc.read(socket, &buffer, buffer.count), count > 0 {
            rest += String(decoding: buffer.prefix(count), as: UTF8.self)
            var found = rest.split(separator: "\r\n", omittingEmptySubsequences: false).map { String($0) }
            rest = found.removeLast()
            lines.withLock { $0 += found }
        }
        Glibc.close(socket)
    }

    /// `+1700000000.123 [0 unix:…] "FCALL_RO" "pond_why" …` → `fcall_ro pond_why`.
    private static func command(_ line: String) -> String? {
        let words = line.split(separator: "\"").enumerated().filter { $0.offset % 2 == 1 }.map {
            $0.element.lowercased()
        }
        guard let verb = words.first else { return nil }
        return verb.hasPrefix("fcall") ? "\(verb) \(words.dropFirst().first ?? "")" : verb
    }

    private static func connect(_ url: String) throws -> Int32 {
        let descriptor: Int32
        var result: Int32
        if let path = url.split(separator: "unix://").first, url.hasPrefix("unix://") {
            descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        } else {
            let port = url.split(separator: ":").last.flatMap { UInt16($0.prefix { $0.isNumber }) } ?? 6_379
            descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        guard result == 0 else { throw TimedOut(description: "no connection to \(url): errno \(errno)") }
        return descriptor
    }
}

/// A thread that reads until the connection ends.
private struct ReaderThread {
    let monitor: RedisMonitor

    init(of monitor: RedisMonitor) { self.monitor = monitor }

    func start() {
        var thread = pthread_t()
        let box = Unmanaged.passRetained(monitor)
        pthread_create(
            &thread,
            nil,
            { argument in
                let monitor = Unmanaged<RedisMonitor>.fromOpaque(argument!).takeRetainedValue()
                monitor.read()
                return nil
            },
            box.toOpaque()
        )
        pthread_detach(thread)
    }
}
