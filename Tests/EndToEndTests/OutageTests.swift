import Glibc
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// What a fleet does when Redis goes away, and what it costs meanwhile.
@Suite(.serialized) struct OutageTests {
    @Test func `Redis killed and started eight times under load loses nothing, and jobs flow within 3 seconds`()
        async throws
    {
        try await RedisServer.withServer(RedisServer.Options(appendOnly: true)) { server in
            let place = try Place(server)
            try await Child.run(["supervise", "--workers", "2"] + place.options) { supervisor in
                try await supervisor.line("worker ready", "PondSupervisor", count: 2)
                let acknowledged = try await withThrowingTaskGroup(of: Set<String>.self) { group in
                    let switchOff = Switch()
                    group.addTask { await enqueueUntil(switchOff, place) }
                    var slowest = Duration.zero
                    for _ in 1...8 {
                        // Jobs flow for a while between two outages.
                        try await LocalClock.system.sleep(.milliseconds(300))
                        server.kill()
                        try await server.start()
                        slowest = max(slowest, try await untilOneMoreIsDone(place))
                    }
                    #expect(slowest < .seconds(3), "the slowest was \(slowest)")
                    switchOff.turnOff()
                    return try await group.next() ?? []
                }
                try await place.eventually("all is done") { $0.ready + $0.inFlight + $0.held == 0 }
                let done = Set(try await place.journal("done"))
                #expect(acknowledged.count > 100)
                #expect(acknowledged.subtracting(done).isEmpty)
                #expect(try await place.queue.depth().dead == 0)
                supervisor.send(SIGTERM)
                try await supervisor.exit()
            }
        }
    }

    @Test func `an idle worker costs at most 1 % of a core, and so does one whose Redis is gone`() async throws {
        try await RedisServer.withServer { server in
            let place = try Place(server)
            try await Child.run(["worker"] + place.options) { worker in
                try await worker.line("worker ready")
                // Five seconds after its start it lets go of what only the start needed, which is a cost of the start.
                try await LocalClock.system.sleep(.seconds(7))
                #expect(try await cores(of: worker.pid, over: .seconds(5)) <= 0.01)
                server.kill()
                try await worker.line("redis call failed")
                #expect(try await cores(of: worker.pid, over: .seconds(5)) <= 0.01)
                try await server.start()
                try await place.sleeper(0)
                try await place.eventually("a job is done", within: .seconds(5)) { $0.done == 1 }
                worker.send(SIGTERM)
                try await worker.exit()
            }
        }
    }

    /// Enqueues one job after the other; what was acknowledged is the result.
    private func enqueueUntil(_ switchOff: Switch, _ place: Place) async -> Set<String> {
        var acknowledged: Set<String> = []
        while !switchOff.isOff {
            // An answer that was lost on its way acknowledges nothing.
            if let id = try? await place.sleeper(0) { acknowledged.insert(id.text) }
            // A load of 500 jobs a second at most; nobody cancels it.
            try? await LocalClock.system.sleep(.milliseconds(2))
        }
        return acknowledged
    }

    /// How long it takes from now until one more job is done.
    private func untilOneMoreIsDone(_ place: Place) async throws -> Duration {
        let back = LocalClock.system.now()
        var before: Int?
        try await place.eventually("jobs flow again", within: .seconds(10)) { depth in
            defer { before = before ?? depth.done }
            return before.map { depth.done > $0 } ?? false
        }
        return back.duration(to: LocalClock.system.now())
    }

    /// The share of a core that a process used.
    private func cores(of pid: Int32, over time: Duration) async throws -> Double {
        let before = try #require(ProcessClock.read(pid))
        // What is used in a time shows after it.
        try await LocalClock.system.sleep(time)
        return (try #require(ProcessClock.read(pid)) - before).inSeconds / time.inSeconds
    }
}
