public import PondCore
import Synchronization

/// A clock that stands still until the test moves it: the machine's and the wall's, which move together.
public final class HandClock: Sendable {
    private struct Sleeper {
        let until: Duration
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var elapsed = Duration.zero
        var sleepers: [Int: Sleeper] = [:]
        /// Sleepers that were cancelled before they slept.
        var cancelled: Set<Int> = []
        var lastSleeper = 0
    }

    private let start: LocalInstant
    private let wallStart: ServerTime
    private let state = Mutex(State())

    /// A clock at two moments.
    ///
    /// - Parameters:
    ///   - start: the machine's moment. Defaults to the present one.
    ///   - wall: the wall's time. Defaults to a time in 2023.
    public init(
        at start: LocalInstant = LocalClock.system.now(),
        wall: ServerTime = ServerTime(milliseconds: 1_700_000_000_000)
    ) {
        (self.start, wallStart) = (start, wall)
    }

    /// The machine's moment.
    public var now: LocalInstant { start + elapsed }

    /// The wall's time.
    public var wall: ServerTime { wallStart.advanced(by: elapsed) }

    private var elapsed: Duration { state.withLock(\.elapsed) }

    /// The same time, as a function, for what asks a function for it.
    @Sendable public func read() -> ServerTime { wall }

    /// Moves the clock, and wakes whoever has slept until then.
    public func advance(by duration: Duration) {
        let woken = state.withLock { state in
            state.elapsed += duration
            let now = state.elapsed
            let due = state.sleepers.filter { $0.value.until <= now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.until < $1.until }
        }
        for sleeper in woken { sleeper.continuation.resume() }
    }

    /// How many sleep on it, so that a test can wait for one before it moves the clock.
    public var sleepers: Int { state.withLock(\.sleepers.count) }

    /// The clock for whoever takes one: a sleep on it ends when the test has moved it so far.
    public var local: LocalClock { LocalClock(now: { self.now }, sleep: { try await self.sleep($0) }) }

    private func sleep(_ duration: Duration) async throws {
        let id = state.withLock { state in
            state.lastSleeper += 1
            return state.lastSleeper
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { self.add($0, id, duration) }
        } onCancel: {
            self.cancel(id)
        }
    }

    private func add(_ continuation: CheckedContinuation<Void, any Error>, _ id: Int, _ duration: Duration) {
        let result = state.withLock { state -> Result<Void, any Error>? in
            if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
            guard duration > .zero else { return .success(()) }
            state.sleepers[id] = Sleeper(until: state.elapsed + duration, continuation: continuation)
            return nil
        }
        if let result { continuation.resume(with: result) }
    }

    private func cancel(_ id: Int) {
        let sleeper = state.withLock { state -> Sleeper? in
            guard let sleeper = state.sleepers.removeValue(forKey: id) else {
                state.cancelled.insert(id)
                return nil
            }
            return sleeper
        }
        sleeper?.continuation.resume(throwing: CancellationError())
    }
}
