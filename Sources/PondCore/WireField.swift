/// The names of a stream entry's fields, as fixed by the wire format.
public enum WireField: String, Sendable, CaseIterable {
    case kind, data, key
    case correlationID = "correlation_id"
    case causationID = "causation_id"
    case traceparent, tracestate
    case jobClass = "class"
    case attemptsMax = "max_attempts"
    case timeout = "timeout_ms"
    case expires = "expires_ms"
    case budgetWall = "budget_wall_ms"
    case budgetCPU = "budget_cpu_ms"
    case budgetUSD = "budget_usd_micros"

    // Written by the library alone.
    case id
    case enqueuedAt = "enqueued_ms"
    case attempt, recoveries, unstarted, fence
    case spentWall = "spent_wall_ms"
    case spentCPU = "spent_cpu_ms"
    case spentUSD = "spent_usd_micros"
    case lastError = "last_error"
    case unhandledSince = "unhandled_ms"
    case waited = "waited_ms"
    case phase

    /// Nil when the bytes are no known name; quicker than making a string of them first.
    package init?(name bytes: ArraySlice<UInt8>) {
        guard let place = WireField.place(of: bytes) else { return nil }
        self = WireField.allCases[place]
    }

    /// The place among all fields of the one that has the name.
    static func place(of name: ArraySlice<UInt8>) -> Int? {
        let names = WireField.names
        for place in names.indices where names[place].count == name.count {
            if names[place].elementsEqual(name) { return place }
        }
        return nil
    }

    private static let names = allCases.map { Array($0.rawValue.utf8) }

    /// Whether only the library may write the field.
    public var isOwnedByLibrary: Bool {
        switch self {
        case .id, .enqueuedAt, .attempt, .recoveries, .unstarted, .fence, .spentWall, .spentCPU, .spentUSD, .lastError,
            .unhandledSince, .waited, .phase:
            true
        default: false
        }
    }

    /// The whole numbers that the field may hold, nil when it holds no number.
    var range: ClosedRange<Int64>? {
        switch self {
        case .attemptsMax: 1...1_000_000
        case .timeout: 1...Limits.delayMax.wholeMilliseconds
        case .expires, .enqueuedAt: 0...Int64.max
        case .attempt, .recoveries, .unstarted, .fence: 0...1_000_000_000
        case .budgetWall, .budgetCPU: 1...Limits.delayMax.wholeMilliseconds
        case .budgetUSD: 1...Limits.moneyMax.micros
        case .spentWall, .spentCPU, .spentUSD, .waited: 0...Limits.moneyMax.micros
        default: nil
        }
    }
}
