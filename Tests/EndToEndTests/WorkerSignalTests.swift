import Glibc
import PondCore
import PondQueue
import PondTestKit
import Testing

/// What a worker process does when it is told to stop, by every way of telling.
@Suite(.serialized, .redis) struct WorkerSignalTests {
    @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
    func `one signal lets running jobs end and hands back the rest`(signal: Int32) async throws {
        let place = try Place()
        let ended = try await Child.run(["worker", "--slots", "1", "--prefetch", "2"] + place.options) { worker in
            try await worker.line("worker ready")
            let running = try await place.sleeper(1)
            try await place.eventually("a job runs") { $0.inFlight == 1 }
            let waiting = [try await place.sleeper(1), try await place.sleeper(1)]
            try await place.eventually("two more are fetched") { $0.inFlight == 3 }
            worker.send(signal)
            try await worker.exit(within: .seconds(8))
            #expect(try await place.queue.job(running).state == .unknown)
            for job in waiting {
                let report = try await place.queue.job(job)
                #expect(report.state == .ready)
                #expect(report.attempts == 0)
                #expect(report.field("recoveries") == nil)
            }
            let depth = try await place.queue.depth()
            #expect(depth.done == 1)
            #expect(depth.workers == 0)
        }
        #expect(ended.code == 0)
    }

    @Test func `a second signal cancels what runs, and it is not counted`() async throws {
        let place = try Place()
        let ended = try await Child.run(["worker"] + place.options) { worker in
            try await worker.line("worker ready")
            let job = try await place.sleeper(60)
            try await place.eventually("the job runs") { $0.inFlight == 1 }
            worker.send(SIGTERM)
            try await worker.line("worker stops", "draining")
            worker.send(SIGTERM)
            try await worker.exit(within: .seconds(4))
            let report = try await place.queue.job(job)
            #expect(report.state == .ready)
            #expect(report.attempts == 0)
        }
        #expect(ended.code == 130)
    }

    @Test func `the grace period bounds how long a running job is waited for`() async throws {
        let place = try Place()
        let ended = try await Child.run(["worker", "--grace", "500ms"] + place.options) { worker in
            try await worker.line("worker ready")
            let job = try await place.sleeper(60)
            try await place.eventually("the job runs") { $0.inFlight == 1 }
            worker.send(SIGTERM)
            try await worker.exit(within: .seconds(4))
            #expect(try await place.queue.job(job).state == .ready)
        }
        #expect(ended.code == 0)
    }

    @Test(arguments: [0, 1, 2, 5, 10, 20, 40])
    func `a signal in the first milliseconds leaves nothing behind`(milliseconds: Int) async throws {
        let place = try Place()
        let job = try await place.sleeper(0.01)
        let ended = try await Child.run(["worker"] + place.options) { worker in
            // Any moment of its start may be the one.
            try await LocalClock.system.sleep(.milliseconds(milliseconds))
            worker.send(SIGTERM)
            try await worker.exit(within: .seconds(8))
        }
        // Before the program's own first instruction the signal ends it, later it drains.
        #expect(ended.code == 0 || ended.signal == SIGTERM, "\(ended.status)")
        let depth = try await place.queue.depth()
        #expect(depth.workers == 0)
        #expect(depth.inFlight == 0)
        let state = try await place.queue.job(job).state
        #expect(state == .ready || depth.done == 1)
    }

    @Test func `the end of the lifeline drains, and ready is said on stdout`() async throws {
        let place = try Place()
        let environment = ["MILLPOND_LIFELINE": "stdin", "MILLPOND_READY": "stdout"]
        let ended = try await Child.run(["worker"] + place.options, environment: environment, holdsInput: true) {
            worker in
            try await worker.line("millpond:ready", on: .output)
            try await place.sleeper(0.5)
            try await place.eventually("the job runs") { $0.inFlight == 1 }
            try await worker.endInput()
            try await worker.exit(within: .seconds(8))
        }
        #expect(ended.code == 0)
        #expect(ended.output == ["millpond:ready"])
        #expect(ended.error.contains { $0.contains("the supervisor is gone") })
        #expect(try await place.queue.depth().done == 1)
    }

    @Test func `without a supervisor nobody's standard input is read`() async throws {
        let place = try Place()
        let ended = try await Child.run(["worker"] + place.options) { worker in
            try await worker.line("worker ready")
            try await place.sleeper(0.2)
            try await place.eventually("the job is done") { $0.done == 1 }
            worker.send(SIGTERM)
            try await worker.exit()
        }
        #expect(ended.output.isEmpty)
        #expect(ended.code == 0)
    }

    @Test func `a worker that starts before Redis waits for it and says so once`() async throws {
        try await RedisServer.withServer { server in
            let place = try Place(server)
            server.kill()
            let ended = try await Child.run(["worker", "--timeout", "500ms"] + place.options) { worker in
                try await worker.line("redis call failed")
                // Several calls fail in this time, and only the first may be told.
                try await LocalClock.system.sleep(.seconds(2))
                #expect(worker.isAlive)
                try await server.start()
                try await worker.line("worker ready")
                try await place.sleeper(0.1)
                try await place.eventually("the job is done") { $0.done == 1 }
                worker.send(SIGTERM)
                try await worker.exit()
            }
            #expect(ended.code == 0)
            let complaints = ended.error.count { $0.contains("redis call failed") }
            #expect(complaints <= 3, "\(ended.error.joined(separator: "\n"))")
        }
    }

    @Test func `a worker that is stopped while Redis is away ends`() async throws {
        try await RedisServer.withServer { server in
            let place = try Place(server)
            server.kill()
            let ended = try await Child.run(["worker", "--timeout", "500ms"] + place.options) { worker in
                try await worker.line("redis call failed")
                worker.send(SIGTERM)
                try await worker.exit(within: .seconds(20))
            }
            #expect(ended.code == 0)
        }
    }

    @Test func `a payload cannot forge a line of the log`() async throws {
        let place = try Place()
        let ended = try await Child.run(["worker"] + place.options) { worker in
            try await worker.line("worker ready")
            let forged = Array("a\r\n2026-01-01 error worker: forged\u{1b}[2J\u{2028}b".utf8)
            _ = try await place.queue.enqueue(NewJob(kind: try JobKind("pond.echo"), data: forged))
            try await worker.line("data=a")
            worker.send(SIGTERM)
            try await worker.exit()
        }
        #expect(ended.code == 0)
        #expect(
            !ended.error.contains { $0.hasPrefix("2026-01-01") || $0.contains("\u{1b}") || $0.contains("\u{2028}") }
        )
        #expect(ended.error.contains { $0.contains(#"data=a\r\n2026-01-01"#) })
    }
}
