public import PondCore

/// How an outbox stands.
public struct OutboxStatus: Sendable, Hashable {
    /// The rows of a lane that were not shipped yet.
    public struct Lane: Sendable, Hashable {
        /// The lane.
        public let name: String
        /// How many rows there are.
        public let unsent: Int
        /// How long the first of them has waited.
        public let oldestAge: Duration
        /// The number of the first row.
        public let firstRow: Int64
        /// How often the first row was turned away or lost its sink.
        public let tries: Int
        /// Why, the last time.
        public let lastError: String?
        /// Why the lane does not go on before somebody acts, nil when it does.
        public let parked: Parking?
    }

    /// A lane that waits for somebody to act.
    public struct Parking: Sendable, Hashable {
        /// The row that was refused.
        public let row: Int64
        /// Why.
        public let reason: String
        /// Since when, by the relay's wall clock.
        public let since: ServerTime
    }

    /// The lanes with unsent rows, by name.
    public let lanes: [Lane]
    /// Whether a relay runs on the file.
    public let isRelayed: Bool

    /// The rows that were not shipped yet.
    public var unsent: Int { lanes.reduce(0) { $0 + $1.unsent } }
    /// How long the oldest of them has waited, nil when there is none.
    public var oldestAge: Duration? { lanes.map(\.oldestAge).max() }
    /// The lanes that wait for somebody to act.
    public var parked: [Lane] { lanes.filter { $0.parked != nil } }
}
