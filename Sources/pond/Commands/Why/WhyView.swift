import Millpond
import PondCore
import PondInsight

/// The answer of `pond why`, for people and for programs.
struct WhyView {
    let answer: WhyAnswer

    // MARK: For people

    func text(for terminal: Terminal) -> String {
        guard answer.isCorrelation else {
            return answer.jobs.map { text(of: $0, for: terminal) }.joined(separator: "\n\n")
        }
        let more = answer.total > answer.jobs.count ? "; the newest \(answer.jobs.count) follow" : ""
        let head =
            "\(answer.total.of("job", ("has", "have"))) the correlation id \(SafeText.escaped(answer.asked))\(more)"
        return ([head + ":"] + answer.jobs.map { line(of: $0, for: terminal) }).joined(separator: "\n")
            + "\n" + terminal.tinted("next:", .bold) + " pond why QUEUE/ID, pond corr \(SafeText.escaped(answer.asked))"
    }

    private func text(of job: WhyReport, for terminal: Terminal) -> String {
        var sheet = Sheet()
        for fact in job.facts { sheet.add(fact.label, fact.value) }
        for text in job.unseen { sheet.add("not seen", text, .yellow) }
        let lines = [
            head(of: job, for: terminal),
            label("WHY ", terminal) + terminal.tinted(job.reason.rawValue, job.reason.tint) + ": "
                + SafeText.escaped(job.detail),
            label("NEXT", terminal) + SafeText.escaped(job.next),
        ]
        let actions = job.actions.map { label("DO  ", terminal) + SafeText.escaped($0.text) }
        return (lines + actions + (sheet.isEmpty ? [] : ["", sheet.text(for: terminal, indent: 2)])).joined(
            separator: "\n"
        )
    }

    private func label(_ text: String, _ terminal: Terminal) -> String { terminal.tinted(text, .dim) + "  " }

    private func head(of job: WhyReport, for terminal: Terminal) -> String {
        let state = job.state.rawValue.uppercased()
        let parts: [String?] = [
            terminal.tinted(SafeText.escaped(job.address), .bold), job.kind.map { SafeText.escaped($0) },
            terminal.tinted(state, job.reason.tint) + job.place.dropFirst(state.count),
        ]
        return parts.compactMap { $0 }.joined(separator: "  ")
    }

    private func line(of job: WhyReport, for terminal: Terminal) -> String {
        "  " + head(of: job, for: terminal) + "  " + terminal.tinted(job.reason.rawValue, job.reason.tint) + ": "
            + SafeText.escaped(String(job.detail.prefix(100)))
    }

    // MARK: For programs

    var document: JSONDocument { JSONDocument(kind: "Why", of: answer) }
}

extension WhyReport {
    /// The job with its queue, where that is known.
    var address: String { queue.map { "\($0)/\(id)" } ?? id.text }

    /// Where it is and since when: `WAITING for 4m12s`.
    var place: String {
        let time = since.map { now.since($0).human }
        return state.rawValue.uppercased() + (time.map { state == .ended ? " \($0) ago" : " for \($0)" } ?? "")
    }
}

extension Reason {
    /// How alarming it is.
    var tint: Tint {
        switch self {
        case .done, .running, .starting: .green
        case .dead, .noWorker, .noWorkerForKind, .brake, .leaseExpired, .lostPayload, .stepUnknown, .sagaStuck,
            .breakerOpen:
            .red
        default: .yellow
        }
    }
}
