import PondCore
import PondTestKit
import Testing

/// The clock that tests turn, which everything with a time-out is tested with.
@Suite struct HandClockTests {
    @Test func `who sleeps wakes when the clock has been moved so far, and not before`() async throws {
        let clock = HandClock()
        let start = clock.now
        // No time passes: the clock that is moved is what is tested.
        async let woken: Void = clock.local.sleep(.seconds(10))
        #expect(try await Waiting.until { clock.sleepers == 1 })
        clock.advance(by: .seconds(9))
        #expect(clock.sleepers == 1)
        clock.advance(by: .seconds(1))
        try await woken
        #expect(clock.sleepers == 0)
        #expect(start.duration(to: clock.local.now()) == .seconds(10))
        #expect(clock.wall == ServerTime(milliseconds: 1_700_000_010_000))
    }

    @Test func `who is cancelled wakes at once`() async throws {
        let clock = HandClock()
        // No time passes: the clock that is moved is what is tested.
        let sleeper = Task { try await clock.local.sleep(.seconds(10)) }
        #expect(try await Waiting.until { clock.sleepers == 1 })
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
        #expect(clock.sleepers == 0)
    }
}
