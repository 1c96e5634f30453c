import PondCore
import Synchronization

/// A clock that only the test moves.
final class HandClock: Sendable {
    private let instant: Mutex<LocalInstant>

    init(_ start: LocalInstant) {
        instant = Mutex(start)
    }

    var now: LocalInstant { instant.withLock { $0 } }

    func advance(_ duration: Duration) {
        instant.withLock { $0 += duration }
    }
}
