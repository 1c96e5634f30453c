package import PondCore

/// One thing that happened to a job, as the history keeps it.
package struct HistoryEvent: Sendable, Hashable {
    /// What happened.
    package var what: What
    /// When, by Redis' clock.
    package var time: ServerTime
    /// The worker that wrote it; nil for people and other programs.
    package var by: String?
    /// The words behind the job's id, as in the journal.
    package var words: [String]
    /// The error, note or reason that came with it.
    package var text: String?
    /// The number of the try, from 1.
    package var attempt: Int?
    /// How long the job had been ready when the try began.
    package var wait: Duration?
    /// How long the try ran.
    package var run: Duration?

    /// An event as the journal in Redis has it; nil for one that this history has no number for.
    package init?(_ event: JournalEvent, at time: ServerTime, by worker: String?) {
        guard let what = What(event.what) else { return nil }
        self.init(
            what: what,
            time: time,
            by: worker,
            words: event.words,
            text: event.text,
            attempt: event.facts?.attempt,
            wait: event.facts?.wait,
            run: event.facts?.run
        )
    }

    init(
        what: What,
        time: ServerTime,
        by worker: String? = nil,
        words: [String],
        text: String? = nil,
        attempt: Int? = nil,
        wait: Duration? = nil,
        run: Duration? = nil
    ) {
        (self.what, self.time, by) = (what, time, worker)
        (self.words, self.text) = (words, text)
        (self.attempt, self.wait, self.run) = (attempt, wait, run)
    }
}

extension HistoryEvent {
    /// Why the job is dead; nil for other events.
    package var cause: String? { what == .dead ? words.first : nil }

    /// The failure's group, 8 hexadecimal digits; nil when the event has none.
    package var group: String? {
        switch what {
        case .dead, .retried: words.count > 1 && HistoryGroup.number(words[1]) != nil ? words[1] : nil
        default: nil
        }
    }

    /// When the job is due after it; nil when the event has no such time.
    package var due: ServerTime? {
        switch what {
        case .scheduled, .retried, .deferred, .released, .waiting:
            // A saga that no time wakes waits until 0.
            words.first.flatMap { Int64($0) }.flatMap { $0 > 0 ? ServerTime(milliseconds: $0) : nil }
        default: nil
        }
    }

    /// The step of a saga that it tells of; nil when it tells of none.
    package var step: String? { what.journalKind?.step(in: words) }
}

/// A failure's group as a number, which takes four bytes where its name takes eight.
enum HistoryGroup {
    /// The number of `1f3a9c2e` or `E-1f3a9c2e`; nil for all else.
    static func number(_ text: String) -> Int64? {
        let digits = text.hasPrefix("E-") ? text.dropFirst(2) : text[...]
        guard digits.utf8.count == 8, digits.utf8.first != UInt8(ascii: "+") else { return nil }
        return UInt32(digits, radix: 16).map { Int64($0) }
    }
}
