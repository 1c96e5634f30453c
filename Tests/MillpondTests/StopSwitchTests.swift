import Millpond
import Synchronization
import Testing

@Suite struct StopSwitchTests {
    private final class Calls: Sendable {
        private let calls = Mutex<[String]>([])
        var all: [String] { calls.withLock { $0 } }
        var target: StopSwitch.Target {
            .init(stop: { self.add("stop") }, stopNow: { self.add("stopNow") }, reload: { self.add("reload") })
        }
        private func add(_ call: String) { calls.withLock { $0.append(call) } }
    }

    private let stopSwitch = StopSwitch()
    private let calls = Calls()

    @Test func `the first signal stops, every further one stops now`() {
        stopSwitch.attach(calls.target)
        #expect(stopSwitch.signalled() == .told)
        #expect(!stopSwitch.wasHurried)
        #expect(stopSwitch.signalled() == .told)
        #expect(stopSwitch.signalled() == .told)
        #expect(calls.all == ["stop", "stopNow", "stopNow"])
        #expect(stopSwitch.isStopping && stopSwitch.wasHurried)
    }

    @Test func `a signal before there is anything to stop is kept`() {
        #expect(stopSwitch.signalled() == .unattended)
        stopSwitch.attach(calls.target)
        #expect(calls.all == ["stop"])
    }

    @Test func `two signals before there is anything to stop are both kept`() {
        #expect(stopSwitch.signalled() == .unattended)
        #expect(stopSwitch.signalled() == .unattendedAgain)
        stopSwitch.attach(calls.target)
        #expect(calls.all == ["stop", "stopNow"])
    }

    @Test func `the end of the lifeline stops in no hurry, whatever came before`() {
        stopSwitch.attach(calls.target)
        stopSwitch.abandoned()
        stopSwitch.abandoned()
        #expect(!calls.all.contains("stopNow"))
        #expect(stopSwitch.signalled() == .told)
        #expect(!calls.all.contains("stopNow"))
        #expect(stopSwitch.signalled() == .told)
        #expect(calls.all.last == "stopNow")
    }

    @Test func `a reload reaches the target and stops nothing`() {
        stopSwitch.reload()
        stopSwitch.attach(calls.target)
        #expect(calls.all.isEmpty)
        stopSwitch.reload()
        #expect(calls.all == ["reload"])
        #expect(!stopSwitch.isStopping)
    }
}
