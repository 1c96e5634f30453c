import Millpond
import PondCore
import PondQueue

/// A budget, set for people and for programs.
struct BudgetView {
    let state: BudgetState
    var resting: [RestingJob] = []
    var entries: [BudgetEntry] = []
    var check: BudgetCheck?

    private static let restingShown = 10

    func text(for terminal: Terminal) -> String {
        [
            head(for: terminal), lines(for: terminal), rests(for: terminal), journal(for: terminal),
            checked(for: terminal),
        ].compactMap { $0 }.joined(separator: "\n\n")
    }

    private func head(for terminal: Terminal) -> String {
        var sheet = Sheet()
        sheet.add("budget", state.name)
        sheet.add("state", Self.word(state), Self.tint(state))
        sheet.add("reason", state.reason)
        sheet.add("opened", state.opened.map { "\($0.iso8601), \(state.now.since($0).human) ago" })
        sheet.add("deadline", state.deadline.map { Self.moment($0, from: state.now) })
        sheet.add("window ends", state.ends.map { Self.moment($0, from: state.now) })
        sheet.add("on exhausted", state.policy.rawValue)
        sheet.add("tenant", state.tenant)
        sheet.add("reserved by", state.held > 0 ? state.held.of("reservation") : nil)
        return sheet.text(for: terminal)
    }

    private static func moment(_ time: ServerTime, from now: ServerTime) -> String {
        let left = time.since(now)
        return "\(time.iso8601), \(left > .zero ? "in \(left.human)" : "\((.zero - left).human) ago")"
    }

    private func lines(for terminal: Terminal) -> String? {
        guard !state.lines.isEmpty else { return nil }
        var table = Table([
            .text("PART"), .number("LIMIT"), .number("SPENT"), .number("RESERVED"), .number("LEFT"),
            .number("FOR UNDO"),
        ])
        for line in state.lines {
            func amount(_ number: Int64?) -> String { number.map { line.part.text($0) } ?? "-" }
            let isOver = line.limit.map { line.committed > $0 } ?? false
            table.add([
                .text(line.part.word), .text(amount(line.limit)), .text(amount(line.committed), isOver ? .red : nil),
                .text(amount(line.reserved)), .text(amount(line.free), line.free == 0 ? .yellow : nil),
                .text(line.undoReserve > 0 ? amount(line.undoReserve) : "-"),
            ])
        }
        return table.text(for: terminal)
    }

    private func rests(for terminal: Terminal) -> String? {
        guard !resting.isEmpty else { return nil }
        let shown = resting.prefix(Self.restingShown).map { job in
            let part = Usage.Part(rawValue: job.part)
            let wanted = part.map { job.amount > 0 ? ", wants \($0.text(job.amount)) of \($0.word)" : "" } ?? ""
            return SafeText.escaped("  \(job.job)  rests for \(state.now.since(job.since).human)\(wanted)")
        }
        let more = resting.count - shown.count
        let rest = more > 0 ? ["  … and \(more.grouped) more"] : []
        return (["\(resting.count.of("job", ("rests", "rest"))) until there is room:"] + shown + rest)
            .joined(separator: "\n")
    }

    private func journal(for terminal: Terminal) -> String? {
        guard !entries.isEmpty else { return nil }
        var table = Table([.text("TIME"), .text("WHAT"), .text("MOVES"), .flexible("ABOUT")])
        for entry in entries {
            let moves = entry.moves.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value > 0 ? "+" : "")\($0.value)" }
            table.add([
                .text(entry.time.iso8601), .text(entry.what), .text(moves.joined(separator: " ")),
                .text(entry.about),
            ])
        }
        return table.text(for: terminal)
    }

    private func checked(for terminal: Terminal) -> String? {
        switch check {
        case nil, .unknown: return nil
        case .equal(let entries): return "its journal (\(entries.grouped) entries) has the same sums"
        case .differs(let sums):
            let text = sums.map { "\($0.sum) is \($0.budget), the journal says \($0.journal)" }
            return terminal.tinted("its journal differs: \(text.joined(separator: "; "))", .red)
        }
    }

    static func word(_ state: BudgetState) -> String {
        if state.state != "open" { return state.state }
        if let exhausted = state.exhausted {
            return "\(exhausted.part) used up for \(state.now.since(exhausted.since).human)"
        }
        if let deadline = state.deadline, deadline <= state.now { return "its time is over" }
        return (state.fullness ?? 0) >= 0.8 ? "nearly used up" : "open"
    }

    static func tint(_ state: BudgetState) -> Tint? {
        if state.state == "closed" { return nil }
        if state.exhausted != nil { return .red }
        return state.state == "frozen" || (state.fullness ?? 0) >= 0.8 ? .yellow : .green
    }

    /// `$0.120000 of usd, 4 of calls left`.
    static func left(_ state: BudgetState) -> String {
        let parts = state.lines.compactMap { line in line.free.map { "\(line.part.text($0)) of \(line.part.word)" } }
        return parts.isEmpty ? "without a limit" : "\(parts.joined(separator: ", ")) left"
    }

    var document: JSONDocument {
        let checked: JSONValue =
            switch check {
            case nil, .unknown: .null
            case .equal: .bool(true)
            case .differs: .bool(false)
            }
        return JSONDocument(
            kind: "Budget",
            [
                ("budget", Self.json(state)), ("journal_agrees", checked),
                ("resting", .array(resting.map { Self.json($0) })), ("journal", .array(entries.map { Self.json($0) })),
            ]
        )
    }

    static func json(_ state: BudgetState) -> JSONValue {
        .object([
            ("name", .string(state.name)), ("state", .string(state.state)), ("reason", .text(state.reason)),
            ("opened", .time(state.opened)), ("deadline", .time(state.deadline)), ("ends", .time(state.ends)),
            ("on_exhausted", .string(state.policy.rawValue)), ("tenant", .text(state.tenant)),
            ("exhausted", .text(state.exhausted?.part)), ("exhausted_since", .time(state.exhausted?.since)),
            ("wanted_since", .time(state.wantedSince)), ("reservations", .count(state.held)),
            ("resting_jobs", .count(state.resting)),
            (
                "parts",
                .array(
                    state.lines.map { line in
                        .object([
                            ("part", .string(line.part == .usd ? "usd_micros" : line.part.rawValue)),
                            ("limit", line.limit.map { .int($0) } ?? .null), ("committed", .int(line.committed)),
                            ("reserved", .int(line.reserved)), ("free", line.free.map { .int($0) } ?? .null),
                            ("undo_reserve", .int(line.undoReserve)),
                        ])
                    }
                )
            ),
        ])
    }

    private static func json(_ job: RestingJob) -> JSONValue {
        .object([
            ("job", .string(job.job)), ("since", .time(job.since)), ("asks", .bool(job.asks)),
            ("part", .string(job.part)), ("amount", .int(job.amount)),
        ])
    }

    private static func json(_ entry: BudgetEntry) -> JSONValue {
        .object([
            ("id", .string(entry.id)), ("time", .time(entry.time)), ("what", .string(entry.what)),
            ("about", .string(entry.about)),
            ("moves", .object(entry.moves.sorted { $0.key < $1.key }.map { ($0.key, .int($0.value)) })),
        ])
    }
}

extension BudgetState {
    /// Whether somebody should look at it.
    var wantsSomebody: Bool { exhausted != nil || wantedSince != nil || state == "frozen" }
}

/// Budgets, and what is defined.
struct BudgetList {
    let budgets: [BudgetState]
    let definitions: [(name: String, text: String)]

    func text(for terminal: Terminal) -> String {
        var parts: [String] = []
        if !definitions.isEmpty {
            var table = Table([.text("SET FOR"), .flexible("BUDGET")])
            for found in definitions { table.add([.text(found.name), .text(found.text)]) }
            parts.append(table.text(for: terminal))
        }
        guard !budgets.isEmpty else { return (parts + ["No budgets."]).joined(separator: "\n\n") }
        var table = Table([
            .flexible("BUDGET"), .text("STATE"), .number("SPENT"), .number("RESERVED"), .number("LIMIT"),
            .number("CALLS"), .number("RESTING"),
        ])
        for state in budgets {
            let (usd, calls) = (state[.usd], state[.calls])
            func money(_ amount: Int64?) -> String { amount.map { "\(USD(micros: $0))" } ?? "-" }
            table.add([
                .text(state.name, .bold), .text(BudgetView.word(state), BudgetView.tint(state)),
                .text(money(usd?.committed)), .text(money(usd?.reserved)), .text(money(usd?.limit)),
                .text(calls.map { "\($0.committed)" } ?? "-"), .count(state.resting),
            ])
        }
        return (parts + [table.text(for: terminal)]).joined(separator: "\n\n")
    }

    var document: JSONDocument {
        JSONDocument(
            kind: "BudgetList",
            items: budgets.map { BudgetView.json($0) },
            [
                (
                    "set",
                    .array(
                        definitions.map { .object([("name", .string($0.name)), ("text", .string($0.text))]) }
                    )
                )
            ]
        )
    }
}
