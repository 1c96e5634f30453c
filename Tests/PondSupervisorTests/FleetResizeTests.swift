import PondCore
import PondSupervisor
import PondTestKit
import Testing

/// How a fleet grows and shrinks.
@Suite struct FleetResizeTests {
    private func elastic(_ workers: Int, most: Int = 8) -> FleetDriver {
        FleetDriver(workers: workers) { $0.workersMax = most }
    }

    @Test func `growing spawns what is missing, one at a time`() {
        var driver = elastic(1)
        _ = driver.startReady()
        let first = driver.send(.resize(3, running: [:], startsUntil: nil))
        #expect(first.spawns == [WorkerID(slot: 1, generation: 2)])
        #expect(first.events == [.resized(from: 1, to: 3)])
        #expect(driver.spawned(first.spawns[0]).spawns == [WorkerID(slot: 2, generation: 3)])
        #expect(driver.fleet.target == 3)
    }

    @Test func `a fleet of nobody starts nobody and grows when it is told`() {
        var driver = elastic(0)
        #expect(driver.send(.start).spawns.isEmpty)
        #expect(driver.send(.resize(1, running: [:], startsUntil: nil)).spawns == [WorkerID(slot: 0, generation: 1)])
    }

    @Test func `the same size changes nothing`() {
        var driver = elastic(2)
        _ = driver.startReady()
        #expect(driver.send(.resize(2, running: [:], startsUntil: nil)) == [])
    }

    @Test
    func `what was ordered and not started in time waits for the next order, and is dropped when that wants less`() {
        var driver = elastic(0)
        _ = driver.send(.start)
        let until = driver.now + .seconds(5)
        let first = driver.send(.resize(3, running: [:], startsUntil: until)).spawns
        #expect(first.count == 1)
        _ = driver.spawned(first[0])
        // The process was stopped here, and what it had may be another host's by now.
        driver.now += .seconds(60)
        let second = WorkerID(slot: 1, generation: 2)
        #expect(driver.send(.tooLate(second)).spawns.isEmpty)
        let fresh = driver.now + .seconds(5)
        #expect(
            driver.send(.resize(2, running: [:], startsUntil: fresh)) == [
                .report(.resized(from: 3, to: 2)), .spawn(second, by: fresh),
            ]
        )
        #expect(driver.spawned(second).spawns.isEmpty)
        #expect(driver.fleet.target == 2)
    }

    @Test func `a worker that came to be after its time is killed before it begins, and replaced by the next order`() {
        var driver = elastic(0)
        _ = driver.send(.start)
        let until = driver.now + .seconds(5)
        let first = driver.send(.resize(2, running: [:], startsUntil: until)).spawns[0]
        driver.now += .seconds(60)
        let late = driver.spawned(first)
        #expect(late.contains(.kill(first)))
        #expect(late.spawns.isEmpty)
        #expect(driver.ended(first, .signaled(9)).spawns.isEmpty)
        #expect(driver.send(.resize(2, running: [:], startsUntil: driver.now + .seconds(5))).spawns.count == 1)
        #expect(driver.fleet.target == 2)
    }

    @Test func `nobody grows past the bound`() {
        var driver = elastic(1, most: 3)
        _ = driver.startReady()
        _ = driver.send(.resize(99, running: [:], startsUntil: nil))
        #expect(driver.fleet.target == 3)
    }

    @Test func `the idle go before the busy, and the busy by what they run`() {
        var driver = elastic(4)
        let ids = driver.startReady()
        let pids = ids.compactMap { driver.pids[$0] }
        let running = [pids[0]: 2, pids[1]: 0, pids[2]: 1, pids[3]: 0]
        #expect(driver.send(.resize(2, running: running, startsUntil: nil)).retired == [ids[1], ids[3]])
        #expect(driver.send(.resize(1, running: running, startsUntil: nil)).retired == [ids[2]])
        #expect(driver.send(.resize(0, running: running, startsUntil: nil)).retired == [ids[0]])
    }

    @Test func `who says nothing of its jobs counts as the busiest`() {
        var driver = elastic(2)
        let ids = driver.startReady()
        let pid = driver.pids[ids[1]] ?? 0
        #expect(driver.send(.resize(1, running: [pid: 7], startsUntil: nil)).retired == [ids[1]])
    }

    @Test func `a worker that is starting goes before one that is ready`() {
        var driver = elastic(1)
        _ = driver.startReady()
        let fresh = driver.send(.resize(2, running: [:], startsUntil: nil)).spawns[0]
        _ = driver.spawned(fresh)
        #expect(driver.send(.resize(1, running: [:], startsUntil: nil)).retired == [fresh])
    }

    @Test func `a worker that waits to be spawned is dropped without a word`() {
        var driver = elastic(0)
        _ = driver.send(.start)
        let first = driver.send(.resize(3, running: [:], startsUntil: nil)).spawns[0]
        let actions = driver.send(.resize(1, running: [:], startsUntil: nil))
        #expect(actions.retired.isEmpty)
        #expect(driver.spawned(first).spawns.isEmpty)
        #expect(driver.fleet.target == 1)
    }

    @Test func `a worker that is not wanted by the time it exists is told so then`() {
        var driver = elastic(0)
        _ = driver.send(.start)
        let id = driver.send(.resize(1, running: [:], startsUntil: nil)).spawns[0]
        #expect(driver.send(.resize(0, running: [:], startsUntil: nil)).retired.isEmpty)
        #expect(driver.spawned(id).retired == [id])
    }

    @Test func `who retires is not killed, however long its jobs take`() {
        var driver = elastic(2)
        let ids = driver.startReady()
        _ = driver.send(.resize(1, running: [:], startsUntil: nil))
        let actions = driver.advance(.seconds(36_000))
        #expect(actions.killed.isEmpty)
        #expect(actions.terminated.isEmpty)
        #expect(driver.states.contains(.draining))
        // Its end is expected and nobody takes its place.
        let ended = driver.ended(ids[0], .exited(0))
        #expect(ended.spawns.isEmpty)
        #expect(ended.events == [.exited(slot: 0, pid: 101, status: .exited(0), wasExpected: true)])
        #expect(driver.states == [.ready])
    }

    @Test func `a program that never said it was ready gets a signal when it does not hear the word`() {
        var driver = elastic(0)
        _ = driver.send(.start)
        let id = driver.send(.resize(1, running: [:], startsUntil: nil)).spawns[0]
        _ = driver.spawned(id)
        _ = driver.send(.resize(0, running: [:], startsUntil: nil))
        #expect(driver.tickAtDeadline().terminated == [id])
        #expect(driver.tickAtDeadline().killed == [id])
    }

    @Test func `who retires gets its signal and its grace when the fleet stops`() {
        var driver = elastic(1)
        let ids = driver.startReady()
        _ = driver.send(.resize(0, running: [:], startsUntil: nil))
        #expect(driver.send(.stop).terminated == ids)
        #expect(driver.tickAtDeadline().killed == ids)
    }

    @Test func `a slot is used again once its worker has ended, and not before`() {
        var driver = elastic(2)
        let ids = driver.startReady()
        _ = driver.send(.resize(1, running: [:], startsUntil: nil))
        let beside = driver.send(.resize(2, running: [:], startsUntil: nil)).spawns
        #expect(beside == [WorkerID(slot: 2, generation: 3)])
        _ = driver.spawned(beside[0])
        _ = driver.ended(ids[0], .exited(0))
        #expect(driver.send(.resize(3, running: [:], startsUntil: nil)).spawns == [WorkerID(slot: 0, generation: 4)])
    }

    @Test func `a slot that waits to be restarted goes first and is not restarted`() {
        var driver = elastic(2)
        let ids = driver.startReady()
        let again = driver.ended(ids[0]).spawns[0]
        _ = driver.spawned(again)
        _ = driver.ended(again)
        #expect(driver.states.contains(.backoff))
        #expect(driver.send(.resize(1, running: [:], startsUntil: nil)).retired.isEmpty)
        #expect(driver.advance(.seconds(600)).spawns.isEmpty)
        #expect(driver.states == [.ready])
    }

    @Test func `a recycled worker is replaced when its jobs have ended, and it counts as no crash`() {
        var driver = elastic(1)
        let ids = driver.startReady()
        let pid = driver.pids[ids[0]] ?? 0
        #expect(driver.send(.recycle(pid)).retired == ids)
        // Asked twice is asked once.
        #expect(driver.send(.recycle(pid)) == [])
        let actions = driver.ended(ids[0], .exited(0))
        #expect(actions.spawns.count == 1)
        #expect(!actions.events.contains { if case .willRestart = $0 { true } else { false } })
    }

    @Test func `recycling somebody unknown does nothing`() {
        var driver = elastic(1)
        _ = driver.startReady()
        #expect(driver.send(.recycle(1)) == [])
    }

    @Test func `a rolling restart leaves out slots that nobody wants`() {
        var driver = elastic(2)
        let ids = driver.startReady()
        _ = driver.send(.resize(1, running: [:], startsUntil: nil))
        _ = driver.ended(ids[0], .exited(0))
        let fresh = driver.send(.roll).spawns
        #expect(fresh.map(\.slot) == [1])
    }

    @Test func `shrinking away the slot that is being rolled ends the restart`() {
        var driver = elastic(1)
        _ = driver.startReady()
        let fresh = driver.send(.roll).spawns[0]
        _ = driver.spawned(fresh)
        let actions = driver.send(.resize(0, running: [:], startsUntil: nil))
        #expect(actions.rolls == [.stopped(slot: 0, reason: "the fleet needs fewer workers")])
        #expect(driver.fleet.target == 0)
    }

    @Test func `a thousand random sizes leave exactly what was wanted last`() {
        var generator = SeededGenerator(seed: 7)
        var driver = elastic(0, most: 20)
        var alive: [WorkerID] = []
        func carryOut(_ actions: [Fleet.Action]) {
            var pending = actions
            while !pending.isEmpty {
                let action = pending.removeFirst()
                switch action {
                case .spawn(let id, _):
                    alive.append(id)
                    pending += driver.spawned(id) + driver.send(.ready(id))
                case .retire(let id), .terminate(let id):
                    guard alive.contains(id) else { continue }
                    alive.removeAll { $0 == id }
                    pending += driver.ended(id, .exited(0))
                default: break
                }
            }
        }
        carryOut(driver.send(.start))
        for _ in 0..<1_000 {
            let size = Int.random(in: 0...20, using: &generator)
            carryOut(driver.send(.resize(size, running: [:], startsUntil: nil)))
            #expect(alive.count == size)
            if let victim = alive.randomElement(using: &generator), Bool.random(using: &generator) {
                alive.removeAll { $0 == victim }
                driver.now += .seconds(120)
                carryOut(driver.ended(victim, .signaled(9)))
                #expect(alive.count == size)
            }
        }
        // Slots are used again, so their number stays bounded.
        #expect(driver.fleet.slotCount <= 40)
    }
}
