// Where time comes from. Everything else in Millpond is handed a `LocalClock` or a `ServerTime`, so that
// a test can drive time by hand and no decision ever reads a wall clock that somebody may turn.
//
// Two kinds of time, never mixed: the local monotonic clock for timeouts and deadlines of this process, and
// Redis' own clock (`ServerTime`) for everything that processes share: due times, ages, leases.

import Glibc
// The optimiser of Swift 6.3 may find the members of `timespec` in this module of the toolchain, by the order of the files.
import SwiftOverlayShims

/// A monotonic time source and the sleep that belongs to it.
public struct LocalClock: Sendable {
    /// The present instant.
    public var now: @Sendable () -> LocalInstant
    /// Sleeps for at least the given time; throws `CancellationError` when the task is cancelled.
    public var sleep: @Sendable (Duration) async throws -> Void

    /// A clock of your own.
    public init(
        now: @escaping @Sendable () -> LocalInstant,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.sleep = sleep
    }

    /// The machine's monotonic clock.
    public static let system = LocalClock(
        now: { LocalInstant.now },
        sleep: { try await Task.sleep(for: $0, clock: .continuous) }
    )
}

/// A moment of this machine's monotonic clock, which goes on while the machine sleeps.
///
/// The same clock as `ContinuousClock`'s; but the layout of that one's instants is open, so that each copy of what has one in it
/// is a call: a tenth of what a job cost a worker.
public struct LocalInstant: Sendable, Hashable, Codable, InstantProtocol {
    /// Since a moment that no other machine shares.
    private let elapsed: Duration

    private init(_ elapsed: Duration) {
        self.elapsed = elapsed
    }

    /// The present instant.
    public static var now: LocalInstant {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return LocalInstant(.seconds(time.tv_sec) + .nanoseconds(time.tv_nsec))
    }

    /// Whether the first comes before the second.
    public static func < (lhs: LocalInstant, rhs: LocalInstant) -> Bool { lhs.elapsed < rhs.elapsed }

    /// The instant that is so much later, or earlier when negative.
    public func advanced(by duration: Duration) -> LocalInstant { LocalInstant(elapsed + duration) }

    /// The time until another instant; negative when that was before.
    public func duration(to other: LocalInstant) -> Duration { other.elapsed - elapsed }

    /// The same moment as the standard library writes it, to the microsecond.
    package var onContinuousClock: ContinuousClock.Instant {
        ContinuousClock.now.advanced(by: LocalInstant.now.duration(to: self))
    }

    /// The instant that is so much later.
    public static func + (instant: LocalInstant, duration: Duration) -> LocalInstant { instant.advanced(by: duration) }

    /// Moves the instant on.
    public static func += (instant: inout LocalInstant, duration: Duration) { instant = instant.advanced(by: duration) }

    /// The time from the second to the first.
    public static func - (later: LocalInstant, earlier: LocalInstant) -> Duration { earlier.duration(to: later) }
}

/// A moment of Redis' clock, in whole milliseconds since 1970.
public struct ServerTime: Sendable, Hashable, Comparable {
    /// Since 1970.
    public let milliseconds: Int64

    /// Milliseconds since the beginning of 1970.
    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    public static func < (lhs: ServerTime, rhs: ServerTime) -> Bool {
        lhs.milliseconds < rhs.milliseconds
    }

    /// The time from `earlier` to this moment; negative when `earlier` is later.
    public func since(_ earlier: ServerTime) -> Duration {
        .milliseconds(milliseconds - earlier.milliseconds)
    }

    /// The moment that is `duration` later.
    public func advanced(by duration: Duration) -> ServerTime {
        ServerTime(milliseconds: milliseconds.addingSaturated(duration.wholeMilliseconds))
    }
}

extension Duration {
    /// The duration in milliseconds, rounded towards zero: the unit of every `_ms` field on the wire.
    ///
    /// What 64 bits cannot hold (300 million years) is the largest number they can.
    package var wholeMilliseconds: Int64 {
        // Up to three days in 64 bits: dividing 128 of them costs more than a job's other arithmetic together. A millisecond has
        // 2^15 · 5^15 attoseconds, so the last 15 bits make no whole one; of a negative number they would.
        if let short = Int64(exactly: attoseconds >> 15), short >= 0 { return short / 30_517_578_125 }
        let (seconds, attoseconds) = components
        let (thousands, isTooLong) = seconds.multipliedReportingOverflow(by: 1_000)
        return isTooLong
            ? (seconds < 0 ? .min : .max) : thousands.addingSaturated(attoseconds / 1_000_000_000_000_000)
    }

    /// The duration in seconds, as people and reports read it.
    package var inSeconds: Double {
        // A division, because no double is a tenth of anything: 0.7 s must not read 0.7000000000000001.
        if let short = Int64(exactly: attoseconds) { return Double(short) / 1e18 }
        return Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}

extension Int64 {
    /// The sum, or the number nearest to it that 64 bits can hold.
    fileprivate func addingSaturated(_ other: Int64) -> Int64 {
        let (sum, isTooLarge) = addingReportingOverflow(other)
        return isTooLarge ? (other < 0 ? .min : .max) : sum
    }
}

/// The wall clock of this machine, which anybody may turn: only for comparing it with Redis' clock.
package enum WallClock {
    /// What the clock shows.
    package static func read() -> ServerTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return ServerTime(milliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
    }
}

/// CPU time of other processes of this machine.
package enum ProcessClock {
    /// What all threads of a process took; nil when it is gone.
    ///
    /// Exact, and cheap enough to be asked twice a job. It can also be asked of a process that has ended and was not waited
    /// for yet.
    package static func read(_ process: Int32) -> Duration? {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &time) == 0 else { return nil }
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
