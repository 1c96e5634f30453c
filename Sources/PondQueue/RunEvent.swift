import PondCore

/// What a worker tells the journal of a job that it runs.
package struct RunEvent: Sendable {
    /// What is told.
    package enum What: Sendable, Hashable {
        /// It has been running for a while.
        case started
        /// How far it is, from 0 to 1, and a few words.
        case progress(Double?, String?)
    }

    /// What is told.
    package let what: What
    /// Of which job.
    package let journalFacts: JournalFacts

    package init(_ what: What, of journalFacts: JournalFacts) {
        self.what = what
        self.journalFacts = journalFacts
    }
}

extension RunEvent {
    /// The separator of events in a beat; it may not be in a note.
    private static let end: Character = "\u{1e}"

    /// The words of a beat that tell of running jobs; none when there is nothing to tell.
    static func arguments(_ news: [RunEvent]) -> [String] {
        guard !news.isEmpty else { return [] }
        var facts: [UInt8] = []
        for item in news where facts.count < Limits.factsBytesMax / 2 { item.journalFacts.append(to: &facts) }
        let events = news.map { "\($0.what.name) \($0.detail)\(end)" }
        return ["facts:\(String(decoding: facts, as: UTF8.self))", "events:\(events.joined())"]
    }

    private var detail: String {
        let id = journalFacts.job.id.text
        guard case .progress(let fraction, let note) = what else { return id }
        let done = fraction.map { String((1_000 * $0).rounded() / 1_000) } ?? "-"
        let words = note.map { "\n" + $0.filter { $0 != Self.end } } ?? ""
        return "\(id) \(done)\(words)"
    }
}

extension RunEvent.What {
    fileprivate var name: String {
        switch self {
        case .started: JournalEvent.Kind.started.rawValue
        case .progress: JournalEvent.Kind.progress.rawValue
        }
    }
}
