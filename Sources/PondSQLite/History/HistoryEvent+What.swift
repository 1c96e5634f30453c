package import PondCore

extension HistoryEvent {
    /// Everything that a history can tell of: the journal's events, and what is seen in the ready streams.
    ///
    /// The numbers are those of the file, so they must not change; new ones go to the end.
    package enum What: Int, Sendable, Hashable, CaseIterable {
        /// Something that a newer program has written and this one has no name for; never in a file.
        case other = -1
        /// Put into a ready stream; seen there, not in the journal.
        case enqueued = 0
        // The most frequent one is 1, because SQLite keeps 0 and 1 in no byte at all.
        case done = 1
        case scheduled, started, progress, retried, dead, deferred, released, reclaimed, duplicate, cancelled, expired
        case lost, ghost, dropped, revived, discarded, compensated

        case saga = 19
        case step, stepRetried, stepFailed, stepUnknown, wait, waiting, waited, woken, children, joined
        case signal, tokenResolved, tokenSame, tokenConflict, tokenExpired, tokenVoid
        case turned, undone, undoSkipped, undoRetried, undoFailed
        case sagaPaused, sagaResumed, sagaReopened, sagaResolved, sagaForked, sagaEnded, sagaStuck
        case limited

        /// As people and programs read it.
        package var name: String { journalKind?.rawValue ?? (self == .enqueued ? "enqueued" : "other") }

        /// The event of the journal that it is; nil for what is in no journal, or not known.
        package var journalKind: JournalEvent.Kind? {
            switch self {
            case .other, .enqueued: nil
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
            case .saga: .saga
            case .step: .step
            case .stepRetried: .stepRetried
            case .stepFailed: .stepFailed
            case .stepUnknown: .stepUnknown
            case .wait: .wait
            case .waiting: .waiting
            case .waited: .waited
            case .woken: .woken
            case .children: .children
            case .joined: .joined
            case .signal: .signal
            case .tokenResolved: .tokenResolved
            case .tokenSame: .tokenSame
            case .tokenConflict: .tokenConflict
            case .tokenExpired: .tokenExpired
            case .tokenVoid: .tokenVoid
            case .turned: .turned
            case .undone: .undone
            case .undoSkipped: .undoSkipped
            case .undoRetried: .undoRetried
            case .undoFailed: .undoFailed
            case .sagaPaused: .sagaPaused
            case .sagaResumed: .sagaResumed
            case .sagaReopened: .sagaReopened
            case .sagaResolved: .sagaResolved
            case .sagaForked: .sagaForked
            case .sagaEnded: .sagaEnded
            case .sagaStuck: .sagaStuck
            case .limited: .limited
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

        /// Whether it says nothing of where the job is, so that it may also come behind the job's end.
        package var isAside: Bool { journalKind?.isAside ?? (self == .other) }

        /// The words of an event as they stand in a file.
        func words(_ kept: String) -> [String] {
            journalKind?.words(kept) ?? kept.split(separator: " ").map { String($0) }
        }

        /// Whether its text is an error or a reason, which a search finds; a note of progress is none.
        var hasSearchedText: Bool { self != .progress }
    }
}
