import Millpond
import PondInsight

extension DoctorFinding {
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
}

extension DoctorReport {
    func text(for terminal: Terminal) -> String {
        let tint: Tint = isHealthy ? findings.allSatisfy { $0.level == .ok } ? .green : .yellow : .red
        return findings.map { $0.text(for: terminal) }.joined(separator: "\n")
            + "\n\n" + terminal.tinted(verdict, tint)
    }

    var document: JSONDocument { JSONDocument(kind: "DoctorReport", of: self) }
}
