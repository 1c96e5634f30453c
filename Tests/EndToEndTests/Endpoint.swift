import Glibc
import PondCore
import Subprocess

/// A web service, in Python, that is up, down or unwell as it is told.
///
/// While it is down its port stays taken and refuses connections, so that nobody else gets it meanwhile.
struct Endpoint: Sendable {
    let child: Child
    let port: Int

    private static let program = """
        import http.server, socket, sys, threading, time
        state = {"code": 200}
        connections, lock = set(), threading.Lock()
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            def log_message(self, *words): pass
            def setup(self):
                super().setup()
                with lock: connections.add(self.connection)
            def finish(self):
                with lock: connections.discard(self.connection)
                super().finish()
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
                if self.path == "/hang": time.sleep(600)
                if self.path == "/hook": print("posted", self.headers["Content-Type"], body, flush=True)
                self.send_response(state["code"])
                self.send_header("Content-Length", "0")
                self.end_headers()
        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            def handle_error(self, request, address): pass
        def bound(port):
            made = socket.socket()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(("127.0.0.1", port))
            return made
        own = bound(0)
        port = own.getsockname()[1]
        print("port", port, flush=True)
        for line in sys.stdin:
            word = line.strip()
            if word == "up":
                server = Server(("127.0.0.1", port), Handler, bind_and_activate=False)
                server.socket.close()
                server.socket = own
                own.listen(512)
                threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            elif word == "down":
                server.shutdown()
                own.close()
                with lock:
                    for connection in connections:
                        try: connection.shutdown(socket.SHUT_RDWR)
                        except OSError: pass
                own = bound(port)
            else: state["code"] = int(word)
            print("is", word, flush=True)
        """

    /// Runs it beside `body`; at first it is down.
    static func run(_ body: @escaping @Sendable (Endpoint) async throws -> Void) async throws {
        try await Child.run(["python3", "-c", program], of: "/usr/bin/env", holdsInput: true) { child in
            let port = try await child.line("port ", on: .output).split(separator: " ").last
            try await body(Endpoint(child: child, port: port.flatMap { Int($0) } ?? 0))
            try await child.endInput()
            try await child.exit()
        }
    }

    /// Makes it `up` or `down`, or answer with a status, and waits until it is.
    func become(_ word: String) async throws {
        let before = child.lines(.output).count { $0 == "is \(word)" }
        _ = try await child.input.write(Array("\(word)\n".utf8))
        try await child.line("is \(word)", on: .output, count: before + 1)
    }

    func url(_ path: String = "jobs") -> String { "http://127.0.0.1:\(port)/\(path)" }
}
