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
        intake.noteRun(.milliseconds(40))
        #expect(intake.reserve() == 8)
        intake.giveBack(8)
        for _ in 0..<20 { intake.noteRun(.seconds(30)) }
        #expect(intake.reserve() == 4)
    }

    @Test(arguments: [(1, 84), (100, 8), (0, 1_028)])
    func `of very short jobs as many are fetched as the slots get through in 20 ms`(milliseconds: Int, room: Int) {
        let intake = Intake<Int>(slots: 4, prefetch: nil)
        intake.noteRun(.milliseconds(milliseconds))
        #expect(intake.reserve() == room)
    }

    @Test func `of large jobs no more than 16 MiB are fetched ahead, but one for each slot`() {
        let intake = Intake<Int>(slots: 4, prefetch: nil)
        for _ in 0..<100 { intake.noteRun(.zero, bytes: 1 << 20) }
        #expect((4 + 16...4 + 17).contains(intake.reserve()))
        let wide = Intake<Int>(slots: 40, prefetch: nil)
        for _ in 0..<100 { wide.noteRun(.zero, bytes: 1 << 20) }
        #expect(wide.reserve() == 80)
    }

    @Test func `jobs that were fetched ahead of long ones are handed back when no slot takes any`() async {
        let intake = Intake<Int>(slots: 1, prefetch: nil)
        let start = LocalInstant.now
        intake.noteRun(.zero)
        #expect(intake.reserve() == 1_025)
        for job in 1...4 { #expect(intake.add(job)) }
        #expect(await intake.next() == 1)
        #expect(intake.takeStalled(at: start) == [])
        #expect(intake.takeStalled(at: start + .milliseconds(499)) == [])
        #expect(await intake.next() == 2)
        #expect(intake.takeStalled(at: start + .seconds(1)) == [])
        #expect(intake.takeStalled(at: start + .milliseconds(1_500)) == [3, 4])
        #expect(intake.buffered == 0)
        intake.giveBack(1_025)
        #expect(intake.reserve() == 1)
    }

    @Test func `what somebody wants fetched ahead by number is never handed back`() {
        let intake = Intake<Int>(slots: 1, prefetch: 2)
        #expect(intake.add(1))
        let start = LocalInstant.now
        #expect(intake.takeStalled(at: start) == [])
        #expect(intake.takeStalled(at: start + .seconds(60)) == [])
    }

    @Test func `as many jobs that need a limit may come as slots are free, and a few where none ever is`() {
        let intake = Intake<Int>(slots: 16, prefetch: 16)
        // Odd ones need a limit.
        func reserve(_ wanted: Int) -> [Int] {
            let (reserved, limited) = intake.reserve(wanted, needsLimit: { !$0.isMultiple(of: 2) })
            return [reserved, limited]
        }
        #expect(reserve(4) == [4, 4])
        #expect(reserve(100) == [28, 12])
        intake.giveBack(8)
        #expect(reserve(2) == [2, 0])
        #expect(intake.add(2))
        #expect(reserve(2) == [2, 2])
        #expect(intake.add(1))
        #expect(reserve(2) == [2, 1])
        #expect(intake.add(3))
        #expect(reserve(1) == [1, 0])
        #expect(reserve(100) == [1, 0])
        _ = intake.close()
        #expect(reserve(1) == [0, 0])
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
