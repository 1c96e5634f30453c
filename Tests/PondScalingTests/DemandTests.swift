import PondScaling
import Testing

@Suite struct DemandTests {
    private func input(_ change: (inout Demand.Input) -> Void) -> Demand.Input {
        var input = Demand.Input()
        input.slots = 4
        input.waitTarget = 10
        input.inFlight = 1_000
        change(&input)
        return input
    }

    @Test func `arrivals need their load and headroom`() {
        let demand = Demand(
            input {
                $0.arrivalRate = 20
                $0.workers = 6
            }
        )
        #expect(demand.load == 20)
        #expect(abs(demand.rateSlots - 21.0526) < 0.001)
        #expect(demand.drainSlots == 0)
        #expect(demand.workers() == 6)
    }

    @Test func `a backlog above half the target is cleared in half the target`() {
        let demand = Demand(
            input {
                $0.waiting = 300
                $0.workers = 0
            }
        )
        // 300 jobs of a second in 6 seconds, which is two spawn times.
        #expect(demand.drainSeconds == 6)
        #expect(demand.drainSlots == 50)
        #expect(demand.workers() == 13)
    }

    @Test func `the same depth of tiny jobs asks for little`() {
        let tiny = Demand(
            input {
                $0.waiting = 300
                $0.serviceTime = 0.01
            }
        )
        #expect(tiny.workers() == 1)
    }

    @Test func `there are never more slots than jobs`() {
        let demand = Demand(
            input {
                $0.inFlight = 0
                $0.waiting = 2
                $0.serviceTime = 600
            }
        )
        #expect(demand.total == 3)
    }

    @Test func `jobs that become due while workers start count as waiting`() {
        let none = Demand(input { $0.inFlight = 0 })
        let soon = Demand(
            input {
                $0.inFlight = 0
                $0.dueSoon = 300
            }
        )
        #expect(none.workers() == 0)
        #expect(soon.workers() == 13)
    }

    @Test(arguments: [(20.0, 1.0, 10.0), (5, 1, 10), (20, 1, 1), (30, 60, 30), (100, 0.1, 5), (8, 0.02, 1)])
    func `the headroom is within five slots of Erlang's minimum`(load: Double, service: Double, target: Double) {
        let demand = Demand(
            input {
                $0.arrivalRate = load / service
                $0.serviceTime = service
                $0.waitTarget = target
                $0.inFlight = 100_000
                $0.workers = 1_000
            }
        )
        let slots = Int(demand.rateSlots.rounded(.up))
        var least = Int(load) + 1
        while Erlang.late(slots: least, load: load, after: 0.5 * target / service) > 0.05 { least += 1 }
        #expect(slots >= least)
        #expect(slots <= least + 6)
    }

    @Test func `no input makes a number that is none`() {
        for target in [0, 1e-9, 1e12] {
            let demand = Demand(
                input {
                    $0.waitTarget = target
                    $0.serviceTime = 604_800
                    $0.arrivalRate = 1e9
                    $0.waiting = 1_000_000_000_000
                }
            )
            #expect((0...1_000_000).contains(demand.workers()))
        }
    }
}

/// The M/M/N queue.
private enum Erlang {
    /// The part of the jobs that wait longer than so many service times.
    static func late(slots: Int, load: Double, after times: Double) -> Double {
        var inverse = 1.0
        for slot in 1...slots { inverse = 1 + inverse * Double(slot) / load }
        let blocked = 1 / inverse
        let waits = blocked / (1 - load / Double(slots) * (1 - blocked))
        var tail = 1.0
        let exponent = -(Double(slots) - load) * times
        // e to the power of a negative number, by halving until the series is short.
        var half = exponent
        var squarings = 0
        while half < -0.5 {
            half /= 2
            squarings += 1
        }
        tail = 1 + half + half * half / 2 + half * half * half / 6 + half * half * half * half / 24
        for _ in 0..<squarings { tail *= tail }
        return waits * tail
    }
}
