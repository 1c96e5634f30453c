import PondCore
import PondWorker
import Testing

@Suite
struct IntakeTests {
    @Test func `room is slots and prefetch, reserved before and given back after`() {
        let intake = Intake<Int>(slots: 3, prefetch: 2)
        #expect(intake.reserve() == 5)
        #expect(intake.reserve() == 0)
        #expect(!intake.hasRoomWorthFetching)
        intake.giveBack(2)
        #expect(intake.reserve(1) == 1)
        #expect(intake.reserve() == 1)
    }

    @Test func `by default jobs are fetched ahead only while they are short`() {
        let intake = Intake<Int>(slots: 4, prefetch: nil)
        #expect(intake.reserve() == 4)
        intake.giveBack(4)
        intake.noteRun(.milliseconds(3))
        #expect(intake.reserve() == 8)
        intake.giveBack(8)
        for _ in 0..<20 { intake.noteRun(.seconds(30)) }
        #expect(intake.reserve() == 4)
    }

    @Test func `a closed intake reserves nothing and lets waiting slots go`() async {
        let intake = Intake<Int>(slots: 1, prefetch: 0)
        async let next = intake.next()
        #expect(intake.close().isEmpty)
        #expect(await next == nil)
        #expect(await intake.next() == nil)
        #expect(intake.reserve() == 0)
    }
}

@Suite
struct SignalTests {
    @Test func `a ring before the wait is not lost, and several count as one`() async {
        let signal = WakeSignal()
        signal.ring()
        signal.ring()
        await signal.wait()
        let waiting = Task { await signal.wait() }
        waiting.cancel()
        await waiting.value
    }
}
