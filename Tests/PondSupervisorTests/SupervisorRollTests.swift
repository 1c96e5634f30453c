import Glibc
import PondCore
import PondSupervisor
import Testing

extension SupervisorTests {
    /// Rolling restarts of real processes.
    @Suite struct Rolling {
        private func nextRoll(_ bench: Bench) async throws -> FleetEvent.RollingRestart {
            try await bench.events.next("progress of a rolling restart") {
                if case .rollingRestart(let progress) = $0 { progress } else { nil }
            }
        }

        @Test func `every worker is replaced and the fleet never has fewer ready ones`() async throws {
            try await withFleet(FleetConfiguration(workers: 3, command: shell(Script.good))) { bench in
                let old = try await bench.events.nextReady(slots: 3)
                bench.supervisor.rollingRestart()
                #expect(try await nextRoll(bench) == .started)
                #expect(try await nextRoll(bench) == .finished)
                let states = bench.supervisor.snapshot()
                #expect(states.map(\.state) == [.ready, .ready, .ready])
                #expect(Set(states.compactMap(\.pid)).isDisjoint(with: old))
                for pid in old { #expect(processState(pid) == nil) }
                #expect(fewestReady(bench.events.all) == 3)
            }
        }

        /// The fewest workers that were ready at one time, from the moment when the roll began.
        private func fewestReady(_ events: [FleetEvent]) -> Int {
            var ready: Set<Int32> = []
            var fewest: Int?
            for event in events {
                switch event {
                case .ready(_, let pid): ready.insert(pid)
                case .exited(_, let pid?, _, _): ready.remove(pid)
                case .rollingRestart(.started): fewest = ready.count
                default: break
                }
                if let known = fewest { fewest = min(known, ready.count) }
            }
            return fewest ?? 0
        }

        @Test func `a bad release costs nothing but its first replacement`() async throws {
            let flag = temporaryPath("bad")
            let script = "[ -e \"$1\" ] && exit 2; \(Script.good)"
            try await withFleet(FleetConfiguration(workers: 2, command: shell(script, [flag]))) { bench in
                let old = try await bench.events.nextReady(slots: 2)
                close(creat(flag, 0o600))
                bench.supervisor.rollingRestart()
                #expect(try await nextRoll(bench) == .started)
                guard case .stopped(slot: 0, let reason) = try await nextRoll(bench) else {
                    Issue.record("the roll went on")
                    return
                }
                #expect(reason.contains("exit code 2"))
                #expect(bench.supervisor.snapshot().compactMap(\.pid) == old)
                // Mended, a second signal does it.
                unlink(flag)
                bench.supervisor.rollingRestart()
                #expect(try await nextRoll(bench) == .started)
                #expect(try await nextRoll(bench) == .finished)
            }
        }

        @Test func `a replacement that is never ready is sent away`() async throws {
            let flag = temporaryPath("mute")
            let script = "[ -e \"$1\" ] && exec sleep 600; \(Script.good)"
            var configuration = FleetConfiguration(workers: 1, command: shell(script, [flag]))
            configuration.readyTimeout = .milliseconds(100)
            try await withFleet(configuration) { bench in
                let old = try await bench.events.nextReady()
                #expect(try await bench.events.nextSpawned() == old)
                close(creat(flag, 0o600))
                bench.supervisor.rollingRestart()
                let fresh = try await bench.events.nextSpawned()
                let exit = try await bench.events.nextExit(of: fresh)
                #expect(exit.wasExpected)
                #expect(bench.supervisor.snapshot().map(\.pid) == [old])
            }
        }

        @Test func `a parked slot comes back by a rolling restart`() async throws {
            let flag = temporaryPath("mended")
            let script = "[ -e \"$1\" ] || exit 1; \(Script.good)"
            var configuration = FleetConfiguration(workers: 1, command: shell(script, [flag]))
            configuration.restart = .init(exitsBeforeParking: 2, parkedFor: .seconds(3_600))
            try await withFleet(configuration) { bench in
                try await bench.events.next("parking") { if case .parked = $0 { true } else { nil } }
                close(creat(flag, 0o600))
                bench.supervisor.rollingRestart()
                #expect(try await nextRoll(bench) == .started)
                _ = try await bench.events.nextReady()
                #expect(try await nextRoll(bench) == .finished)
            }
        }

        @Test func `a stop in the middle of a roll takes everything down`() async throws {
            let script = "trap 'sleep 0.2; exit 0' TERM; echo millpond:ready; while :; do sleep 0.02; done"
            try await withFleet(FleetConfiguration(workers: 2, command: shell(script))) { bench in
                _ = try await bench.events.nextReady(slots: 2)
                bench.supervisor.rollingRestart()
                #expect(try await nextRoll(bench) == .started)
                _ = try await bench.events.nextReady(slot: 0)
                bench.supervisor.stop()
                #expect(try await nextRoll(bench) == .stopped(slot: nil, reason: "the fleet is stopping"))
                try await bench.events.next("the end") { $0 == .drained ? true : nil }
                #expect(try await leftZombies().isEmpty)
            }
        }
    }
}
