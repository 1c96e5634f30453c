import ChaosKit
import Glibc
import Synchronization
import Testing

/// A server that answers each line with the same line, and counts what it was asked.
private final class Echo: Sendable {
    let port: UInt16
    private let listener: Int32
    private let lines = Mutex(0)

    var asked: Int { lines.withLock { $0 } }

    init() throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        port = try Plain.listen(listener)
        try Threads.start { [self] in
            while true {
                let file = accept(listener, nil, nil)
                if file < 0 { return }
                _ = Result { try Threads.start { [self] in serve(file) } }
            }
        }
    }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func serve(_ file: Int32) {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while case let count = recv(file, &buffer, buffer.count, 0), count > 0 {
            lines.withLock { $0 += buffer.prefix(count).count { $0 == 0x0a } }
            _ = send(file, buffer, count, Int32(MSG_NOSIGNAL))
        }
        close(file)
    }
}

/// Blocking sockets of a test, with a limit on every wait.
private enum Plain {
    static func listen(_ file: Int32) throws -> UInt16 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return bind(file, pointer, length) == 0 && Glibc.listen(file, 16) == 0
                && getsockname(file, pointer, &length) == 0
        }
        try #require(isListening)
        return UInt16(bigEndian: address.sin_port)
    }

    static func connect(_ port: UInt16) throws -> Int32 {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        let isConnected = withUnsafeBytes(of: &address) { bytes in
            Glibc.connect(file, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count)) == 0
        }
        try #require(isConnected)
        return file
    }

    static func say(_ text: String, to file: Int32) {
        let bytes = Array(text.utf8)
        _ = send(file, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// What comes next: empty at an end or a reset, nil when nothing comes in time.
    static func hear(_ file: Int32, within milliseconds: Int32 = 5_000) -> String? {
        var waiting = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, milliseconds) > 0 else { return nil }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = recv(file, &buffer, buffer.count, 0)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}

@Suite struct ProxyTests {
    private func withProxy(_ body: (FaultProxy, Echo, Int32) throws -> Void) throws {
        let echo = try Echo()
        let proxy = try FaultProxy(upstream: echo.port)
        defer {
            proxy.stop()
            echo.stop()
        }
        let client = try Plain.connect(proxy.port)
        defer { close(client) }
        Plain.say("hello\n", to: client)
        #expect(Plain.hear(client) == "hello\n")
        try body(proxy, echo, client)
    }

    @Test func `a dropped reply belongs to a command that was carried out`() throws {
        try withProxy { proxy, echo, client in
            proxy.strike(.dropReply)
            // The order is taken before the next bytes, because the proxy looks at it first in each turn.
            while proxy.hits[.dropReply] == nil {
                Plain.say("lost\n", to: client)
                if Plain.hear(client) == "" { break }
            }
            #expect(proxy.hits == [.dropReply: 1])
            #expect(echo.asked >= 2)
        }
    }

    @Test func `a reply is cut in half`() throws {
        try withProxy { proxy, _, client in
            proxy.strike(.halfReply)
            var heard = ""
            while true {
                Plain.say("12345678", to: client)
                heard = Plain.hear(client) ?? ""
                if heard != "12345678" { break }
            }
            #expect(heard == "1234")
            #expect(Plain.hear(client) == "")
        }
    }

    @Test func `a reset ends the connection at once`() throws {
        try withProxy { proxy, _, client in
            proxy.strike(.reset)
            #expect(Plain.hear(client) == "")
            let next = try Plain.connect(proxy.port)
            Plain.say("again\n", to: next)
            #expect(Plain.hear(next) == "again\n")
            close(next)
        }
    }

    @Test func `a black hole lets nothing through, and everything when it ends`() throws {
        try withProxy { proxy, echo, client in
            var weather = FaultProxy.Weather()
            weather.blackHoleDown = true
            proxy.set(weather)
            Plain.say("a", to: client)
            // One that was on its way when the hole opened may come through.
            var said = "a"
            if Plain.hear(client, within: 300) != nil {
                Plain.say("b", to: client)
                said = "b"
                #expect(Plain.hear(client, within: 300) == nil)
            }
            proxy.set(FaultProxy.Weather())
            #expect(Plain.hear(client) == said)
        }
    }

    @Test func `bytes are held on their way`() throws {
        try withProxy { proxy, _, client in
            var weather = FaultProxy.Weather()
            (weather.delayUp, weather.delayDown) = (.milliseconds(150), .milliseconds(150))
            proxy.set(weather)
            let clock = ContinuousClock()
            var longest = Duration.zero
            // The weather is taken at the proxy's next turn.
            for _ in 0..<50 where longest < .milliseconds(250) {
                longest = clock.measure {
                    Plain.say("slow", to: client)
                    #expect(Plain.hear(client) == "slow")
                }
            }
            #expect(longest >= .milliseconds(250))
        }
    }
}
