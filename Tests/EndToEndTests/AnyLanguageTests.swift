import FoundationEssentials
import Glibc
import Logging
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
import Testing

/// A queue that all languages which are here fill at once, up to five, and that three kinds of handlers drain while workers
/// are killed.
@Suite(.serialized) struct AnyLanguageTests {
    /// Jobs of each producer; the acceptance run sets 20000.
    private static let count =
        ProcessInfo.processInfo.environment["MILLPOND_JOBS_A_LANGUAGE"].flatMap { Int($0) } ?? 2_000
    private static let examples = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "examples/producers").path

    /// A program each, and what succeeds where it can run; bash and C are everywhere.
    private static let producers = [
        ("bash \(examples)/produce.sh", "redis-cli --version"),
        ("python3 \(examples)/produce.py", "python3 -c 'import redis'"),
        ("node \(examples)/produce.mjs", "node --version"), ("java \(examples)/Produce.java", "java --version"),
    ]

    private static let service = """
        import http.server, sys, threading
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            def log_message(self, *words): pass
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(204)
                self.end_headers()
        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
        server = Server(("127.0.0.1", 0), Handler)
        print("port", server.server_address[1], flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()
        """

    private static let handler = """
        import json, sys
        for line in sys.stdin:
            job = json.loads(line)
            assert job["kind"] == "order.ship" and job["data"]["order"] > 0
            sys.stdout.write('{"type":"done","id":"%s"}\\n' % job["id"])
            sys.stdout.flush()
        """

    @Test func `each job of five languages, where they are here, ends once, and a key is one over all of them`()
        async throws
    {
        try await RedisServer.withServer { server in
            let place = try Place(server)
            try await withDirectory { folder in
                try write(Self.service, to: "\(folder)/service.py")
                try write(Self.handler, to: "\(folder)/handler.py")
                try await Child.run(["python3", "\(folder)/service.py"], of: "/usr/bin/env", holdsInput: true) {
                    service in
                    let line = try await service.line("port ", on: .output)
                    let address = "http://127.0.0.1:\(line.dropFirst(5))/jobs"
                    let languages = try await drain(place, server, folder, address)
                    try await service.endInput()
                    try await service.exit()
                    try await judge(place, languages)
                }
            }
        }
    }

    /// How many languages there were.
    private func drain(_ place: Place, _ server: RedisServer, _ folder: String, _ address: String) async throws -> Int {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let hasEnded = Switch()
            let ways = [["--exec", "exec python3 \(folder)/handler.py"], ["--http", address]]
            for (number, way) in ways.enumerated() {
                let options = ["worker", "--slots", "4"] + way + place.options
                group.addTask { try await killing(options, every: .seconds(2), after: number, until: hasEnded) }
            }
            group.addTask { try await swiftWorker(place, until: hasEnded) }
            let languages = try await produce(on: place, server, folder)
            try await place.eventually("all have ended", within: .seconds(300)) {
                $0.ready + $0.inFlight + $0.held == 0
            }
            hasEnded.turnOff()
            try await group.waitForAll()
            return languages
        }
    }

    /// Runs all producers at once, and says how many there were.
    private func produce(on place: Place, _ server: RedisServer, _ folder: String) async throws -> Int {
        let examples = Self.examples
        let compiled = try await Command.run("cc \(examples)/produce.c -o \(folder)/produce -lhiredis")
        #expect(compiled.status == 0, "\(compiled.text)")
        var programs = ["\(folder)/produce"]
        for (program, probe) in Self.producers {
            if try await Command.run(probe).status == 0 {
                programs.append(program)
            } else {
                print("left out, because it cannot run here: \(program)")
            }
        }
        #expect(programs.count >= 2, "bash and C are needed: \(programs)")
        let variables = "REDIS_URL=\(server.tcpURL) MILLPOND_QUEUE=\(place.queue.name)"
        try await withThrowingTaskGroup(of: Void.self) { group in
            for program in programs {
                group.addTask {
                    let ended = try await Command.run("\(variables) \(program) \(Self.count) 2>&1")
                    #expect(ended.status == 0 && ended.text.hasPrefix("{\"enqueued\":"), "\(program): \(ended.text)")
                }
            }
            try await group.waitForAll()
        }
        return programs.count
    }

    /// Starts a worker again and again, each time to be killed.
    private func killing(
        _ options: [String],
        every pause: Duration,
        after number: Int,
        until hasEnded: Switch
    ) async throws {
        // One of the two is killed every second.
        try await LocalClock.system.sleep(pause * number / 2)
        while !hasEnded.isOff {
            try await Child.run(options) { worker in
                try await worker.line("worker ready")
                // It is killed amid its work.
                try await LocalClock.system.sleep(pause)
                worker.send(hasEnded.isOff ? SIGTERM : SIGKILL)
                try await worker.exit()
            }
        }
    }

    private func swiftWorker(_ place: Place, until hasEnded: Switch) async throws {
        let job = JobRegistration(kind: "order.ship") { job in
            guard job.job.data.starts(with: "{\"order\":".utf8) else { throw GiveUp("another payload") }
        }
        let configuration = WorkerConfiguration(queues: [place.queue.name.text])
        let worker = try Worker(place.pond, jobs: JobList { job }, configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            _ = try await Waiting.until(within: .seconds(600), every: .milliseconds(50)) { hasEnded.isOff }
            worker.drain()
            try await group.waitForAll()
        }
    }

    private func judge(_ place: Place, _ languages: Int) async throws {
        let depth = try await place.queue.depth()
        let dead = try await place.queue.dead()
        #expect(depth.dead == 0, "\(dead.prefix(3))")
        let ends = try await place.journal("done")
        #expect(Set(ends).count == ends.count, "a job ended twice")
        let keyed = Self.count / 10
        let duplicates = try await place.journal("duplicate").count
        // Of the keyed jobs one of each key was enqueued; who appended none is told so at once and adds nothing.
        #expect(ends.count + duplicates == languages * (Self.count - keyed) + keyed)
        #expect(duplicates == 0)
    }

    private func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path))
    }
}

/// Short shell commands, off the thread pool.
private enum Command {
    static func run(_ command: String) async throws -> (status: Int32, text: String) {
        let shell = try await Child.run(["-c", command], of: "/bin/sh") { child in
            try await child.exit(within: .seconds(300))
        }
        return (shell.code ?? -1, (shell.output + shell.error).joined(separator: "\n"))
    }
}
