import Glibc
import PondCore
import PondQueue
import PondTestKit
import Testing

/// A fleet of real worker processes under a real supervisor.
@Suite(.serialized, .redis) struct SuperviseTests {
    private func supervise(_ place: Place, workers: Int = 2, _ more: String...) -> [String] {
        ["supervise", "--workers", "\(workers)"] + place.options + more
    }

    @Test func `a killed worker is replaced, and its job runs again`() async throws {
        let place = try Place()
        let ended = try await Child.run(supervise(place)) { supervisor in
            try await supervisor.line("supervisor", "worker ready", count: 2)
            let before = Processes.children(of: supervisor.pid)
            #expect(before.count == 2)
            let job = try await place.sleeper(3)
            try await place.eventually("the job runs") { $0.inFlight == 1 }
            let owner = try await #require(place.queue.job(job).owner)
            let victim = try #require(before.first { owner.name.contains("-\($0)-") })
            kill(victim, SIGKILL)
            try await supervisor.line("supervisor", "worker ready", count: 3)
            try await place.eventually("the job is done") { $0.done == 1 }
            let after = Processes.children(of: supervisor.pid)
            #expect(after.count == 2)
            #expect(!after.contains(victim))
            supervisor.send(SIGTERM)
            try await supervisor.exit()
        }
        #expect(ended.code == 0)
        #expect(ended.error.contains { $0.contains("SIGKILL") })
    }

    @Test func `when the supervisor is killed its workers drain and end`() async throws {
        let place = try Place()
        try await Child.run(supervise(place)) { supervisor in
            try await supervisor.line("supervisor", "worker ready", count: 2)
            let workers = Processes.children(of: supervisor.pid)
            try await place.sleeper(1)
            try await place.eventually("the job runs") { $0.inFlight == 1 }
            supervisor.send(SIGKILL)
            try await supervisor.exit()
            #expect(workers.count == 2)
            try await eventually("the workers end", within: .seconds(10), says: supervisor.log) {
                !workers.contains { Processes.isAlive($0) }
            }
            let depth = try await place.queue.depth()
            #expect(depth.done == 1)
            #expect(depth.workers == 0)
        }
    }

    @Test func `SIGHUP replaces every worker, and there is never one less`() async throws {
        let place = try Place()
        let ended = try await Child.run(supervise(place, workers: 2)) { supervisor in
            try await supervisor.line("supervisor", "worker ready", count: 2)
            let before = Set(Processes.children(of: supervisor.pid))
            supervisor.send(SIGHUP)
            try await supervisor.line("rolling restart finished")
            let after = Set(Processes.children(of: supervisor.pid))
            #expect(after.count == 2)
            #expect(before.isDisjoint(with: after))
            supervisor.send(SIGTERM)
            try await supervisor.exit()
        }
        #expect(ended.code == 0)
        // In the order in which the supervisor saw it: one more is ready before one is told to stop.
        let events = ended.error.drop { !$0.contains("rolling restart started") }
            .prefix { !$0.contains("rolling restart finished") }
        var ready = 2
        for line in events {
            if line.contains("info supervisor"), line.contains("worker ready") { ready += 1 }
            if line.contains("info worker"), line.contains("signal received") { ready -= 1 }
            #expect(ready >= 2, "\(line)")
        }
        #expect(ready == 2)
    }

    @Test func `jobs go on during a rolling restart, and none is lost`() async throws {
        let place = try Place()
        let ended = try await Child.run(supervise(place)) { supervisor in
            try await supervisor.line("supervisor", "worker ready", count: 2)
            for _ in 0..<100 { try await place.sleeper(0.1) }
            supervisor.send(SIGHUP)
            try await supervisor.line("rolling restart finished")
            try await place.eventually("all jobs are done") { $0.done == 100 }
            supervisor.send(SIGTERM)
            try await supervisor.exit()
        }
        #expect(ended.code == 0)
        #expect(try await place.queue.depth().dead == 0)
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func `one signal drains the fleet`(signal: Int32) async throws {
        let place = try Place()
        let ended = try await Child.run(supervise(place)) { supervisor in
            try await supervisor.line("supervisor", "worker ready", count: 2)
            try await place.sleeper(1)
            try await place.eventually("the job runs") { $0.inFlight == 1 }
            supervisor.send(signal)
            try await supervisor.exit(within: .seconds(10))
        }
        #expect(ended.code == 0)
        #expect(try await place.queue.depth().done == 1)
    }

    @Test func `a second signal cuts the drain short`() async throws {
        let place = try Place()
        let ended = try await Child.run(supervise(place)) { supervisor in
            try await supervisor.line("supervisor", "worker ready", count: 2)
            try await place.sleeper(60)
            try await place.eventually("the job runs") { $0.inFlight == 1 }
            supervisor.send(SIGTERM)
            try await supervisor.line("worker stops", count: 2)
            supervisor.send(SIGTERM)
            try await supervisor.exit(within: .seconds(8))
        }
        #expect(ended.code == 130)
        let depth = try await place.queue.depth()
        #expect(depth.ready == 1)
        #expect(depth.workers == 0)
    }

    @Test(arguments: [0, 5, 20, 50])
    func `a signal during the start ends the fleet`(milliseconds: Int) async throws {
        let place = try Place()
        let ended = try await Child.run(supervise(place)) { supervisor in
            // Any moment of its start may be the one.
            try await LocalClock.system.sleep(.milliseconds(milliseconds))
            supervisor.send(SIGTERM)
            try await supervisor.exit(within: .seconds(10))
        }
        #expect(ended.code == 0 || ended.signal == SIGTERM, "\(ended.status)")
        #expect(try await place.queue.depth().workers == 0)
    }

    @Test func `another program can be the worker`() async throws {
        let script = "echo millpond:ready; trap 'exit 0' TERM; read line; echo url:$MILLPOND_REDIS_URL"
        let arguments = [
            "supervise", "--workers", "1", "--redis", "redis://127.0.0.1:1", "--", "/bin/sh", "-c", script,
        ]
        let ended = try await Child.run(arguments) { supervisor in
            try await supervisor.line("worker ready")
            supervisor.send(SIGTERM)
            try await supervisor.exit()
        }
        #expect(ended.code == 0)
    }

    @Test(arguments: [["supervise", "--workers", "1"], ["supervise", "--wait-target", "1s", "--queue", "a"]])
    func `a program that is not there is refused at the start, by its name`(command: [String]) async throws {
        let ended = try await Child.run(command + ["--", "no-such-program"])
        #expect(ended.code == 3)
        #expect(ended.error.contains { $0.contains("no-such-program: no directory of PATH holds such a program") })
    }

    /// A start script that runs the worker as its child, with `options` behind the program.
    private func script(_ place: Place, _ setting: String = "") -> [String] {
        ["--", "/bin/sh", "-c", "\(setting) cd / && \"$@\"; true", "start", Child.path("pond"), "worker"]
            + place.options
    }

    @Test func `three rolling restarts and a stop behind a start script without exec cut no job off`() async throws {
        let place = try Place()
        let arguments = ["supervise", "--workers", "1", "--redis", place.url] + script(place)
        let ended = try await Child.run(arguments) { supervisor in
            try await supervisor.line("supervisor", "worker ready")
            for round in 1...4 {
                try await place.sleeper(1)
                try await place.eventually("the job runs") { $0.inFlight == 1 }
                guard round < 4 else { break }
                supervisor.send(SIGHUP)
                try await supervisor.line("rolling restart finished", count: round)
            }
            supervisor.send(SIGTERM)
            try await supervisor.exit()
        }
        #expect(ended.code == 0)
        let depth = try await place.queue.depth()
        #expect((depth.done, depth.dead, depth.inFlight, depth.ready) == (4, 0, 0, 0))
        #expect(ended.error.count { $0.contains("write exec before the command") } == 1)
    }

    @Test func `a start script that ignores SIGTERM does not keep its worker from draining`() async throws {
        let place = try Place()
        let arguments = ["supervise", "--workers", "1", "--redis", place.url] + script(place, "trap '' TERM;")
        let ended = try await Child.run(arguments) { supervisor in
            try await supervisor.line("supervisor", "worker ready")
            try await place.sleeper(1)
            try await place.eventually("the job runs") { $0.inFlight == 1 }
            supervisor.send(SIGTERM)
            try await supervisor.exit(within: .seconds(15))
        }
        #expect(ended.code == 0)
        #expect(try await place.queue.depth().done == 1)
    }

    @Test func `a start script that takes standard input away is told what to do`() async throws {
        let place = try Place()
        let arguments =
            ["supervise", "--workers", "1", "--redis", place.url]
            + script(place).map {
                $0.replacing("\"$@\"; true", with: "\"$@\" </dev/null")
            }
        try await Child.run(arguments) { supervisor in
            try await supervisor.line("standard input is not the supervisor's lifeline")
            supervisor.send(SIGTERM)
            try await supervisor.exit()
        }
    }
}
