import PondCore
import PondSupervisor
import Testing

@Suite struct FleetRollTests {
    /// How many workers take jobs: ready, and not told to stop.
    private func ready(_ driver: FleetDriver) -> Int {
        driver.states.count { $0 == .ready }
    }

    @Test func `each old worker is told to stop only when its replacement is ready`() {
        var driver = FleetDriver(workers: 2)
        let old = driver.startReady()
        var actions = driver.send(.roll)
        #expect(actions.rolls == [.started])
        for slot in 0..<2 {
            let fresh = actions.spawns[0]
            #expect(fresh.slot == slot)
            #expect(ready(driver) == 2)
            #expect(driver.spawned(fresh).terminated.isEmpty)
            #expect(driver.send(.ready(fresh)).terminated == [old[slot]])
            #expect(ready(driver) == 2)
            actions = driver.ended(old[slot], .exited(0))
        }
        #expect(actions.rolls == [.finished])
        #expect(driver.states == [.ready, .ready])
        #expect(driver.fleet.statuses.map(\.restarts) == [0, 0])
    }

    @Test func `a slot that is being rolled is listed with both workers`() {
        var driver = FleetDriver(workers: 1)
        _ = driver.startReady()
        let fresh = driver.send(.roll).spawns[0]
        _ = driver.spawned(fresh)
        #expect(driver.states == [.ready, .starting])
        #expect(driver.fleet.statuses.map(\.slot) == [0, 0])
        _ = driver.send(.ready(fresh))
        #expect(driver.states == [.draining, .ready])
    }

    @Test func `an old worker that does not go is killed after its grace and the roll goes on`() {
        var driver = FleetDriver(workers: 2)
        let old = driver.startReady()
        let fresh = driver.send(.roll).spawns[0]
        _ = driver.spawned(fresh)
        _ = driver.send(.ready(fresh))
        #expect(driver.advance(.seconds(30)).killed == [old[0]])
        #expect(driver.ended(old[0], .signaled(9)).spawns.map(\.slot) == [1])
    }

    @Test func `a replacement that dies stops the roll and the old worker stays`() {
        var driver = FleetDriver(workers: 2)
        _ = driver.startReady()
        let fresh = driver.send(.roll).spawns[0]
        _ = driver.spawned(fresh)
        let actions = driver.ended(fresh, .exited(2))
        guard case .stopped(slot: 0, let reason) = actions.rolls.first else {
            Issue.record("the roll did not stop: \(actions)")
            return
        }
        #expect(reason.contains("slot 0"))
        #expect(reason.contains("exit code 2"))
        #expect(reason.contains("SIGHUP"))
        #expect(actions.spawns.isEmpty)
        #expect(actions.terminated.isEmpty)
        #expect(driver.states == [.ready, .ready])
    }

    @Test func `a replacement that cannot be started stops the roll`() {
        var driver = FleetDriver(workers: 1)
        _ = driver.startReady()
        let fresh = driver.send(.roll).spawns[0]
        let actions = driver.send(.ended(fresh, .failedToStart(reason: "/bin/worker: No such file")))
        #expect(actions.rolls.count == 1)
        #expect(driver.states == [.ready])
    }

    @Test func `a replacement that is never ready stops the roll and is told to go`() {
        var driver = FleetDriver(workers: 1) { $0.readyTimeout = .seconds(1) }
        _ = driver.startReady()
        let fresh = driver.send(.roll).spawns[0]
        _ = driver.spawned(fresh)
        #expect(driver.advance(.seconds(1)).events == [.notReady(slot: 0, pid: 102, after: .seconds(1))])
        let actions = driver.advance(.seconds(3))
        #expect(actions.rolls.count == 1)
        #expect(actions.terminated == [fresh])
        #expect(driver.states == [.ready, .draining])
        let end = driver.ended(fresh, .exited(0))
        #expect(end.events == [.exited(slot: 0, pid: 102, status: .exited(0), wasExpected: true)])
        #expect(driver.states == [.ready])
    }

    @Test func `a new worker that dies right after the change stops the roll and is restarted`() {
        var driver = FleetDriver(workers: 2)
        let old = driver.startReady()
        let fresh = driver.send(.roll).spawns[0]
        _ = driver.spawned(fresh)
        _ = driver.send(.ready(fresh))
        let actions = driver.ended(fresh, .signaled(11))
        #expect(actions.rolls.count == 1)
        #expect(actions.spawns.map(\.slot) == [0])
        _ = driver.ended(old[0], .exited(0))
        #expect(driver.states == [.starting, .ready])
    }

    @Test func `an old worker that crashes meanwhile leaves the slot to its replacement`() {
        var driver = FleetDriver(workers: 1)
        let old = driver.startReady()
        let fresh = driver.send(.roll).spawns[0]
        #expect(driver.ended(old[0], .signaled(9)).spawns.isEmpty)
        _ = driver.spawned(fresh)
        #expect(driver.send(.ready(fresh)).rolls == [.finished])
        #expect(driver.states == [.ready])
    }

    @Test func `a heir that crashes before it is ready is restarted like any worker`() {
        var driver = FleetDriver(workers: 1)
        let old = driver.startReady()
        let fresh = driver.send(.roll).spawns[0]
        _ = driver.spawned(fresh)
        _ = driver.ended(old[0], .signaled(9))
        let actions = driver.ended(fresh, .exited(1))
        #expect(actions.rolls.count == 1)
        // The second exit of the slot in this window.
        #expect(actions.events.last == .willRestart(slot: 0, in: .milliseconds(500)))
    }

    @Test func `a crash in another slot does not disturb the roll`() {
        var driver = FleetDriver(workers: 2)
        let old = driver.startReady()
        let fresh = driver.send(.roll).spawns[0]
        _ = driver.spawned(fresh)
        let crash = driver.ended(old[1], .signaled(9))
        #expect(crash.rolls.isEmpty)
        #expect(crash.spawns.map(\.slot) == [1])
        _ = driver.spawned(crash.spawns[0])
        #expect(driver.send(.ready(fresh)).terminated == [old[0]])
    }

    @Test func `requests during a roll become one more roll`() {
        var driver = FleetDriver(workers: 1)
        var holder = driver.startReady()[0]
        var actions = driver.send(.roll)
        #expect(driver.send(.roll) == [])
        #expect(driver.send(.roll) == [])
        var rolls = actions.rolls
        for _ in 0..<2 {
            let fresh = actions.spawns[0]
            _ = driver.spawned(fresh)
            _ = driver.send(.ready(fresh))
            actions = driver.ended(holder, .exited(0))
            rolls += actions.rolls
            holder = fresh
        }
        #expect(rolls == [.started, .finished, .started, .finished])
        #expect(actions.spawns.isEmpty)
    }

    @Test func `a roll tries parked slots first, with an empty window`() {
        var driver = FleetDriver(workers: 2) { $0.restart.exitsBeforeParking = 2 }
        let ids = driver.startReady()
        let second = driver.ended(ids[1]).spawns[0]
        _ = driver.spawned(second)
        _ = driver.ended(second)
        #expect(driver.states == [.ready, .parked])
        let actions = driver.send(.roll)
        #expect(actions.events == [.rollingRestart(.started), .unparked(slot: 1)])
        let fresh = actions.spawns[0]
        #expect(fresh.slot == 1)
        _ = driver.spawned(fresh)
        // The fix did not help: the other slot keeps its old worker, the slot backs off from the start.
        let end = driver.ended(fresh)
        #expect(end.rolls.count == 1)
        #expect(end.events.last == .willRestart(slot: 1, in: .zero))
        #expect(driver.states == [.ready, .starting])
    }

    @Test func `a slot in backoff is tried at once by a roll`() {
        var driver = FleetDriver(workers: 1)
        let ids = driver.startReady()
        let second = driver.ended(ids[0]).spawns[0]
        _ = driver.spawned(second)
        _ = driver.ended(second)
        #expect(driver.states == [.backoff])
        let fresh = driver.send(.roll).spawns[0]
        _ = driver.spawned(fresh)
        #expect(driver.send(.ready(fresh)).rolls == [.finished])
        #expect(driver.fleet.nextDeadline == nil)
    }

    @Test func `a stop ends the roll and takes both workers of the slot`() {
        var driver = FleetDriver(workers: 1)
        let old = driver.startReady()
        let fresh = driver.send(.roll).spawns[0]
        _ = driver.spawned(fresh)
        _ = driver.send(.roll)
        let actions = driver.send(.stop)
        #expect(actions.rolls == [.stopped(slot: nil, reason: "the fleet is stopping")])
        #expect(Set(actions.terminated) == [old[0], fresh])
        _ = driver.ended(fresh, .exited(0))
        #expect(driver.ended(old[0], .exited(0)).last == .finish)
    }

    @Test func `a roll right after the start replaces workers that were never spawned`() {
        var driver = FleetDriver(workers: 2)
        let first = driver.send(.start).spawns[0]
        _ = driver.send(.roll)
        var queue = [first]
        var spawned: [WorkerID] = []
        // Everything that is asked for comes up and is ready, everything that is told to go goes.
        while let id = queue.popLast() {
            spawned.append(id)
            var actions = driver.spawned(id)
            actions += driver.send(.ready(id))
            while let gone = actions.terminated.first {
                queue += actions.spawns
                actions = driver.ended(gone, .exited(0))
            }
            queue += actions.spawns
        }
        #expect(driver.states == [.ready, .ready])
        #expect(driver.fleet.nextDeadline == nil)
    }

    @Test func `a roll before the start does nothing`() {
        var driver = FleetDriver(workers: 1)
        #expect(driver.send(.roll) == [])
    }
}
