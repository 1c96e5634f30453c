import PondCore
import PondSupervisor
import Testing

@Suite struct FleetTests {
    @Test func `a fleet is spawned one worker at a time`() {
        var driver = FleetDriver(workers: 3)
        let first = driver.send(.start)
        #expect(first == [.spawn(WorkerID(slot: 0, generation: 1), by: nil)])
        let second = driver.spawned(WorkerID(slot: 0, generation: 1))
        #expect(second == [.report(.spawned(slot: 0, pid: 101)), .spawn(WorkerID(slot: 1, generation: 2), by: nil)])
        #expect(driver.states == [.starting, .starting, .starting])
    }

    @Test func `starting twice starts once`() {
        var driver = FleetDriver(workers: 1)
        _ = driver.send(.start)
        #expect(driver.send(.start) == [])
    }

    @Test func `ready is reported once`() {
        var driver = FleetDriver(workers: 1)
        let ids = driver.startReady()
        #expect(driver.states == [.ready])
        #expect(driver.send(.ready(ids[0])) == [])
    }

    @Test func `a worker that dies is replaced in the same instant`() {
        var driver = FleetDriver(workers: 2)
        let ids = driver.startReady()
        let actions = driver.ended(ids[1], .signaled(9))
        #expect(
            actions == [
                .report(.exited(slot: 1, pid: 102, status: .signaled(9), wasExpected: false)),
                .report(.willRestart(slot: 1, in: .zero)),
                .spawn(WorkerID(slot: 1, generation: 3), by: nil),
            ]
        )
        #expect(driver.fleet.statuses[1].restarts == 1)
        #expect(driver.fleet.statuses[1].lastExit == .signaled(9))
        #expect(driver.states == [.ready, .starting])
    }

    @Test func `a clean exit that nobody asked for is a restart too`() {
        var driver = FleetDriver(workers: 1)
        let ids = driver.startReady()
        #expect(driver.ended(ids[0], .exited(0)).spawns.count == 1)
    }

    @Test func `the second crash waits in backoff until its time`() {
        var driver = FleetDriver(workers: 1)
        let ids = driver.startReady()
        let second = driver.ended(ids[0]).spawns[0]
        _ = driver.spawned(second)
        _ = driver.send(.ready(second))
        let actions = driver.ended(second)
        #expect(actions.events.last == .willRestart(slot: 0, in: .milliseconds(500)))
        #expect(actions.spawns.isEmpty)
        #expect(driver.states == [.backoff])
        #expect(driver.fleet.nextDeadline == driver.now + .milliseconds(500))
        #expect(driver.advance(.milliseconds(499)).spawns.isEmpty)
        #expect(driver.advance(.milliseconds(1)).spawns.count == 1)
        #expect(driver.fleet.statuses[0].restarts == 2)
    }

    @Test func `a crash loop is parked, and tried again after five minutes`() {
        var driver = FleetDriver(workers: 2)
        let ids = driver.startReady()
        var actions = driver.ended(ids[0], .exited(70))
        for _ in 0..<7 {
            if actions.spawns.isEmpty { actions = driver.tickAtDeadline() }
            let next = actions.spawns[0]
            _ = driver.spawned(next)
            _ = driver.send(.ready(next))
            actions = driver.ended(next, .exited(70))
        }
        let reason = FleetEvent.ParkingReason(
            exits: 8,
            window: .seconds(60),
            lastExit: .exited(70),
            retryIn: .seconds(300)
        )
        #expect(actions.events.last == .parked(slot: 0, reason: reason))
        #expect(driver.states == [.parked, .ready])
        #expect(driver.fleet.nextDeadline == driver.now + .seconds(300))

        let retry = driver.advance(.seconds(300))
        #expect(retry.events == [.unparked(slot: 0)])
        let fresh = retry.spawns[0]
        _ = driver.spawned(fresh)
        // The window starts empty: the first crash after the rest is an isolated one again.
        #expect(driver.ended(fresh).events.last == .willRestart(slot: 0, in: .zero))
    }

    @Test func `a failing exec backs off alone and leaves the siblings alone`() {
        var driver = FleetDriver(workers: 2)
        let first = driver.send(.start).spawns[0]
        let actions = driver.send(.ended(first, .failedToStart(reason: "/bin/worker: No such file")))
        let status = WorkerExit.failedToStart(reason: "/bin/worker: No such file")
        #expect(actions.events.first == .exited(slot: 0, pid: nil, status: status, wasExpected: false))
        // The sibling was next in the queue; the retry of slot 0 comes after it.
        #expect(actions.spawns == [WorkerID(slot: 1, generation: 2)])
        #expect(driver.spawned(WorkerID(slot: 1, generation: 2)).spawns == [WorkerID(slot: 0, generation: 3)])
        let again = driver.send(.ended(WorkerID(slot: 0, generation: 3), status))
        #expect(again.events.last == .willRestart(slot: 0, in: .milliseconds(500)))
        #expect(driver.states == [.backoff, .starting])
    }

    @Test func `a worker that is late to be ready is reported once and left alone`() {
        var driver = FleetDriver(workers: 1) { $0.readyTimeout = .seconds(2) }
        let id = driver.send(.start).spawns[0]
        _ = driver.spawned(id)
        #expect(driver.fleet.nextDeadline == driver.now + .seconds(2))
        #expect(driver.advance(.seconds(2)) == [.report(.notReady(slot: 0, pid: 101, after: .seconds(2)))])
        #expect(driver.fleet.nextDeadline == nil)
        #expect(driver.fleet.statuses[0].lateStarts == 1)
        #expect(driver.send(.ready(id)) == [.report(.ready(slot: 0, pid: 101))])
    }

    @Test func `news of a worker that is gone changes nothing`() {
        var driver = FleetDriver(workers: 1)
        let ids = driver.startReady()
        let second = driver.ended(ids[0]).spawns[0]
        #expect(driver.send(.ready(ids[0])) == [])
        #expect(driver.send(.ended(ids[0], .exited(1))) == [])
        #expect(driver.send(.spawned(ids[0], pid: 5)) == [])
        #expect(driver.spawned(second).events == [.spawned(slot: 0, pid: 102)])
    }
}
