package import PondCore
import PondRedis

// The budgets of intents, tenants and times, beside the queues: see `pond_ledger.lua` and docs/budgets.md.

/// The budgets of a Redis: money is reserved before it is spent, and each reservation is settled exactly once.
package struct Ledger: Sendable {
    let pond: Pond

    /// What every key of it begins with.
    package var base: String { "\(pond.prefix):{budgets}" }

    /// What an intent's budget is called.
    package static func name(ofIntent correlationID: String) -> String { "intent:\(correlationID)" }

    /// Whether what is reserved is charged when nothing more is heard of it, or refunded.
    package enum Way: String, Sendable, Hashable {
        /// What it is for may have been sent already.
        case sent
        /// What it is for has surely not begun; ``Ledger/sent(_:_:)`` says when it has.
        case claimed

        fileprivate func word(isUndo: Bool) -> RedisArgument { .text(isUndo ? "\(rawValue),undo" : rawValue) }
    }

    // MARK: Reservations

    /// Reserves in an intent's budget, in its tenant's and in that of all at once, or in none of them.
    ///
    /// - Parameters:
    ///   - id: the reservation's, the same when it is asked for again.
    ///   - time: when nothing is heard of it for so long, it is settled by itself.
    ///   - isUndo: whether what is kept for undoing may be spent, too.
    package func reserve(
        _ name: String,
        _ id: String,
        _ usage: Usage,
        as way: Way = .sent,
        for time: Duration,
        isUndo: Bool = false
    ) async throws(QueueError) -> LedgerAnswer {
        let time = min(max(time, .milliseconds(1)), Limits.reservationTimeMax)
        return try await ask(
            ["reserve", .text(name), .text(id), way.word(isUndo: isUndo), .integer(time.wholeMilliseconds)],
            usage
        )
    }

    /// What was claimed has been sent: from here on it is charged when nothing more is heard.
    package func sent(_ name: String, _ id: String) async throws(QueueError) -> LedgerAnswer {
        try await ask(["sent", .text(name), .text(id)])
    }

    /// Reserves more of the same, which lasts so long from now.
    package func extend(
        _ name: String,
        _ id: String,
        by usage: Usage = Usage(),
        for time: Duration
    ) async throws(QueueError) -> LedgerAnswer {
        let time = min(max(time, .milliseconds(1)), Limits.reservationTimeMax)
        return try await ask(["extend", .text(name), .text(id), .integer(time.wholeMilliseconds)], usage)
    }

    /// What it took in truth.
    package func commit(_ name: String, _ id: String, _ usage: Usage) async throws(QueueError) -> LedgerAnswer {
        try await ask(["commit", .text(name), .text(id)], usage)
    }

    /// Nothing of it was begun.
    package func refund(_ name: String, _ id: String) async throws(QueueError) -> LedgerAnswer {
        try await ask(["refund", .text(name), .text(id)])
    }

    /// The truth about what is settled, which came late.
    package func adjust(_ name: String, _ id: String, to usage: Usage) async throws(QueueError) -> LedgerAnswer {
        try await ask(["adjust", .text(name), .text(id)], usage)
    }

    /// Writes down what was spent without a reservation.
    package func spend(
        _ name: String,
        _ id: String,
        _ usage: Usage,
        isUndo: Bool = false
    ) async throws(QueueError) -> LedgerAnswer {
        try await ask(["spend", .text(name), .text(id), Way.sent.word(isUndo: isUndo)], usage)
    }

    // MARK: Jobs

    /// Whether a try of a job may begin; opens its intent's budget, and counts a retry.
    ///
    /// - Parameters:
    ///   - text: what the job says of the budget.
    ///   - job: the address of the job.
    package func attempt(
        _ name: String,
        opening text: String,
        job: String,
        number: Int,
        isUndo: Bool = false
    ) async throws(QueueError) -> LedgerAnswer {
        try await ask([
            "attempt", .text(name), .text(text), .text(job), .integer(Int64(number)), Way.sent.word(isUndo: isUndo),
        ])
    }

    /// Writes down that a job rests until there is room.
    ///
    /// - Returns: for how long it has rested already; nil when there is no such budget.
    package func rest(
        _ name: String,
        job: String,
        asks: Bool,
        for part: Usage.Part?,
        _ amount: Int64
    ) async throws(QueueError) -> Duration? {
        var reader = try await call([
            "rest", .text(name), .text(job), asks ? "ask" : "pause", .text(part?.rawValue ?? ""),
            .integer(max(0, amount)),
        ])
        guard try reader.text() == "ok" else { return nil }
        let (since, now) = (try reader.time(), try reader.time())
        return max(.zero, now.since(since))
    }

    func ask(_ words: [RedisArgument], _ usage: Usage = Usage()) async throws(QueueError) -> LedgerAnswer {
        var words = words
        for part in Usage.Part.allCases where usage[part] != 0 {
            words += [.text(part.rawValue), .integer(usage[part])]
        }
        var reader = try await call(words)
        return try LedgerAnswer(&reader)
    }

    func call(_ words: [RedisArgument]) async throws(QueueError) -> ReplyReader {
        try ReplyReader("pond_ledger", try await pond.call("pond_ledger", base: base, words))
    }
}

extension Pond {
    /// The budgets of intents, tenants and times.
    package var ledger: Ledger { Ledger(pond: self) }
}
