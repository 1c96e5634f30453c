import Millpond
import PondCore

/// What one check of `pond doctor` found.
struct DoctorFinding: Hashable {
    /// How bad it is.
    enum Level: String {
        case ok
        /// Something to know; the queues work.
        case warning
        /// Jobs can be lost, or do not run.
        case failure
        /// The check could not be made.
        case unchecked
    }

    /// What was looked at, in one or two words.
    let check: String
    let level: Level
    /// What was found.
    let text: String
    /// What to do about it.
    let advice: String?

    static func ok(_ check: String, _ text: String) -> DoctorFinding {
        DoctorFinding(check: check, level: .ok, text: text, advice: nil)
    }

    static func warning(_ check: String, _ text: String, advice: String) -> DoctorFinding {
        DoctorFinding(check: check, level: .warning, text: text, advice: advice)
    }

    static func failure(_ check: String, _ text: String, advice: String) -> DoctorFinding {
        DoctorFinding(check: check, level: .failure, text: text, advice: advice)
    }

    /// The check could not be made, for example because this user may not ask.
    static func unchecked(_ check: String, _ why: String, advice: String? = nil) -> DoctorFinding {
        let isForbidden = why.contains("NOPERM")
        return DoctorFinding(
            check: check,
            level: .unchecked,
            text: "could not be checked: \(why)",
            advice: advice ?? (isForbidden ? "run it as a user that may, or ask the server's administrator" : nil)
        )
    }

    private var mark: (symbol: String, tint: Tint) {
        switch level {
        case .ok: ("✓", .green)
        case .warning: ("!", .yellow)
        case .failure: ("✗", .red)
        case .unchecked: ("?", .yellow)
        }
    }

    func text(for terminal: Terminal) -> String {
        let line = "\(terminal.tinted(mark.symbol, mark.tint)) \(check): \(SafeText.escaped(text))"
        return advice.map { "\(line)\n    → \(SafeText.escaped($0))" } ?? line
    }

    var json: JSONValue {
        .object([
            ("check", .string(check)), ("level", .string(level.rawValue)), ("text", .string(text)),
            ("advice", .text(advice)),
        ])
    }
}

/// All findings, in the order of the checks.
struct DoctorReport {
    let findings: [DoctorFinding]

    func count(_ level: DoctorFinding.Level) -> Int {
        findings.count { $0.level == level }
    }

    var isHealthy: Bool { count(.failure) == 0 }

    /// How it went, in one line.
    var verdict: String {
        let failures = count(.failure)
        let others = [
            (count(.warning), "warning"), (count(.unchecked), "check not made"),
        ].filter { $0.0 > 0 }.map { $0.0.of($0.1, plural: $0.1 == "warning" ? "warnings" : "checks not made") }
        let tail = others.isEmpty ? "" : "; " + others.joined(separator: ", ")
        if failures > 0 { return "\(failures.of("check")) failed\(tail)." }
        return others.isEmpty ? "All \(findings.count) checks passed." : "No check failed\(tail)."
    }

    func text(for terminal: Terminal) -> String {
        let tint: Tint = isHealthy ? findings.allSatisfy { $0.level == .ok } ? .green : .yellow : .red
        return findings.map { $0.text(for: terminal) }.joined(separator: "\n")
            + "\n\n" + terminal.tinted(verdict, tint)
    }

    var document: JSONDocument {
        JSONDocument(
            kind: "DoctorReport",
            items: findings.map(\.json),
            [("healthy", .bool(isHealthy)), ("verdict", .string(verdict))]
        )
    }
}
