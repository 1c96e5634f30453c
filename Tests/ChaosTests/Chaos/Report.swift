import ChaosKit
import FoundationEssentials
import Millpond

/// The figures of a run, as a table and as JSON.
struct Report {
    let checker: Checker
    let folder: String
    private let figures: Figures

    init(_ checker: Checker, folder: String) {
        self.checker = checker
        self.folder = folder
        figures = Figures(checker.history)
    }

    /// The numbers of the run by name, in the order in which they are shown.
    private var numbers: [(name: String, value: Int)] {
        let history = checker.history
        func broken(_ invariant: Invariant) -> Int { checker.findings[invariant]?.count ?? 0 }
        let quarantined = history.quarantined
        return [
            ("jobs attempted", figures.attempted), ("jobs acknowledged", figures.acknowledged),
            ("outcome unknown", figures.unknown), ("refused", figures.refused),
            ("done", figures.done), ("dead", figures.dead),
            ("lost acknowledged", broken(.noLoss)), ("duplicate guarded effects", broken(.effectivelyOnce)),
            ("phantom", broken(.noPhantom)), ("early", broken(.neverEarly)), ("corrupted", broken(.payloadIntact)),
            ("census leaks", broken(.conservation)),
            ("orphans", history.hygiene.count { $0.kind == .orphan }),
            ("zombies", history.hygiene.count { $0.kind == .zombie }),
            ("redeliveries", figures.redeliveries), ("refused settles and effects", history.refusals),
            ("reclaimed", history.counts["reclaimed"] ?? 0),
            ("poison injected", history.jobs.values.count { $0.type == "poison" && $0.isAcknowledged }),
            ("quarantined as meant", quarantined.count { $0.wasMeant }),
            ("quarantined beside", quarantined.count { !$0.wasMeant }),
            ("key duplicates", history.tombstoneHits), ("budgets exhausted", history.exhausted),
            ("lifeline exits", history.events[.lifeline] ?? 0),
            ("library loaded again", history.events[.libraryLoaded] ?? 0),
        ]
    }

    private var sagaNumbers: [(name: String, value: Int)] {
        checker.history.has("sagas") ? SagaFigures(checker.history).rows : []
    }

    private static func quantiles(_ times: [Int64]) -> [(String, Int64?)] {
        [("p50", Figures.quantile(0.5, of: times)), ("p99", Figures.quantile(0.99, of: times)), ("max", times.last)]
    }

    private static func text(_ times: [Int64]) -> String {
        let list = quantiles(times).map { "\($0.0) \($0.1.map { "\($0) ms" } ?? "–")" }
        return list.joined(separator: "  ") + "  of \(times.count)"
    }

    private func describe(_ recovery: Recovery) -> String {
        "\(recovery.milliseconds) ms  \(recovery.job) (\(recovery.type)), recovery \(recovery.recoveries), at "
            + "\(seconds(of: recovery)) s, from \(recovery.from) to \(recovery.to)"
    }

    /// When a recovery began, since the run did.
    private func seconds(of recovery: Recovery) -> Int64 {
        (recovery.start - (checker.history.phases.values.min() ?? 0)) / 1_000_000_000
    }

    private var faults: [(String, Int)] {
        Dictionary(grouping: checker.history.faults, by: \.fault).map { ($0.key, $0.value.count) }.sorted {
            $0.0 < $1.0
        }
    }

    // MARK: For people

    func print(on terminal: Terminal) throws {
        var lines: [String] = [""]
        for name in ["seed", "commit", "redis", "durability", "features", "planted"] {
            lines.append(Report.row(name, checker.history.setup[name] ?? ""))
        }
        for (name, value) in numbers + sagaNumbers { lines.append(Report.row(name, "\(value)")) }
        lines.append(Report.row("recovery after a worker's death", Report.text(figures.calmRecoveries)))
        for recovery in figures.longestRecoveries { lines.append(Report.row("  of the longest", describe(recovery))) }
        lines.append(Report.row("the same among other faults", Report.text(figures.recoveries)))
        lines.append(Report.row("delivery after Redis is back", Report.text(figures.restarts)))
        lines.append(Report.row("delayed jobs' lateness, undisturbed", Report.text(figures.lateness)))
        let crashes = figures.crashes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        lines.append(Report.row("workers that died with a crash point", crashes.joined(separator: ", ")))
        lines.append(Report.row("faults", faults.map { "\($0.0) \($0.1)" }.joined(separator: ", ")))
        let skipped = Set(checker.history.skipped.map { "\($0.fault ?? ""): \($0.text ?? "")" })
        for text in skipped.sorted() { lines.append(Report.row("not played", text)) }
        lines.append("")
        for invariant in Invariant.allCases where invariant != .money {
            let count = checker.findings[invariant]?.count ?? 0
            lines.append(Report.row("\(invariant) \(invariant.title)", count == 0 ? "holds" : "BROKEN, \(count) times"))
        }
        for gate in checker.gates where !gate.isReached {
            lines.append(Report.row("inconclusive", "\(gate.name): seen \(gate.seen) times, wanted \(gate.wanted)"))
        }
        for line in lines { try terminal.print(line) }
        try printStories(on: terminal)
        try terminal.print("\nverdict: \(checker.verdict.rawValue)")
    }

    private func printStories(on terminal: Terminal) throws {
        for invariant in checker.broken {
            let findings = checker.findings[invariant] ?? []
            try terminal.print("\n\(invariant) \(invariant.title):")
            for finding in findings.prefix(10) { try terminal.print("  \(finding.job ?? "–"): \(finding.text)") }
            if findings.count > 10 { try terminal.print("  … and \(findings.count - 10) more") }
            for name in Set(findings.compactMap(\.job)).sorted().prefix(Story.storiesMax) {
                try terminal.print("  the story of \(name):")
                for line in try Story.tell(name, checker.history, in: folder) { try terminal.print(line) }
            }
        }
    }

    private static func row(_ name: String, _ value: String) -> String {
        name + String(repeating: " ", count: max(2, 40 - name.count)) + value
    }

    // MARK: For programs

    private struct Longest: Encodable {
        var job: String
        var type: String
        var from: String
        var to: String
        var recoveries: Int
        var at_s: Int64
        var ms: Int64
    }

    private struct Document: Encodable {
        var verdict: String
        var setup: [String: String]
        var figures: [String: Int]
        var recovery_ms: [String: Int64]
        var recovery_longest: [Longest]
        var recovery_among_faults_ms: [String: Int64]
        var redis_restart_ms: [String: Int64]
        var lateness_ms: [String: Int64]
        var crash_points: [String: Int]
        var faults: [String: Int]
        var broken: [String]
        var findings: [String: [String]]
        var gates_missed: [String]
    }

    func json() throws -> Data {
        func times(_ times: [Int64]) -> [String: Int64] {
            Dictionary(
                uniqueKeysWithValues: Report.quantiles(times).compactMap { name, time in time.map { (name, $0) } }
            )
        }
        var findings: [String: [String]] = [:]
        for (invariant, found) in checker.findings {
            findings["\(invariant)"] = found.prefix(20).map { "\($0.job ?? "–"): \($0.text)" }
        }
        let document = Document(
            verdict: checker.verdict.rawValue,
            setup: checker.history.setup,
            figures: Dictionary(uniqueKeysWithValues: numbers.map { ($0.name, $0.value) }),
            recovery_ms: times(figures.calmRecoveries),
            recovery_longest: figures.longestRecoveries.map { recovery in
                Longest(
                    job: recovery.job,
                    type: recovery.type,
                    from: recovery.from,
                    to: recovery.to,
                    recoveries: recovery.recoveries,
                    at_s: seconds(of: recovery),
                    ms: recovery.milliseconds
                )
            },
            recovery_among_faults_ms: times(figures.recoveries),
            redis_restart_ms: times(figures.restarts),
            lateness_ms: times(figures.lateness),
            crash_points: figures.crashes,
            faults: Dictionary(uniqueKeysWithValues: faults),
            broken: checker.broken.map { "\($0)" },
            findings: findings,
            gates_missed: checker.gates.filter { !$0.isReached }.map(\.name)
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(document)
    }
}
