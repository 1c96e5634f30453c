import Glibc
import Millpond
import PondSupervisor

/// Kills a random worker of a fleet every two seconds, with the signal that nobody can catch.
struct Chaos: Sendable {
    /// The fewest kills that a run under chaos means.
    static let killsMin = 3
    private static let interval = Duration.seconds(2)

    private let clock: LocalClock
    private var next: LocalInstant
    private(set) var kills = 0
    /// False once the kills are over, so that what they left behind can be finished.
    var isOn = true

    init(_ clock: LocalClock) {
        self.clock = clock
        next = clock.now() + Chaos.interval
    }

    /// Kills a worker when it is time.
    ///
    /// - Returns: the process that was killed.
    mutating func strike(_ workers: [SlotStatus]) -> Int32? {
        guard isOn, clock.now() >= next else { return nil }
        guard let victim = workers.filter({ $0.state == .ready }).compactMap(\.pid).randomElement() else { return nil }
        next = clock.now() + Chaos.interval
        guard kill(victim, SIGKILL) == 0 else { return nil }
        kills += 1
        return victim
    }
}
