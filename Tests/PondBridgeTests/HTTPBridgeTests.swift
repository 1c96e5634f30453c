import FoundationEssentials
import Glibc
import PondBridge
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// Handlers that are a web service: a real one, in Python.
@Suite(.redis) struct HTTPBridgeTests {
    private static let program = """
        import http.server, json, os, sys, time
        folder = os.path.dirname(os.path.abspath(__file__))
        tries = {}
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *words): pass
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
                mode = self.path[1:].split("?")[0]
                tries[body] = tries.get(body, 0) + 1
                open(folder + "/seen", "a").write(json.dumps([dict(self.headers.items()), body]) + "\\n")
                if mode == "hang": time.sleep(600)
                if mode == "drop": return self.connection.shutdown(2)
                code, headers, answer = 200, {}, b"ok"
                if mode == "busy" and tries[body] == 1: code, headers = 429, {"Retry-After": "1"}
                if mode == "down": code, answer = 503, b"maintenance"
                if mode == "bad": code, answer = 422, b"no such user"
                if mode.startswith("code"): code, answer = int(mode[4:7]), b"you sent " + str(self.headers["X-Key"]).encode()
                if 300 <= code < 400: headers = {"Location": "http://svc:s3cret@127.0.0.1:1" + self.path}
                if mode == "large": answer = b"x" * 50000000
                self.send_response(code)
                for name, value in headers.items(): self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                if mode == "closes": time.sleep(0.001); self.close_connection = True
        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128
        server = Server(("127.0.0.1", 0), Handler)
        open(folder + "/port.new", "w").write(str(server.server_address[1]))
        os.rename(folder + "/port.new", folder + "/port")
        import threading
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()
        """

    /// The whole journal, for words that must not be in it.
    private func journal(_ harness: Harness) async throws -> String {
        let entries = try await harness.redis.send(
            RedisCommand("XRANGE", .text(harness.queue.keys.journal), "-", "+")
        )
        return words(of: entries).joined(separator: " ")
    }

    private func words(of value: RESPValue) -> [String] {
        if case .array(let values) = value { return values.flatMap(words) }
        return value.string.map { [$0] } ?? []
    }

    /// A service, and a worker that posts to it, while `body` runs.
    private func serve(
        _ mode: String,
        slots: Int = 1,
        attempts: Int = 1,
        timeout: Duration = .seconds(20),
        compensates: Bool = false,
        login: String = "",
        headers: [HTTPHeader] = [],
        _ body: (Harness) async throws -> Void
    ) async throws {
        let harness = try Harness()
        _ = try harness.python(Self.program)
        // Its standard input is a pipe of ours: it ends with this process at the latest.
        guard let service = popen("exec python3 \(harness.folder)/handler.py", "w") else { throw Missed("no service") }
        defer { pclose(service) }
        _ = try await Waiting.until(within: .seconds(20)) { !harness.words("port").isEmpty }
        let port = harness.words("port").first ?? "0"
        let address = try HTTPAddress("http://\(login)127.0.0.1:\(port)/\(mode)")
        let bridge = HTTPBridge(address, headers: headers, connections: slots, logger: harness.pond.logger)
        try await harness.withWorker(
            bridge,
            slots: slots,
            attempts: attempts,
            timeout: timeout,
            compensates: compensates
        ) {
            try await body(harness)
        }
    }

    @Test(arguments: [nil, "order-7"]) func `what is to be undone says so, under another key`(key: String?) async throws
    {
        try await serve("bad", compensates: true) { harness in
            let id = try await harness.enqueue("{}", try key.map { try .once($0) } ?? EnqueueOptions())
            try await harness.eventually { $0.dead == 1 && $0.inFlight == 0 }
            #expect(try await harness.queue.compensate([id]) == [.enqueued])
            try await harness.eventually { $0.dead == 1 && $0.inFlight == 0 && $0.added == 2 }
            let lines = try ChildRun.output(["/bin/cat", "\(harness.folder)/seen"]).split(separator: "\n")
            try #require(lines.count == 2)
            let name = key ?? "\(harness.queue.name)/\(id)"
            #expect(lines[0].contains("\"Idempotency-Key\": \"\(name)\"") && !lines[0].contains("Millpond-Phase"))
            #expect(lines[1].contains("\"Idempotency-Key\": \"\(name):compensate\""))
            #expect(lines[1].contains("\"Millpond-Phase\": \"compensate\""))
        }
    }

    @Test func `a job is posted with its ids, and 2xx is done`() async throws {
        try await serve("fine") { harness in
            var options = try EnqueueOptions.once("order 1\r\nX: y")
            options.correlationID = "intent-é"
            options.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            let id = try await harness.enqueue("{\"n\": 1}", options)
            _ = try await harness.queue.enqueue(NewJob(kind: try JobKind("raw"), data: [0x68, 0x69]))
            try await harness.eventually { $0.done == 2 }
            let lines = try ChildRun.output(["/bin/cat", "\(harness.folder)/seen"]).split(separator: "\n")
            try #require(lines.count == 2)
            for part in [
                #""Idempotency-Key": "order 1%0D%0AX: y""#, #""Millpond-Job": "\#(id)""#, #""Millpond-Attempt": "1""#,
                #""Millpond-Correlation-Id": "intent-%C3%A9""#, #""Content-Type": "application/json""#,
                #""traceparent": "00-4bf92f"#, #""{\"n\": 1}""#,
            ] { #expect(lines[0].contains(part), "\(part) in \(lines[0])") }
            #expect(lines[1].contains(#""Content-Type": "application/octet-stream""#))
            #expect(lines[1].contains("\"Idempotency-Key\": \"\(harness.queue.name)/"))
        }
    }

    @Test func `429 is tried again, no sooner than Retry-After says`() async throws {
        try await serve("busy", attempts: 2) { harness in
            let start = ContinuousClock.now
            try await harness.enqueue("1")
            try await harness.eventually { $0.done == 1 }
            #expect(start.duration(to: .now) > .milliseconds(900))
        }
    }

    @Test(
        arguments: [
            ("down", "attempts_exhausted", "503 Service Unavailable: maintenance"),
            ("bad", "http_422", "422 Unprocessable Entity: no such user"), ("code410", "http_410", "410 Gone: you"),
            ("drop", "attempts_exhausted", "handler_unreachable"), ("hang", "attempts_exhausted", "timed out"),
        ]
    )
    func `other answers fail the try or the job`(mode: String, cause: String, text: String) async throws {
        try await serve(mode, attempts: 2, timeout: .milliseconds(700)) { harness in
            try await harness.enqueue("1")
            try await harness.eventually { $0.dead == 1 }
            let dead = try #require(try await harness.queue.dead().first)
            #expect(dead.cause == cause)
            #expect(dead.error.contains(text), "\(dead.error)")
            #expect(dead.attempts == (cause == "attempts_exhausted" ? 2 : 1))
        }
    }

    @Test func `a large answer is not read to its end`() async throws {
        try await serve("large") { harness in
            let before = ChildRun.residentMegabytes
            try await harness.enqueue("1", try .once("a"))
            try await harness.eventually { $0.done == 1 }
            #expect(ChildRun.residentMegabytes - before < 30)
        }
    }

    @Test func `many jobs share a few connections`() async throws {
        try await serve("fine", slots: 8) { harness in
            for number in 0..<400 { try await harness.enqueue("\(number)") }
            try await harness.eventually { $0.done == 400 }
        }
    }

    @Test func `nobody there is told with the address`() async throws {
        let harness = try Harness()
        let bridge = HTTPBridge(
            try HTTPAddress("http://127.0.0.1:1/jobs"),
            connections: 1,
            logger: harness.pond.logger
        )
        try await harness.enqueue("1")
        try await harness.withWorker(bridge) { try await harness.eventually { $0.dead == 1 } }
        let error = try #require(try await harness.queue.dead().first).error
        #expect(error.hasPrefix("handler_unreachable: http://127.0.0.1:1/jobs did not answer"), "\(error)")
    }

    @Test(arguments: ["", "localhost", "ftp://a/b", "http://", "http:///x"])
    func `what is no address is refused`(text: String) {
        #expect(throws: PondError.self) { try HTTPAddress(text) }
    }

    @Test(arguments: [301, 307, 401, 404]) func `a wrong deployment kills no job at once, and is told of once`(
        code: Int
    ) async throws {
        try await serve("code\(code)?token=T0P5", attempts: 2, login: "svc:s3cret@") { harness in
            for number in 0..<5 { try await harness.enqueue("\(number)") }
            try await harness.eventually { $0.dead == 5 }
            for dead in try await harness.queue.dead() {
                #expect(dead.attempts == 2 && dead.cause == "attempts_exhausted")
                #expect(dead.error.hasPrefix("http_\(code): http://***@127.0.0.1:"), "\(dead.error)")
                let place = ", Location http://***@127.0.0.1:1/code\(code)?token=***: you sent"
                #expect(dead.error.contains(place) == (code < 400), "\(dead.error)")
            }
            #expect(harness.logs.all.count { $0.hasPrefix("the handler cannot run any job") } == 1)
        }
    }

    @Test func `a login and headers are sent and shown to nobody`() async throws {
        let key = try HTTPHeader(name: "X-Key", value: "k3y-k3y")
        try await serve("code422?token=T0P5", login: "svc:s3cret@", headers: [key]) { harness in
            try await harness.enqueue("1")
            try await harness.eventually { $0.dead == 1 }
            let seen = try ChildRun.output(["/bin/cat", "\(harness.folder)/seen"])
            let login = Data("svc:s3cret".utf8).base64EncodedString()
            #expect(seen.contains("\"Authorization\": \"Basic \(login)\"") && seen.contains("\"X-Key\": \"k3y-k3y\""))
            let error = try #require(try await harness.queue.dead().first).error
            #expect(error.hasSuffix("answered 422 Unprocessable Entity: you sent ***"), "\(error)")
            let told = try await journal(harness) + harness.logs.all.joined() + error
            #expect(try await journal(harness).contains("http_422"))
            for secret in ["s3cret", "T0P5", "k3y-k3y", login] { #expect(!told.contains(secret)) }
        }
    }

    @Test func `a service that closes kept connections costs no try`() async throws {
        try await serve("closes", slots: 4) { harness in
            for number in 0..<200 { try await harness.enqueue("\(number)") }
            try await harness.eventually { $0.done + $0.dead == 200 }
            #expect(try await harness.queue.dead().map(\.error) == [])
        }
    }
}
