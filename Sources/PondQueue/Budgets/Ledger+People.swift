package import PondCore
import PondRedis

// What people ask of budgets, and do to them.

extension Ledger {
    /// The most budgets, entries or jobs that one call tells of.
    package static let pageMax = 1_000

    /// Opens an intent's budget, unless it is open.
    package func open(_ name: String, _ budget: IntentBudget) async throws(QueueError) -> LedgerAnswer {
        try await ask(["open", .text(name), .text(budget.description)])
    }

    /// A budget as it stands; nil when there is none.
    package func show(_ name: String) async throws(QueueError) -> BudgetState? {
        var reader = try await call(["show", .text(name)])
        return BudgetState(try reader.namedTexts())
    }

    /// Names of budgets, those that were used last first.
    package func names(after skipped: Int = 0, atMost limit: Int = 100) async throws(QueueError) -> [String] {
        var reader = try await call(["list", .integer(Int64(skipped)), .integer(Int64(limit))])
        var names: [String] = []
        while !reader.isAtEnd { names.append(try reader.text()) }
        return names
    }

    /// What is defined for tenants and for all.
    package func definitions() async throws(QueueError) -> [(name: String, text: String)] {
        var reader = try await call(["defined"])
        var found: [(name: String, text: String)] = []
        while !reader.isAtEnd { found.append((try reader.text(), try reader.text())) }
        return found.sorted { $0.name < $1.name }
    }

    /// Defines the budget of a tenant, of all tenants that have none of their own, or of all together.
    ///
    /// - Returns: whether there was one.
    package func define(_ name: String, _ text: String) async throws(QueueError) -> Bool {
        var reader = try await call(["set", .text(name), .text(text)])
        return try reader.text() == "changed"
    }

    /// Takes a definition away.
    ///
    /// - Returns: whether there was one.
    package func undefine(_ name: String) async throws(QueueError) -> Bool {
        var reader = try await call(["clear", .text(name)])
        return try reader.text() == "cleared"
    }

    /// Raises limits, and moves the deadline.
    ///
    /// - Parameter actor: who does it, for the journal.
    package func topUp(_ name: String, _ text: String, by actor: String = "") async throws(QueueError) -> LedgerAnswer {
        try await ask(["top_up", .text(name), .text(text), .text(actor)])
    }

    /// Stops spending, except for undoing.
    package func freeze(_ name: String, because reason: String) async throws(QueueError) -> LedgerAnswer {
        try await ask(["freeze", .text(name), .text(reason)])
    }

    /// Lets spending go on.
    package func unfreeze(_ name: String) async throws(QueueError) -> LedgerAnswer {
        try await ask(["unfreeze", .text(name)])
    }

    /// Ends a budget: what is reserved is still settled, and nothing more is reserved.
    package func close(_ name: String) async throws(QueueError) -> LedgerAnswer {
        try await ask(["close", .text(name)])
    }

    /// The jobs that rest until a budget has room.
    package func resting(_ name: String) async throws(QueueError) -> [RestingJob] {
        var reader = try await call(["resting", .text(name)])
        var jobs: [RestingJob] = []
        while !reader.isAtEnd {
            let (job, since) = (try reader.text(), try reader.timeIfAny() ?? ServerTime(milliseconds: 0))
            let (word, part) = (try reader.text(), try reader.text())
            jobs.append(
                RestingJob(
                    job: job,
                    since: since,
                    asks: word == "ask",
                    part: part,
                    amount: try reader.number()
                )
            )
        }
        return jobs.sorted { ($0.since, $0.job) < ($1.since, $1.job) }
    }

    /// Has the jobs that rest go on at once.
    ///
    /// - Returns: how many were made ready. Others look again by themselves, within minutes.
    @discardableResult
    package func wakeResting(_ name: String) async throws -> Int {
        let jobs = try await resting(name)
        var ids: [String: [RedisArgument]] = [:]
        for job in jobs {
            let parts = job.job.split(separator: "/", maxSplits: 1).map(String.init)
            if parts.count == 2 { ids[parts[0], default: []].append(.text(parts[1])) }
        }
        var woken = 0
        for (name, ids) in ids.sorted(by: { $0.key < $1.key }) {
            let queue = try pond.queue(name)
            for start in stride(from: 0, to: ids.count, by: Limits.promoteBatchMax) {
                let batch = Array(ids[start..<min(start + Limits.promoteBatchMax, ids.count)])
                var reader = try ReplyReader("pond_wake", try await pond.call("pond_wake", queue.keys, batch))
                woken += Int(try reader.number())
            }
        }
        return woken
    }

    /// The journal of a budget, newest first.
    ///
    /// - Parameter id: the entry behind which to begin.
    package func journal(
        _ name: String,
        after id: String = "",
        atMost limit: Int = 100
    ) async throws(QueueError) -> [BudgetEntry] {
        let reply = try await pond.call(
            "pond_ledger",
            base: base,
            ["log", .text(name), .text(id), .integer(Int64(limit))]
        )
        return (reply.array ?? []).compactMap { entry in
            guard let pair = entry.array, pair.count == 2, let id = pair[0].string, let words = pair[1].array,
                let milliseconds = Int64(digits: ArraySlice(id.prefix { $0 != "-" }.utf8))
            else { return nil }
            var (what, about, moves) = ("", "", [String: Int64]())
            for index in stride(from: 0, to: words.count - 1, by: 2) {
                let (name, value) = (words[index].string ?? "", words[index + 1].string ?? "")
                switch name {
                case "op": what = value
                case "id": about = value
                default: moves[name] = Int64(decimal: ArraySlice(value.utf8))
                }
            }
            return BudgetEntry(
                id: id,
                time: ServerTime(milliseconds: milliseconds),
                what: what,
                about: about,
                moves: moves
            )
        }
    }

    /// Whether a budget's journal has the same sums as the budget.
    package func check(_ name: String) async throws(QueueError) -> BudgetCheck {
        var reader = try await call(["check", .text(name)])
        switch try reader.text() {
        case "ok": return .equal(entries: Int(try reader.number()))
        case "unknown": return .unknown
        default:
            var found: [BudgetCheck.Difference] = []
            while !reader.isAtEnd {
                let sum = try reader.text()
                let (budget, journal) = (try reader.number(), try reader.number())
                found.append(BudgetCheck.Difference(sum: sum, budget: budget, journal: journal))
            }
            return .differs(found)
        }
    }

    /// What happened to all budgets together, by its name.
    package func counts() async throws(QueueError) -> [String: Int64] {
        var reader = try await call(["counts"])
        return try reader.namedTexts().compactMapValues { Int64(decimal: ArraySlice($0.utf8)) }
    }

    /// Reservations that have been past their time for so long, with their budgets.
    package func late(
        by time: Duration,
        atMost limit: Int = 100
    ) async throws(QueueError) -> [(budget: String, id: String)] {
        var reader = try await call(["late", .integer(time.wholeMilliseconds), .integer(Int64(limit))])
        var found: [(budget: String, id: String)] = []
        while !reader.isAtEnd { found.append((try reader.text(), try reader.text())) }
        return found
    }

    /// Settles what is past its time, and takes away what nobody needs any more.
    ///
    /// - Returns: how many reservations were settled, and how many are open.
    @discardableResult
    package func expire(atMost limit: Int = 256) async throws(QueueError) -> (settled: Int, open: Int) {
        var reader = try await call(["expire", .integer(Int64(limit))])
        let settled = Int(try reader.number())
        _ = try reader.number()
        return (settled, Int(try reader.number()))
    }
}
