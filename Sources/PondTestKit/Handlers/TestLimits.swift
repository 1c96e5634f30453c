import PondCore
import PondQueue
import PondWorker
import Synchronization

/// A limit that a handler asked for in a test, and was granted.
public struct PerformedLimit: Sendable, Hashable {
    /// The limit's name.
    public let name: String
    /// What the call was said to cost, corrected where the handler has done so.
    public internal(set) var cost: Int
    /// Whether its place was given back before the end.
    public internal(set) var isReleased = false

    /// What a test expects; a cost of 1, held to the end.
    public init(name: String, cost: Int = 1, isReleased: Bool = false) {
        (self.name, self.cost, self.isReleased) = (name, cost, isReleased)
    }
}

/// Stands where Redis would be: grants every limit at once, but those that the test says have no room yet.
final class TestLimits: LimitDesk {
    private let limited: [String: Duration]
    private let clock: LocalClock
    private let start: LocalInstant
    private let granted = Mutex<[PerformedLimit]>([])

    var all: [PerformedLimit] { granted.withLock { $0 } }

    /// - Parameter limited: the names that have no room, and for how long from now.
    init(limited: [String: Duration], clock: LocalClock) {
        (self.limited, self.clock, start) = (limited, clock, clock.now())
    }

    func take(_ need: LimitNeed, for job: Job) async throws(QueueError) -> LimitAnswer {
        let parts = need.text.split(separator: "@")
        let name = String(parts[0])
        if let until = limited[name] {
            let left = until - start.duration(to: clock.now())
            if left > .zero { return .wait(left, .rate, name: name) }
        }
        granted.withLock { $0.append(PerformedLimit(name: name, cost: parts.count > 1 ? Int(parts[1]) ?? 1 : 1)) }
        return .granted
    }

    func give(_ name: LimitName, of job: Job) async throws(QueueError) -> Bool {
        granted.withLock { granted in
            let held = granted.indices.filter { granted[$0].name == name.text && !granted[$0].isReleased }
            for index in held { granted[index].isReleased = true }
            return !held.isEmpty
        }
    }

    func adjust(_ name: LimitName, from cost: Int64, to actual: Int64) async throws(QueueError) {
        granted.withLock { granted in
            guard let index = granted.lastIndex(where: { $0.name == name.text && $0.cost == Int(cost) }) else { return }
            granted[index].cost = Int(actual)
        }
    }
}
