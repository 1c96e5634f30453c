import PondCore
import Testing

@Suite struct TimeTests {
    @Test func `moments compare, differ and advance in whole milliseconds`() {
        let early = ServerTime(milliseconds: 1_000)
        let late = early.advanced(by: .microseconds(2_900))
        #expect(late == ServerTime(milliseconds: 1_002))
        #expect(early < late)
        #expect(late.since(early) == .milliseconds(2))
        #expect(early.since(late) == .milliseconds(-2))
        #expect(late.advanced(by: .seconds(-1)) == ServerTime(milliseconds: 2))
    }

    @Test func `a duration is rounded towards zero`() {
        #expect(Duration.zero.wholeMilliseconds == 0)
        #expect(Duration.microseconds(1_999).wholeMilliseconds == 1)
        #expect(Duration.microseconds(-1_999).wholeMilliseconds == -1)
        #expect(Duration.milliseconds(-1).wholeMilliseconds == -1)
        #expect(Duration.seconds(3_600).wholeMilliseconds == 3_600_000)
        // Around what fits into 64 bits, 9.2 s of attoseconds and 3.5 days of their upper bits.
        for seconds in [-9, -10, 9, 10, 302_231, 302_232] as [Int64] {
            let whole = Duration.seconds(seconds)
            let last = Duration(secondsComponent: 0, attosecondsComponent: seconds < 0 ? -1 : 1)
            #expect(whole.wholeMilliseconds == seconds * 1_000)
            #expect((whole + last).wholeMilliseconds == seconds * 1_000)
            #expect((whole - last).wholeMilliseconds == seconds * 1_000 - seconds.signum())
        }
        #expect(Limits.delayMax.wholeMilliseconds == 10 * 365 * 24 * 3_600 * 1_000)
    }

    @Test func `milliseconds survive the way through a duration`() {
        var random = SplitMix(seed: 3)
        for _ in 0..<10_000 {
            let number = Int64.random(in: -1_000_000_000_000_000...1_000_000_000_000_000, using: &random)
            #expect(Duration.milliseconds(number).wholeMilliseconds == number)
            let start = ServerTime(milliseconds: 0)
            #expect(start.advanced(by: .milliseconds(number)).since(start) == .milliseconds(number))
        }
    }

    @Test func `a time beyond 64 bits is the last one, not a crash`() {
        #expect(Duration.seconds(Int64.max).wholeMilliseconds == .max)
        #expect(Duration.seconds(Int64.min).wholeMilliseconds == .min)
        let now = ServerTime(milliseconds: 1)
        #expect(now.advanced(by: .seconds(Int64.max)) == ServerTime(milliseconds: .max))
        #expect(ServerTime(milliseconds: -2).advanced(by: .seconds(Int64.min)) == ServerTime(milliseconds: .min))
    }

    @Test func `a duration in seconds is what people read`() {
        #expect(Duration.milliseconds(1_500).inSeconds == 1.5)
        #expect(Duration.milliseconds(-250).inSeconds == -0.25)
    }

    @Test func `the system clock goes forward, and its sleep ends no sooner than asked`() async throws {
        let clock = LocalClock.system
        let start = clock.now()
        // The clock's own sleep is what is tested.
        try await clock.sleep(.milliseconds(3))
        #expect(start.duration(to: clock.now()) >= .milliseconds(3))
    }

    @Test func `a cancelled sleep throws`() async {
        // The clock's own sleep is what is tested.
        let task = Task { try await LocalClock.system.sleep(.seconds(600)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
