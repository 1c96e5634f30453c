import PondCore

/// What one check of `pond doctor` found.
package struct DoctorFinding: Sendable, Hashable, Codable {
    /// How bad it is.
    package enum Level: String, Sendable, Hashable, Codable {
        case ok
        /// Something to know; the queues work.
        case warning
        /// Jobs can be lost, or do not run.
        case failure
        /// The check could not be made.
        case unchecked
    }

    /// What was looked at, in one or two words.
    package var check: String
    /// How bad it is.
    package var level: Level
    /// What was found.
    package var text: String
    /// What to do about it.
    @OrNull package var advice: String?

    private init(check: String, level: Level, text: String, advice: String?) {
        (self.check, self.level, self.text) = (check, level, text)
        _advice = OrNull(wrappedValue: advice)
    }

    /// It is well.
    package static func ok(_ check: String, _ text: String) -> DoctorFinding {
        DoctorFinding(check: check, level: .ok, text: text, advice: nil)
    }

    /// Something to know.
    package static func warning(_ check: String, _ text: String, advice: String) -> DoctorFinding {
        DoctorFinding(check: check, level: .warning, text: text, advice: advice)
    }

    /// Jobs can be lost, or do not run.
    package static func failure(_ check: String, _ text: String, advice: String) -> DoctorFinding {
        DoctorFinding(check: check, level: .failure, text: text, advice: advice)
    }

    /// Whether an answer says that this user may not do it.
    private static func isRefusal(_ text: String) -> Bool {
        text.contains("NOPERM") || text.contains("The user executing the script can't")
    }

    /// Whether this user may not make the check, and without it nothing is known of the queues.
    var isForbidden: Bool {
        guard level == .unchecked, Self.isRefusal(text) else { return false }
        return ["connection", "library", "queues"].contains(check) || check.hasPrefix("queue ")
    }

    /// The check could not be made, for example because this user may not ask.
    package static func unchecked(_ check: String, _ why: String, advice: String? = nil) -> DoctorFinding {
        let isForbidden = isRefusal(why)
        return DoctorFinding(
            check: check,
            level: .unchecked,
            text: "could not be checked: \(why)",
            advice: advice ?? (isForbidden ? "run it as a user that may, or ask the server's administrator" : nil)
        )
    }
}

/// All findings, in the order of the checks.
package struct DoctorReport: Sendable, Hashable, Codable {
    /// What each check found.
    package var findings: [DoctorFinding]
    /// Whether no check failed, and those that matter could be made.
    package var isHealthy: Bool
    /// How it went, in one line.
    package var verdict: String

    private enum CodingKeys: String, CodingKey {
        case verdict
        case findings = "items"
        case isHealthy = "healthy"
    }

    /// A report of what was found.
    package init(_ findings: [DoctorFinding]) {
        self.findings = findings
        isHealthy = !findings.contains { $0.level == .failure || $0.isForbidden }
        verdict = ""
        verdict = line
    }

    /// Whether a check failed.
    package var hasFailure: Bool { findings.contains { $0.level == .failure } }

    private func count(_ level: DoctorFinding.Level) -> Int {
        findings.count { $0.level == level }
    }

    private var line: String {
        let failures = count(.failure)
        let others = [
            (count(.warning), "warning"), (count(.unchecked), "check not made"),
        ].filter { $0.0 > 0 }.map { $0.0.of($0.1, plural: $0.1 == "warning" ? "warnings" : "checks not made") }
        let tail = others.isEmpty ? "" : "; " + others.joined(separator: ", ")
        if failures > 0 { return "\(failures.of("check")) failed\(tail)." }
        if !isHealthy { return "This user may not make the checks that matter\(tail)." }
        return others.isEmpty ? "All \(findings.count) checks passed." : "No check failed\(tail)."
    }
}
