import Millpond
import PondCore
import PondTestKit
import Synchronization
import Testing

/// The server of metrics over real sockets.
@Suite struct MetricsServerTests {
    private func serve(
        _ content: @escaping @Sendable () async -> String = { "millpond_build_info 1\n" },
        _ body: @escaping (Int) async throws -> Void
    ) async throws {
        let server = MetricsServer(content)
        try await server.serving(on: "127.0.0.1", port: 0) { address in
            let port = try #require(address.split(separator: ":").last.flatMap { Int($0) })
            #expect(address == "127.0.0.1:\(port)")
            try await body(port)
        }
    }

    @Test func `metrics are answered once a connection`() async throws {
        try await serve { port in
            let answer = try await HTTPProbe.ask(port, "GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
            #expect(answer.contains("Connection: close\r\n"))
            #expect(answer.hasSuffix("\r\n\r\nmillpond_build_info 1\n"))
        }
    }

    @Test(
        arguments: [
            ("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "200", "{\"status\":\"ok\",\"causes\":[]}\n"),
            ("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n", "200", "{\"status\":\"ok\",\"causes\":[]}\n"),
            ("HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "200", "\r\n\r\n"),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "404", "/metrics, /healthz and /readyz\n"),
            ("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", "405", "only GET\n"),
            (
                "GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n"
                    + String(repeating: "x", count: 9_000), "413", "too large\n"
            ),
            ("this is no HTTP\r\n\r\n", "400", ""),
            ("GET /metrics HTTP/1.1\r\nX: " + String(repeating: "x", count: 200_000) + "\r\n\r\n", "4", ""),
        ]
    )
    func `everything else is refused, and the server goes on`(request: String, status: String, end: String) async throws
    {
        try await serve { port in
            let answer = try await HTTPProbe.ask(port, request)
            #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(answer.prefix(60))")
            #expect(answer.hasSuffix(end))
            #expect(
                try await HTTPProbe.ask(port, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").hasSuffix("\"causes\":[]}\n")
            )
        }
    }

    @Test func `too many connections are closed, and the next one after them is served`() async throws {
        try await serve { port in
            var open: [HTTPProbe] = []
            for _ in 0..<MetricsServer.connectionsMax { open.append(try HTTPProbe(port)) }
            // Those that say nothing hold all there are; one more is closed without an answer.
            try await eventually { try await HTTPProbe.ask(port, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").isEmpty }
            open = []
            try await eventually {
                try await HTTPProbe.ask(port, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").hasSuffix("\"causes\":[]}\n")
            }
        }
    }

    @Test func `a port that is taken is told with what to do`() async throws {
        try await serve { port in
            do {
                try await MetricsServer { "" }.serving(on: "127.0.0.1", port: port) { _ in }
                Issue.record("the port was had twice")
            } catch let failure as CommandFailure {
                #expect(failure.message.contains("metrics cannot be served on 127.0.0.1:\(port)"))
                #expect(failure.hint?.contains("--metrics-port") == true)
            }
        }
    }

    @Test func `what the body throws comes through, and the port is free again`() async throws {
        struct Oops: Error {}
        let used = Mutex(0)
        // Other tests take ports of this machine meanwhile, but not the same one again and again.
        for attempt in 1...5 {
            await #expect(throws: Oops.self) {
                try await MetricsServer { "" }.serving(on: "127.0.0.1", port: 0) { address in
                    used.withLock { $0 = address.split(separator: ":").last.flatMap { Int($0) } ?? 0 }
                    throw Oops()
                }
            }
            do {
                return try await MetricsServer { "" }.serving(on: "127.0.0.1", port: used.withLock { $0 }) { _ in }
            } catch  where attempt < 5 {
                continue
            }
        }
    }

    private func eventually(_ holds: () async throws -> Bool) async throws {
        try #require(try await Waiting.until(within: .seconds(120), holds), "not within two minutes")
    }
}
