public import PondCore

/// What a person has ordered for a while; it expires by itself.
public struct ScalingOrder: Sendable, Hashable, Codable {
    /// What an order does.
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// Keeps the queue at exactly `workers`.
        case pin
        /// Keeps the queue at the size that it has.
        case pause
        /// Keeps the queue at `workers` or more.
        case floor
    }

    /// What it does.
    public var kind: Kind
    /// For a pin and a floor.
    public var workers: Int?
    /// From this moment on the order counts for nothing.
    public var until: ServerTime
    /// Who gave it.
    public var by: String
    /// Why.
    public var reason: String

    public init(kind: Kind, workers: Int? = nil, until: ServerTime, by: String, reason: String) {
        self.kind = kind
        self.workers = workers
        self.until = until
        self.by = by
        self.reason = reason
    }

    /// Whether the order still counts.
    public func isActive(at time: ServerTime) -> Bool {
        time < until
    }
}
