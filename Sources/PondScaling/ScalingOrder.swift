package import PondCore

/// What a person has ordered for a while; it expires by itself.
package struct ScalingOrder: Sendable, Hashable, Codable {
    /// What an order does.
    package enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// Keeps the queue at exactly `workers`.
        case pin
        /// Keeps the queue at the size that it has.
        case pause
        /// Keeps the queue at `workers` or more.
        case floor
    }

    /// What it does.
    package var kind: Kind
    /// For a pin and a floor.
    package var workers: Int?
    /// From this moment on the order counts for nothing.
    package var until: ServerTime
    /// Who gave it.
    package var by: String
    /// Why.
    package var reason: String

    package init(kind: Kind, workers: Int? = nil, until: ServerTime, by: String, reason: String) {
        self.kind = kind
        self.workers = workers
        self.until = until
        self.by = by
        self.reason = reason
    }

    /// Whether the order still counts.
    package func isActive(at time: ServerTime) -> Bool {
        time < until
    }
}
