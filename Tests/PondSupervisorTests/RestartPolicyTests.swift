import PondCore
import PondSupervisor
import Testing

@Suite struct RestartPolicyTests {
    let start = LocalInstant.now

    @Test func `the first restart is immediate and the later ones double`() {
        var policy = RestartPolicy()
        let decisions = (0..<7).map { policy.exited(at: start + .milliseconds($0)) }
        let seconds: [Double] = [0, 0.5, 1, 2, 4, 8, 16]
        #expect(decisions == seconds.map { .restart(after: .seconds($0)) })
    }

    @Test func `the eighth exit in a window parks the slot`() {
        var policy = RestartPolicy()
        for _ in 0..<7 { _ = policy.exited(at: start) }
        #expect(policy.exited(at: start + .seconds(59)) == .park(exits: 8))
    }

    @Test func `exits leave the window by age, one by one`() {
        var policy = RestartPolicy()
        _ = policy.exited(at: start)
        _ = policy.exited(at: start + .seconds(30))
        // The first exit is exactly a window old and counts no more; the second still does.
        #expect(policy.exited(at: start + .seconds(60)) == .restart(after: .seconds(0.5)))
        #expect(policy.exited(at: start + .seconds(120)) == .restart(after: .zero))
    }

    @Test func `an isolated crash each minute is restarted at once for ever`() {
        var policy = RestartPolicy()
        for minute in 0..<100 {
            #expect(policy.exited(at: start + .seconds(60 * minute)) == .restart(after: .zero))
        }
    }

    @Test func `a worker that lives seven seconds each time is a crash loop too`() {
        var policy = RestartPolicy()
        let decisions = (0..<8).map { policy.exited(at: start + .seconds(7 * $0)) }
        #expect(decisions.last == .park(exits: 8))
    }

    @Test func `the delay is capped`() {
        var policy = RestartPolicy(.init(exitsBeforeParking: 100))
        for _ in 0..<50 { _ = policy.exited(at: start) }
        #expect(policy.exited(at: start) == .restart(after: .seconds(30)))
    }

    @Test func `forgetting makes the next restart immediate`() {
        var policy = RestartPolicy()
        for _ in 0..<5 { _ = policy.exited(at: start) }
        policy.forget()
        #expect(policy.exited(at: start) == .restart(after: .zero))
    }

    @Test func `an exit that needed no restart counts as well`() {
        var policy = RestartPolicy()
        policy.record(exitAt: start)
        #expect(policy.exited(at: start) == .restart(after: .seconds(0.5)))
    }
}
