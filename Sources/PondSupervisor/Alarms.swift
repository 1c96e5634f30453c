package import PondCore

/// Which alarms are set, so that a deadline gets one only when no earlier one will look at it anyway.
package struct Alarms: Sendable {
    private var pending: [LocalInstant] = []

    package init() {}

    /// The instant to set a new alarm for; nil when none is needed.
    package mutating func needed(for deadline: LocalInstant?) -> LocalInstant? {
        guard let deadline, !pending.contains(where: { $0 <= deadline }) else { return nil }
        pending.append(deadline)
        return deadline
    }

    /// The alarm for this instant rang.
    package mutating func rang(_ instant: LocalInstant) {
        if let index = pending.firstIndex(of: instant) { pending.remove(at: index) }
    }
}
