import PondCore
import PondSupervisor
import Testing

@Suite struct FleetStopTests {
    @Test func `a stop tells every worker at once and ends when all are gone`() {
        var driver = FleetDriver(workers: 3)
        let ids = driver.startReady()
        #expect(driver.send(.stop) == ids.map { .terminate($0) })
        #expect(driver.states == [.draining, .draining, .draining])
        _ = driver.ended(ids[1], .exited(0))
        _ = driver.ended(ids[0], .exited(0))
        let last = driver.ended(ids[2], .exited(0))
        #expect(last.events.first == .exited(slot: 2, pid: 103, status: .exited(0), wasExpected: true))
        #expect(last.suffix(2) == [.report(.drained), .finish])
        #expect(driver.fleet.isFinished)
        #expect(driver.states == [.stopped, .stopped, .stopped])
    }

    @Test func `a worker that outlives its grace is killed with its group, once`() {
        var driver = FleetDriver(workers: 1)
        let ids = driver.startReady()
        _ = driver.send(.stop)
        #expect(driver.fleet.nextDeadline == driver.now + .seconds(30))
        let actions = driver.advance(.seconds(30))
        #expect(actions == [.report(.killed(slot: 0, pid: 101, afterGrace: .seconds(30))), .kill(ids[0])])
        #expect(driver.advance(.seconds(30)) == [])
        #expect(driver.ended(ids[0], .signaled(9)).last == .finish)
    }

    @Test func `a second stop changes nothing`() {
        var driver = FleetDriver(workers: 1)
        _ = driver.startReady()
        _ = driver.send(.stop)
        let deadline = driver.fleet.nextDeadline
        driver.now += .seconds(3)
        #expect(driver.send(.stop) == [])
        #expect(driver.fleet.nextDeadline == deadline)
    }

    @Test func `an urgent stop sends a second signal and leaves five seconds`() {
        var driver = FleetDriver(workers: 2)
        let ids = driver.startReady()
        _ = driver.send(.stop)
        driver.now += .seconds(10)
        #expect(driver.send(.stopNow) == ids.map { .terminate($0) })
        #expect(driver.fleet.nextDeadline == driver.now + .seconds(5))
        #expect(driver.send(.stopNow) == [])
        #expect(driver.advance(.seconds(5)).killed == ids)
    }

    @Test func `an urgent stop out of the blue spaces its two signals, so that they do not become one`() {
        var driver = FleetDriver(workers: 1)
        let ids = driver.startReady()
        #expect(driver.send(.stopNow) == [.terminate(ids[0])])
        #expect(driver.fleet.nextDeadline == driver.now + .milliseconds(100))
        #expect(driver.advance(.milliseconds(100)) == [.terminate(ids[0])])
        #expect(driver.advance(.milliseconds(4_900)).killed == ids)
    }

    @Test func `an urgent stop never lengthens the grace`() {
        var driver = FleetDriver(workers: 1) { $0.gracePeriod = .seconds(1) }
        let ids = driver.startReady()
        _ = driver.send(.stopNow)
        _ = driver.advance(.milliseconds(100))
        #expect(driver.advance(.milliseconds(900)).killed == ids)
    }

    @Test func `a stop during the start drops what is queued and waits for what is being spawned`() {
        var driver = FleetDriver(workers: 3)
        let first = driver.send(.start).spawns[0]
        #expect(driver.send(.stop) == [])
        #expect(driver.states == [.draining, .stopped, .stopped])
        // Only now is there a process to tell.
        #expect(driver.spawned(first) == [.report(.spawned(slot: 0, pid: 101)), .terminate(first)])
        #expect(driver.ended(first, .signaled(15)).last == .finish)
    }

    @Test func `an urgent stop during a spawn gives the newborn both signals`() {
        var driver = FleetDriver(workers: 1)
        let first = driver.send(.start).spawns[0]
        _ = driver.send(.stopNow)
        #expect(driver.spawned(first).terminated == [first])
        #expect(driver.advance(.milliseconds(100)).terminated == [first])
        #expect(driver.advance(.seconds(5)).killed == [first])
    }

    @Test func `a spawn that fails during a stop ends the stop`() {
        var driver = FleetDriver(workers: 1)
        let first = driver.send(.start).spawns[0]
        _ = driver.send(.stop)
        #expect(driver.send(.ended(first, .failedToStart(reason: "gone"))).last == .finish)
    }

    @Test func `a stop before the start ends at once, and the start then does nothing`() {
        var driver = FleetDriver(workers: 2)
        #expect(driver.send(.stop) == [.report(.drained), .finish])
        #expect(driver.send(.start) == [])
    }

    @Test func `a stop while every slot waits ends at once`() {
        var driver = FleetDriver(workers: 1) { $0.restart.exitsBeforeParking = 2 }
        let ids = driver.startReady()
        let second = driver.ended(ids[0]).spawns[0]
        _ = driver.spawned(second)
        _ = driver.ended(second)
        #expect(driver.states == [.parked])
        #expect(driver.send(.stop) == [.report(.drained), .finish])
        #expect(driver.fleet.nextDeadline == nil)
    }

    @Test func `nothing is started again while the fleet stops`() {
        var driver = FleetDriver(workers: 2)
        let ids = driver.startReady()
        _ = driver.send(.stop)
        #expect(driver.ended(ids[0], .signaled(11)).spawns.isEmpty)
        #expect(driver.send(.roll) == [])
        #expect(driver.states == [.stopped, .draining])
    }
}
