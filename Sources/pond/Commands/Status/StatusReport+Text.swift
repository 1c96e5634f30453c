import Millpond
import PondInsight

extension StatusReport {
    private var tint: Tint {
        guard let worst = concerns.first else { return .green }
        return worst.kind.isGrave ? .red : .yellow
    }

    func text(for terminal: Terminal) -> String {
        let line = terminal.tinted(SafeText.escaped(verdict), tint)
        guard !queues.isEmpty else { return line }
        return line + "\n\n" + QueueStatus.table(queues).text(for: terminal)
    }

    var document: JSONDocument { JSONDocument(kind: "Status", of: self) }
}
