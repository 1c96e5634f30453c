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

    /// Everything that a history can tell of: the journal's events, and what is seen in the ready streams.
    ///
    /// The numbers are those of the file, so they must not change.
    package enum What: Int, Sendable, Hashable, CaseIterable {
        /// Put into a ready stream; seen there, not in the journal.
        case enqueued = 0
        // The most frequent one is 1, because SQLite keeps 0 and 1 in no byte at all.
        case done = 1
        case scheduled, started, progress, retried, dead, deferred, released, reclaimed, duplicate, cancelled, expired
        case lost, ghost, dropped, revived, discarded, compensated

        /// As people and programs read it.
        package var name: String { journalKind?.rawValue ?? "enqueued" }

        /// The event of the journal that it is; nil for `enqueued`.
        package var journalKind: JournalEvent.Kind? {
            switch self {
            case .enqueued: nil
            case .done: .done
            case .scheduled: .scheduled
            case .started: .started
            case .progress: .progress
            case .retried: .retried
            case .dead: .dead
            case .deferred: .deferred
            case .released: .released
            case .reclaimed: .reclaimed
            case .duplicate: .duplicate
            case .cancelled: .cancelled
            case .expired: .expired
            case .lost: .lost
            case .ghost: .ghost
            case .dropped: .dropped
            case .revived: .revived
            case .discarded: .discarded
            case .compensated: .compensated
            }
        }

        private static let byKind: [JournalEvent.Kind: What] = Dictionary(
            uniqueKeysWithValues: What.allCases.compactMap { what in what.journalKind.map { ($0, what) } }
        )

        /// An event of the journal; nil for one that this history has no number for.
        package init?(_ kind: JournalEvent.Kind) {
            guard let what = What.byKind[kind] else { return nil }
            self = what
        }

        /// Whether the job is at its end with it; a revived one may end again.
        package var isEnd: Bool { journalKind?.isEnd ?? false }

        /// Whether its text is an error or a reason, which a search finds; a note of progress is none.
        var hasSearchedText: Bool { self != .progress }
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
        case .scheduled, .retried, .deferred, .released:
            words.first.flatMap { Int64($0) }.map { ServerTime(milliseconds: $0) }
        default: nil
        }
    }
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
