import Glibc
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// Workers that are killed or stopped while they have jobs.
@Suite(.serialized, .redis) struct CrashTests {
    @Test func `20 jobs of a worker killed with SIGKILL run again, the first within 5 seconds of the kill`()
        async throws
    {
        let place = try Place()
        let fleet = ["supervise", "--workers", "1", "--slots", "20"] + place.options
        try await Child.run(fleet) { supervisor in
            try await supervisor.line("worker ready", "PondSupervisor")
            for _ in 0..<20 { try await place.sleeper(5) }
            try await place.eventually("all 20 run") { $0.inFlight == 20 }
            let worker = try #require(Processes.children(of: supervisor.pid).first)
            kill(worker, SIGKILL)
            let killed = LocalClock.system.now()
            var first: Duration?
            try await place.eventually("all 20 run again", within: .seconds(10)) { depth in
                let inFront = depth.added > 20
                if inFront && first == nil { first = killed.duration(to: LocalClock.system.now()) }
                return inFront && depth.inFlight == 20
            }
            #expect(try #require(first) < .seconds(5))
            try await place.eventually("all 20 end", within: .seconds(20)) { $0.done == 20 && $0.inFlight == 0 }
            #expect(try await place.queue.depth().dead == 0)
            supervisor.send(SIGTERM)
            try await supervisor.exit()
        }
    }

    @Test func `a worker that is stopped until another one has run its jobs changes nothing when it goes on`()
        async throws
    {
        let place = try Place()
        try await Child.run(["worker", "--slots", "5"] + place.options) { stopped in
            try await stopped.line("worker ready")
            for _ in 0..<5 { try await place.sleeper(6) }
            try await place.eventually("the first worker has all") { $0.inFlight == 5 }
            try await Child.run(["worker", "--slots", "5"] + place.options) { other in
                try await other.line("worker ready")
                stopped.send(SIGSTOP)
                try await place.eventually("the other ran them all") { $0.done == 5 }
                stopped.send(SIGCONT)
                try await stopped.line("declared lost")
                // Whatever the first worker still wanted to say of its jobs has been said when it has gone.
                stopped.send(SIGTERM)
                try await stopped.exit()
                let depth = try await place.queue.depth()
                #expect(depth.done == 5)
                #expect(depth.ready + depth.inFlight + depth.held + depth.dead == 0)
                other.send(SIGTERM)
                try await other.exit()
            }
        }
        let ends = try await place.journal("done")
        #expect(ends.count == 5 && Set(ends).count == 5)
    }

    @Test func `a job whose workers die three times is dead as poison and the others go on`() async throws {
        let place = try Place()
        let fleet = ["supervise", "--workers", "1", "--slots", "2"] + place.options
        try await Child.run(fleet) { supervisor in
            try await supervisor.line("worker ready", "PondSupervisor")
            let poison = try await place.sleeper(60)
            for round in 1...3 {
                try await place.eventually("the job runs", within: .seconds(15)) { $0.inFlight == 1 }
                // From the second time on its start is written down, which is what counts.
                if round > 1 { try await place.untilStarted(poison) }
                let worker = try #require(Processes.children(of: supervisor.pid).first)
                kill(worker, SIGKILL)
                try await place.eventually("round \(round) is noticed", within: .seconds(15)) {
                    $0.added == 1 + round || $0.dead == 1
                }
            }
            try await place.eventually("the job is dead") { $0.dead == 1 }
            let report = try await place.queue.job(poison)
            #expect(report.cause == "poison")
            #expect(report.field("recoveries") == "3")
            try await place.sleeper(0)
            try await place.eventually("another job is done", within: .seconds(15)) { $0.done == 1 }
            supervisor.send(SIGTERM)
            try await supervisor.exit()
        }
    }
}

extension Place {
    /// Waits until it is written down that the present delivery of a moved job was begun.
    func untilStarted(_ id: JobID) async throws {
        try await EndToEndTests.eventually("job \(id) is started", within: .seconds(15)) {
            let moved = try await pond.redis.send(
                RedisCommand("HGET", .text("\(queue.keys.base):moved"), .text(id.text))
            )
            let begun = try await pond.redis.send(
                RedisCommand("HGET", .text("\(queue.keys.base):started"), .text(id.text))
            )
            return moved.string != nil && moved.string == begun.string
        }
    }

    /// The ids in the journal's events of a name.
    func journal(_ event: String) async throws -> [String] {
        let reply = try await pond.redis.send(RedisCommand("XRANGE", .text(queue.keys.journal), "-", "+"))
        var ids: [String] = []
        for entry in reply.array ?? [] {
            let flat = entry.array?.last?.array?.compactMap(\.string) ?? []
            for index in stride(from: 0, to: flat.count - 1, by: 2) where flat[index] == event {
                let words = flat[index + 1].prefix { !$0.isNewline }.split(separator: " ").map { String($0) }
                ids += event == "done" ? words : Array(words.prefix(1))
            }
        }
        return ids
    }
}
