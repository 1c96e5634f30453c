import Glibc
import PondCore
import PondFleet
import PondQueue
import PondScaling
import PondTestKit
import Testing

/// The promise of the whole: a load that rises eightfold, a worker and the leader killed meanwhile, and jobs that still do
/// not wait longer than they may.
@Suite(.serialized, .redis) struct ScalingUnderLoadTests {
    private static let waitTarget = Int64(2_000)
    private static let minimum = 1

    /// Jobs of 200 ms at a rate that rises and falls; what was acknowledged is counted.
    private func produce(_ place: Place, _ steps: [(rate: Double, seconds: Double)]) async throws -> Int {
        let clock = LocalClock.system
        var total = 0
        for step in steps {
            let start = clock.now()
            var count = 0
            while case let elapsed = start.duration(to: clock.now()).inSeconds, elapsed < step.seconds {
                let due = Int(elapsed * step.rate) - count
                for _ in 0..<due { try await place.sleeper(0.2) }
                count += max(0, due)
                // A rate is jobs a time.
                try await clock.sleep(.milliseconds(5))
            }
            total += count
        }
        return total
    }

    /// Starts a supervisor and lets it go on until the switch is turned, whoever kills it.
    private func host(_ fleet: Elastic, _ over: Switch, _ group: inout ThrowingTaskGroup<Void, any Error>) {
        group.addTask {
            try await Child.run(fleet.supervise) { supervisor in
                _ = try await Waiting.until(within: .seconds(600), every: .milliseconds(50)) {
                    !supervisor.isAlive || over.isOff
                }
                supervisor.send(SIGTERM)
                try await supervisor.exit()
            }
        }
    }

    private func killLeader(_ fleet: Elastic) async throws -> LocalInstant {
        let view = try await fleet.store.view()
        kill(try #require(view.leaderPID), SIGKILL)
        return .now
    }

    @Test(.timeLimit(.minutes(6)))
    func `from 5 to 40 jobs a second nobody waits longer than two seconds`() async throws {
        let place = try Place()
        try await withDirectory { directory in
            // The product's own interval and lease, two hosts.
            let fleet = try Elastic(place, in: directory, least: Self.minimum, most: 10, usualPace: true)
            let (over, watch) = (Switch(), WaitWatch(place))
            let watching = Task { try await watch.run() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<2 { host(fleet, over, &group) }
                try await eventually("a worker is there") { try await fleet.workers().count >= 1 }
                async let produced = produce(place, [(5, 8), (40, 52), (5, 8)])
                // Amid the load, which is a plan of times.
                try await LocalClock.system.sleep(.seconds(25))
                let victim = try #require(Processes.with("MILLPOND_SUPERVISOR=\(fleet.name)/").randomElement())
                kill(victim, SIGKILL)
                // What it had runs again before the leader dies.
                try await LocalClock.system.sleep(.seconds(8))
                let begin = try await place.now()
                let killed = try await killLeader(fleet)
                let token = try await fleet.store.view().token
                try await eventually("another one leads", within: .seconds(20)) {
                    let view = try await fleet.store.view()
                    return view.token > token && view.plan?.token == view.token
                }
                let hold = killed.duration(to: .now)
                // What the dead leader's workers had is run by others once it is missed; then the backlog has to go.
                let end = try await place.now() + 10_000
                let count = try await produced
                let ended = LocalInstant.now
                try await place.eventually("all is done", within: .seconds(60)) { $0.done == count && $0.inFlight == 0 }
                try await eventually("the fleet is back at its minimum", within: .seconds(120)) {
                    try await fleet.workers().count == Self.minimum
                }
                try report(watch.all, count, outside: begin...end, hold, shrunkIn: ended.duration(to: .now))
                // Handed back by nobody: a worker that is stopped has no job.
                #expect(try await fleet.journal("released") == 0)
                over.turnOff()
                try await group.waitForAll()
            }
            watching.cancel()
        }
    }

    private func report(
        _ waits: [String: Int64],
        _ count: Int,
        outside window: ClosedRange<Int64>,
        _ hold: Duration,
        shrunkIn: Duration
    ) throws {
        let outside = waits.filter { entry, _ in !window.contains(Int64(entry.prefix { $0 != "-" }) ?? 0) }
        let late = outside.values.count { $0 > Self.waitTarget }
        let share = Double(late) / Double(max(1, outside.count))
        let sorted = outside.values.sorted()
        let p99 = sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
        print(
            "5 → 40 jobs/s: \(count) jobs, \(waits.count) waits seen, outside the failover window \(late) of "
                + "\(outside.count) waited longer than 2 s (\(share * 100) %), p99 \(p99) ms; hold after the leader's death "
                + "\(hold), back at the minimum \(shrunkIn) after the last job"
        )
        #expect(Double(waits.count) > 0.95 * Double(count))
        #expect(share <= 0.01)
        #expect(hold < .seconds(20))
        #expect(shrunkIn < .seconds(120))
    }
}
