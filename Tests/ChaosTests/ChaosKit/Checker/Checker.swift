import FoundationEssentials

/// What a run came to.
package enum RunVerdict: String, Sendable {
    case green, violation, inconclusive

    /// How the program ends.
    package var exitCode: Int32 {
        switch self {
        case .green: 0
        case .violation: 1
        case .inconclusive: 2
        }
    }
}

/// Reads the files of a finished run and judges it.
package struct Checker: Sendable {
    package let history: History
    package let findings: [Invariant: [Finding]]
    package let gates: [Gate]

    package init(_ history: History, _ bounds: CheckBounds = CheckBounds()) {
        self.history = history
        var findings: [Invariant: [Finding]] = [:]
        for invariant in Invariant.allCases {
            let found = invariant.findings(in: history, bounds)
            if !found.isEmpty {
                findings[invariant] = found.sorted { ($0.job ?? "", $0.text) < ($1.job ?? "", $1.text) }
            }
        }
        self.findings = findings
        gates = history.gates()
    }

    /// Reads a folder that `chaos run` left: `history/*.jsonl`, `ledger.sqlite`, `inbox.sqlite`.
    package static func load(_ folder: String) throws -> History {
        var history = History()
        history.tornLines = try HistoryReader.read("\(folder)/history") { history.apply($0) }
        for row in try LedgerFile.rows(in: "\(folder)/ledger.sqlite") { history.apply(row) }
        for row in try LedgerFile.payments(in: "\(folder)/ledger.sqlite") { history.apply(row) }
        history.guarded = try LedgerFile.guarded(in: "\(folder)/inbox.sqlite")
        return history
    }

    package var verdict: RunVerdict {
        if !findings.isEmpty { return .violation }
        return gates.allSatisfy(\.isReached) ? .green : .inconclusive
    }

    /// The invariants that do not hold.
    package var broken: [Invariant] { findings.keys.sorted() }
}

/// The whole history of a job, from every file, for a person.
package enum Story {
    /// How many jobs of an invariant are told in full.
    package static let storiesMax = 2

    /// Every line about a job, by the monotonic clock, then what the ledger has, then the faults at that time.
    package static func tell(_ name: String, _ history: History, in folder: String) throws -> [String] {
        let sagas = history.sagas.values.filter { $0.name == name }
        let ids = (history.jobs[name]?.ids ?? []).union(sagas.map(\.id))
        var lines: [(at: Int64, text: String)] = []
        _ = try HistoryReader.read("\(folder)/history") { event in
            guard event.job == name || event.id.map({ ids.contains($0) }) ?? false else { return }
            lines.append((event.monotonic, describe(event)))
        }
        for row in history.jobs[name]?.effects ?? [] {
            let answer = row.isAccepted ? "took" : "refused"
            lines.append((row.monotonic, "ledger: \(answer) \(row.step) with fence \(row.fence) from \(row.process)"))
        }
        for row in sagas.flatMap(\.payments) {
            let action = row.isUndo ? "undo" : "do"
            lines.append(
                (
                    row.monotonic,
                    "provider: \(action) \(row.step) with fence \(row.fence) from \(row.process): \(row.outcome)"
                )
            )
        }
        lines.sort { $0.at < $1.at }
        let began = history.phases.values.min() ?? lines.first?.at ?? 0
        var texts = lines.map { "    \(seconds($0.at - began)) s  \($0.text)" }
        for row in history.guarded where row.job == name {
            texts.append("    inbox: \(row.action) \(row.step) of \(row.scope), by \(row.process)")
        }
        guard let first = lines.first?.at, let last = lines.last?.at else { return texts }
        for fault in history.faults(between: first, and: last) {
            let end = fault.end.map { seconds($0 - began) } ?? "the end"
            texts.append("    fault \(fault.fault) \(fault.target) from \(seconds(fault.start - began)) to \(end)")
        }
        return texts
    }

    private static func describe(_ event: Event) -> String {
        var text = "\(event.process): \(event.kind.rawValue)"
        if let id = event.id { text += " \(id)" }
        if let attempt = event.attempt { text += " attempt \(attempt)" }
        if let recoveries = event.recoveries { text += " recoveries \(recoveries)" }
        if let fence = event.fence { text += " fence \(fence)" }
        if let due = event.due { text += " due \(due)" }
        if let target = event.target { text += " \(target.prefix(100))" }
        if let number = event.n { text += " \(number)" }
        if let said = event.text { text += " \(said.prefix(200))" }
        return text
    }

    /// Nanoseconds as seconds, three digits.
    static func seconds(_ nanoseconds: Int64) -> String {
        let milliseconds = nanoseconds / 1_000_000
        let fraction = "\(abs(milliseconds) % 1_000)"
        return "\(milliseconds / 1_000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
    }
}
