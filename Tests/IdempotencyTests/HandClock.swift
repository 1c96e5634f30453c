import PondCore
import Synchronization

/// A wall clock that a test turns.
final class HandClock: Sendable {
    private let time: Mutex<Int64>

    init(milliseconds: Int64 = 1_700_000_000_000) {
        time = Mutex(milliseconds)
    }

    @Sendable func read() -> ServerTime { ServerTime(milliseconds: time.withLock { $0 }) }

    func advance(by duration: Duration) {
        time.withLock { $0 += duration.wholeMilliseconds }
    }
}
