import PondCore
import Synchronization

/// What Redis' clock shows now, reckoned from its last answer by the local monotonic clock.
///
/// The reckoning is behind by the way of that answer, never ahead: nothing that waits for it comes early.
final class ServerClock: Sendable {
    private let clock: LocalClock
    private let last = Mutex<(server: ServerTime, local: LocalInstant)?>(nil)

    init(_ clock: LocalClock) {
        self.clock = clock
    }

    func note(_ now: ServerTime) {
        let local = clock.now()
        last.withLock { $0 = (now, local) }
    }

    /// Nil before the first answer.
    var now: ServerTime? { time(at: clock.now()) }

    /// What it showed, or will show, at a moment of the local clock.
    func time(at local: LocalInstant) -> ServerTime? {
        last.withLock { last in
            last.map { $0.server.advanced(by: $0.local.duration(to: local)) }
        }
    }
}
