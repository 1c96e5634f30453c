import Glibc
import PondCore
import PondFleet
import PondQueue
import PondScaling
import PondTestKit
import Testing

/// Fleets of real processes whose size follows a real load.
@Suite(.serialized, .redis) struct ElasticFleetTests {
    /// Enqueues jobs of 200 ms at a rate, for a time; the count is what was acknowledged.
    private func produce(_ place: Place, _ rate: Double, for duration: Duration) async throws -> Int {
        let clock = LocalClock.system
        let start = clock.now()
        var count = 0
        while case let elapsed = start.duration(to: clock.now()), elapsed < duration {
            let due = Int(elapsed.inSeconds * rate)
            while count < due {
                try await place.sleeper(0.2)
                count += 1
            }
            // A rate is jobs a time.
            try await clock.sleep(.milliseconds(10))
        }
        return count
    }

    @Test func `a fleet grows with its load, says why, and shrinks without cutting a job off`() async throws {
        let place = try Place()
        try await withDirectory { directory in
            let fleet = try Elastic(place, in: directory)
            let ended = try await Child.run(fleet.supervise) { supervisor in
                try await supervisor.line("worker ready")
                let count = try await produce(place, 40, for: .seconds(12))
                let grown = try await fleet.workers().count
                #expect(grown >= 3, "only \(grown) workers for 8 busy slots")
                try await place.eventually("all is done") { $0.done == count }
                let pin = ScalingOrder(
                    kind: .pin,
                    workers: 1,
                    until: ServerTime(milliseconds: 0),
                    by: "test",
                    reason: "shrink at once"
                )
                // With jobs under way in every worker.
                for _ in 0..<(4 * grown) { try await place.sleeper(3) }
                try await place.eventually("they run") { $0.inFlight >= 2 * grown }
                _ = try await fleet.store.order(pin, about: .queue(place.queue.name.text), for: .seconds(60))
                try await eventually("one is left", within: .seconds(40), says: supervisor.log) {
                    try await fleet.workers().count == 1
                }
                try await place.eventually("all is done") { $0.done == count + 4 * grown && $0.inFlight == 0 }
                let decision = try #require(try await fleet.decision())
                #expect(decision.limit == .pinned)
                supervisor.send(SIGTERM)
                try await supervisor.exit()
            }
            #expect(ended.code == 0)
            #expect(try await fleet.journal("released") == 0)
            #expect(try await fleet.journal("reclaimed") == 0)
            #expect(ended.error.contains { $0.contains("scaling decision") && $0.contains("why=") })
        }
    }

    @Test func `a queue at zero wakes for its first job`() async throws {
        let place = try Place()
        try await withDirectory { directory in
            let fleet = try Elastic(place, in: directory, least: 0)
            try await Child.run(fleet.supervise) { supervisor in
                try await eventually("somebody leads") { try await fleet.decision() != nil }
                #expect(try await fleet.workers().isEmpty)
                let start = ContinuousClock.now
                try await place.sleeper(0.05)
                try await place.eventually("it is done") { $0.done == 1 }
                #expect(start.duration(to: .now) < .seconds(5))
                supervisor.send(SIGTERM)
                try await supervisor.exit()
            }
        }
    }

    @Test func `a worker that has run its number of jobs is replaced, and none of them notices`() async throws {
        let place = try Place()
        try await withDirectory { directory in
            let fleet = try Elastic(place, in: directory, most: 1, more: "worker_jobs: 10")
            try await Child.run(fleet.supervise) { supervisor in
                try await supervisor.line("supervisor", "worker ready")
                for _ in 0..<60 { try await place.sleeper(0.3) }
                try await place.eventually("all is done", within: .seconds(60)) { $0.done == 60 }
                try await supervisor.line("has run its number of jobs", count: 2)
                try await supervisor.line("supervisor", "worker ready", count: 3)
                supervisor.send(SIGTERM)
                try await supervisor.exit()
            }
            #expect(try await fleet.journal("reclaimed") == 0)
            #expect(try await place.queue.depth().dead == 0)
        }
    }

    @Test func `a worker that is too large is replaced after its jobs`() async throws {
        let place = try Place()
        try await withDirectory { directory in
            let fleet = try Elastic(place, in: directory, most: 1, more: "worker_memory: 12MB")
            try await Child.run(fleet.supervise) { supervisor in
                try await supervisor.line("reached its memory limit", "resident_bytes=", within: .seconds(60))
                try await supervisor.line("supervisor", "worker stopped")
                supervisor.send(SIGTERM)
                try await supervisor.exit()
            }
        }
    }

    @Test func `a supervisor that has nothing to do takes less than a hundredth of a core and 30 MB`() async throws {
        let place = try Place()
        try await withDirectory { directory in
            let fleet = try Elastic(place, in: directory, usualPace: true)
            try await Child.run(fleet.supervise) { supervisor in
                try await supervisor.line("supervisor", "worker ready")
                // Its start has costs of its own.
                try await LocalClock.system.sleep(.seconds(3))
                let before = try #require(ProcessClock.read(supervisor.pid))
                // What is used in a time shows after it.
                try await LocalClock.system.sleep(.seconds(8))
                let share = (try #require(ProcessClock.read(supervisor.pid)) - before).inSeconds / 8
                print("supervisor idle: \(share * 100) % of a core")
                #expect(share <= 0.01)
                let size = try Processes.residentBytes(supervisor.pid)
                print("supervisor idle: \(size / 100_000 * 100) kB resident")
                #expect(size <= 30_000_000)
                supervisor.send(SIGTERM)
                try await supervisor.exit()
            }
        }
    }

    @Test(arguments: [true, false])
    func `when Redis goes and comes back, with its data or without, the fleet is as it was`(
        keepsData: Bool
    )
        async throws
    {
        try await RedisServer.withServer(RedisServer.Options(appendOnly: keepsData)) { server in
            let place = try Place(server)
            try await withDirectory { directory in
                let fleet = try Elastic(place, in: directory, least: 3)
                try await Child.run(fleet.supervise) { supervisor in
                    try await supervisor.line("supervisor", "worker ready", count: 3)
                    let before = Set(Processes.children(of: supervisor.pid))
                    server.kill()
                    // Longer than the lease; that nothing happens shows in time only.
                    try await LocalClock.system.sleep(.seconds(5))
                    #expect(Set(Processes.children(of: supervisor.pid)) == before)
                    try await server.start()
                    try await eventually("it is led again", within: .seconds(20), says: supervisor.log) {
                        let count = try await fleet.workers().count
                        return try await fleet.store.view().leader != nil && count == 3
                    }
                    // Four looks of the fleet; that nothing happens shows in time only.
                    try await LocalClock.system.sleep(.seconds(2))
                    #expect(Set(Processes.children(of: supervisor.pid)) == before)
                    supervisor.send(SIGTERM)
                    try await supervisor.exit()
                }
            }
        }
    }
}

/// Several supervisors of one fleet, as if on several hosts.
@Suite(.serialized, .redis) struct ManyHostsTests {
    /// Worker processes of a fleet that live, by the supervisor's mark in their environment.
    private func workers(_ fleet: Elastic) -> [Int32] {
        Processes.with("MILLPOND_SUPERVISOR=\(fleet.name)/")
    }

    /// Runs a supervisor of the fleet until the switch is turned, and again when it is killed before.
    private func keepHost(_ fleet: Elastic, _ over: Switch) async throws {
        while !over.isOff {
            try await Child.run(fleet.supervise) { supervisor in
                _ = try await Waiting.until(within: .seconds(600), every: .milliseconds(20)) {
                    !supervisor.isAlive || over.isOff
                }
                supervisor.send(SIGTERM)
                try await supervisor.exit()
            }
        }
    }

    private func watchPeak(_ fleet: Elastic, _ peak: Guarded<Int>, _ over: Switch) async throws {
        while !over.isOff {
            peak.change { $0 = max($0, workers(fleet).count) }
            // A peak is looked for again and again.
            try await LocalClock.system.sleep(.milliseconds(50))
        }
    }

    /// Waits until somebody leads who has planned; its process and its token.
    private func leader(_ fleet: Elastic, after token: Int64 = 0) async throws -> (pid: Int32, token: Int64) {
        var found: (pid: Int32, token: Int64)?
        try await eventually("somebody leads and plans", within: .seconds(30)) {
            let view = try await fleet.store.view()
            guard view.token > token, view.plan?.token == view.token, let pid = view.leaderPID else { return false }
            found = (pid, view.token)
            return true
        }
        return try #require(found)
    }

    @Test(.timeLimit(.minutes(3)))
    func `a leader that was stopped for longer than its lease obeys the one that took over`() async throws {
        let place = try Place()
        try await withDirectory { directory in
            let most = 5
            let fleet = try Elastic(place, in: directory, least: 1, most: most)
            let (peak, over) = (Guarded(0), Switch())
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await watchPeak(fleet, peak, over) }
                for _ in 0..<2 { group.addTask { try await keepHost(fleet, over) } }
                var last: Int64 = 0
                for _ in 0..<3 {
                    for _ in 0..<80 { try await place.sleeper(0.3) }
                    let old = try await leader(fleet)
                    kill(old.pid, SIGSTOP)
                    let new = try await leader(fleet, after: old.token)
                    #expect(new.pid != old.pid)
                    for _ in 0..<80 { try await place.sleeper(0.3) }
                    // The new one grows while the old one's workers go on: four of its looks.
                    try await LocalClock.system.sleep(.seconds(2))
                    kill(old.pid, SIGCONT)
                    try await eventually("both are members", within: .seconds(20)) {
                        try await fleet.store.view().members.count == 2
                    }
                    last = try await fleet.store.view().token
                    #expect(last >= new.token)
                }
                try await place.eventually("all is done", within: .seconds(90)) { $0.done == 480 }
                over.turnOff()
                try await group.waitForAll()
            }
            #expect(peak.value <= most, "\(peak.value) workers at once")
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `whoever leads may be killed, and there are never more workers than allowed`() async throws {
        let place = try Place()
        try await withDirectory { directory in
            let most = 6
            let fleet = try Elastic(place, in: directory, least: 2, most: most)
            let peak = Guarded(0)
            let holds = Guarded<[Duration]>([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                let over = Switch()
                group.addTask { try await watchPeak(fleet, peak, over) }
                for _ in 0..<3 { group.addTask { try await keepHost(fleet, over) } }
                let (kills, load) = (8, 80)
                for _ in 0..<kills {
                    // More than six workers could do, so that everybody wants to grow.
                    for _ in 0..<load { try await place.sleeper(0.3) }
                    let (pid, token) = try await leader(fleet)
                    let start = ContinuousClock.now
                    kill(pid, SIGKILL)
                    _ = try await leader(fleet, after: token)
                    holds.change { $0.append(start.duration(to: .now)) }
                }
                try await place.eventually("all is done", within: .seconds(60)) { $0.done == load * kills }
                over.turnOff()
                try await group.waitForAll()
            }
            #expect(peak.value <= most, "\(peak.value) workers at once")
            #expect(peak.value >= 4)
            let longest = holds.value.max() ?? .zero
            #expect(longest < .seconds(20), "\(longest)")
            print("8 leaders killed: hold longest \(longest), workers at once at most \(peak.value) of \(most)")
        }
    }
}
