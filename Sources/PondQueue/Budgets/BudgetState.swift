package import PondCore

/// A budget as it stands: limits, and what is committed, reserved and left.
package struct BudgetState: Sendable, Hashable {
    /// Its name, that of its window behind an `@`.
    package var name: String
    /// Redis' clock.
    package var now: ServerTime
    /// `open`, `frozen` or `closed`.
    package var state: String
    /// Why somebody froze it.
    package var reason: String?
    /// When it was opened.
    package var opened: ServerTime?
    /// After that nothing begins.
    package var deadline: ServerTime?
    /// When its window ends.
    package var ends: ServerTime?
    /// What becomes of a job that wants more than is left.
    package var policy: IntentBudget.Policy
    /// The tenant whose budget it counts against, too.
    package var tenant: String?
    /// Since when something was refused for good, or the truth came to more than the limit; and what.
    package var exhausted: (part: String, since: ServerTime)? {
        exhaustedSince.map { (exhaustedPart ?? "", $0) }
    }
    private var exhaustedPart: String?
    private var exhaustedSince: ServerTime?
    /// Since when somebody is to decide.
    package var wantedSince: ServerTime?
    /// Reservations that are not settled.
    package var held: Int
    /// Jobs that rest until there is room.
    package var resting: Int
    /// Entries of its journal.
    package var entries: Int
    /// What is counted, in the order of `Usage.Part`.
    package var lines: [Line]

    /// A part of a budget.
    package struct Line: Sendable, Hashable {
        /// Which one.
        package var part: Usage.Part
        /// Nil without a limit.
        package var limit: Int64?
        /// What was spent.
        package var committed: Int64
        /// What is reserved and not settled.
        package var reserved: Int64
        /// What only undoing may spend.
        package var undoReserve: Int64
        /// What goes forward may still spend; nil without a limit.
        package var free: Int64?

        /// A part; what is not given is nothing.
        package init(
            _ part: Usage.Part,
            limit: Int64? = nil,
            committed: Int64 = 0,
            reserved: Int64 = 0,
            undoReserve: Int64 = 0,
            free: Int64? = nil
        ) {
            (self.part, self.limit, self.committed, self.reserved) = (part, limit, committed, reserved)
            (self.undoReserve, self.free) = (undoReserve, free)
        }
    }

    /// - Returns: nil when there is no such budget.
    init?(_ fields: [String: String]) {
        func number(_ name: String) -> Int64? {
            fields[name].flatMap { Int64(decimal: ArraySlice($0.utf8)) }
        }
        func time(_ name: String) -> ServerTime? { number(name).map { ServerTime(milliseconds: $0) } }
        guard let name = fields["name"], let now = time("now_ms") else { return nil }
        (self.name, self.now, state) = (name, now, fields["state"] ?? "open")
        (reason, opened, deadline, ends) = (fields["reason"], time("opened_ms"), time("deadline_ms"), time("ends_ms"))
        policy = fields["policy"].flatMap { IntentBudget.Policy(rawValue: $0) } ?? .fail
        (tenant, exhaustedPart, exhaustedSince) = (fields["tenant"], fields["exhausted"], time("exhausted_ms"))
        wantedSince = time("wanted_ms")
        held = Int(number("held") ?? 0)
        resting = Int(number("resting") ?? 0)
        entries = Int(number("entries") ?? 0)
        lines = Usage.Part.allCases.compactMap { part in
            let free = number("free:\(part.rawValue)")
            let line = Line(
                part,
                limit: free == nil ? nil : number("limit:\(part.rawValue)"),
                committed: number("com:\(part.rawValue)") ?? 0,
                reserved: number("res:\(part.rawValue)") ?? 0,
                undoReserve: number("undo:\(part.rawValue)") ?? 0,
                free: free
            )
            return line == Line(part) ? nil : line
        }
    }

    /// A part of it; nil when nothing is said of that.
    package subscript(part: Usage.Part) -> Line? { lines.first { $0.part == part } }

    /// The share of a limit that is committed and reserved, where that is the highest; nil without a limit.
    package var fullness: Double? {
        lines.compactMap { line in
            line.limit.map { $0 > 0 ? Double(line.committed + line.reserved) / Double($0) : 1 }
        }.max()
    }
}

/// An entry of a budget's journal.
package struct BudgetEntry: Sendable, Hashable {
    /// Its place.
    package var id: String
    /// When it happened, by Redis' clock.
    package var time: ServerTime
    /// What happened: `open`, `reserve`, `commit`, `refund`, `charged`, `lapsed`, `adjust`, `spend`, `retry`, `top_up` and others.
    package var what: String
    /// The reservation's, or what it is about.
    package var about: String
    /// By how much each sum moved: `limit:usd`, `res:usd`, `com:usd` and so on.
    package var moves: [String: Int64]
}

/// What a budget's journal says beside its sums.
package enum BudgetCheck: Sendable, Hashable {
    case equal(entries: Int)
    case differs([Difference])
    case unknown

    /// A sum that differs.
    package struct Difference: Sendable, Hashable {
        /// `com:usd` and the like.
        package var sum: String
        /// What the budget says.
        package var budget: Int64
        /// What its journal comes to.
        package var journal: Int64
    }
}

/// A job that rests until a budget has room.
package struct RestingJob: Sendable, Hashable {
    /// Its address, `QUEUE/ID`.
    package var job: String
    /// Since when.
    package var since: ServerTime
    /// Whether somebody is to decide.
    package var asks: Bool
    /// Of what it wants more; `-` for no part of it.
    package var part: String
    /// How much it wants.
    package var amount: Int64
}
