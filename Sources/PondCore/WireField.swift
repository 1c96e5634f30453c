/// The names of a stream entry's fields, as fixed by the wire format.
package enum WireField: String, Sendable, CaseIterable {
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
    case limit
    case intentBudget = "intent_budget"

    // Written by the library alone.
    case id
    case enqueuedAt = "enqueued_ms"
    case attempt, recoveries, unstarted, interrupted, fence
    case recoveredAt = "recovered_ms"
    case spentWall = "spent_wall_ms"
    case spentCPU = "spent_cpu_ms"
    case spentUSD = "spent_usd_micros"
    case lastError = "last_error"
    case unhandledSince = "unhandled_ms"
    case waited = "waited_ms"
    case phase
    // Of a saga, and of a job that a saga started and waits for.
    case saga = "saga_run"
    case parent = "saga_parent"
    case parentStep = "saga_step"
    case parentIndex = "saga_index"
    /// What of its intent's budget it rests for.
    case budgetWait = "budget_wait"

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
    package var isOwnedByLibrary: Bool {
        switch self {
        case .id, .enqueuedAt, .attempt, .recoveries, .unstarted, .fence, .spentWall, .spentCPU, .spentUSD, .lastError,
            .unhandledSince, .waited, .phase, .interrupted, .recoveredAt, .saga, .parent, .parentStep, .parentIndex,
            .budgetWait:
            true
        default: false
        }
    }

    /// The whole numbers that the field may hold, nil when it holds no number.
    var range: ClosedRange<Int64>? {
        switch self {
        case .attemptsMax: 1...1_000_000
        case .timeout: 1...Limits.delayMax.wholeMilliseconds
        case .expires: Limits.earliestTime.milliseconds...Int64.max
        case .enqueuedAt: 0...Int64.max
        case .attempt, .recoveries, .unstarted, .interrupted, .fence: 0...1_000_000_000
        case .budgetWall, .budgetCPU: 1...Limits.delayMax.wholeMilliseconds
        case .budgetUSD: 1...Limits.moneyMax.micros
        case .spentWall, .spentCPU, .spentUSD, .waited: 0...Limits.moneyMax.micros
        default: nil
        }
    }

    /// What is wrong with a number that the field cannot hold, for whoever gave it.
    func refusal(of number: Int64, given: String) -> String {
        if self == .expires, number >= 0 { return ServerTime(milliseconds: number).unlikelyText(rawValue) }
        let range = range ?? 0...0
        return "\(rawValue) is \(given), allowed is a whole number from \(range.lowerBound) to \(range.upperBound)"
    }
}

extension ServerTime {
    /// Why a moment before 2001 cannot be meant: a span, or seconds, was given where milliseconds since 1970 belong.
    fileprivate func unlikelyText(_ name: String) -> String {
        let text =
            "\(name) is \(milliseconds), which is \(iso8601); it is a moment in milliseconds since 1970, not before 2001"
        if milliseconds >= Limits.earliestTime.milliseconds / 1_000 {
            return "\(text). Did you mean \(milliseconds * 1_000) (given in seconds)?"
        }
        return "\(text). For a span from now add it to the present time; without the field a job never expires"
    }
}
