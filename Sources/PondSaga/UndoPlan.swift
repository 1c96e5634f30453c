package import PondCore

extension SagaRecord {
    /// The steps that are still to be undone, in that order: what was begun last comes first.
    package var toUndo: [StepRecord] {
        let steps = steps.filter(\.needsUndo)
        #if PLANTED_BUGS
        if PlantedBug.active == .undoOrder { return steps.sorted { $0.sequence < $1.sequence } }
        #endif
        return steps.sorted { $0.sequence > $1.sequence }
    }

    /// Whether a step is done after which a failure goes forward.
    package var isPastPivot: Bool { goesForward || pivot != nil }

    /// The step after which a failure goes forward, once it is done.
    package var pivot: StepRecord? { steps.first { $0.isPivot && $0.state == .done } }

    /// Why it turned round, or what else is known of why it is where it is.
    package var whyTurned: String { turnReason ?? reason }

    /// Whether it undoes what it did, or does when somebody lets it go on.
    package var undoes: Bool { state == .undoing || state == .stuck || state == .paused && before == .undoing }

    /// What a saga is that has undone all: whoever failed is compensated, and what was cancelled is cancelled.
    package var undoneState: State { turn ?? .compensated }
}

extension StepRecord {
    /// Whether it may have done what another step must not do once more: it has to be undone, or must not run again.
    package var isWeighty: Bool {
        undo == .armed || undo == .running || effect == .once && state != .failed && state != .skipped
    }
}

extension StepBegin {
    /// The same of one that has not begun.
    package var isWeighty: Bool { hasUndo || effect == .once }
}

/// How often an undo is tried, and how long it rests between: 20 tries in about 22 hours.
package enum UndoPolicy {
    /// Tries of an undo before its saga is stuck.
    package static let attemptsMax = 20
    /// How the error of an undo begins that cannot run, because its step's result is missing: no further try helps.
    package static let needsResult = "its undo needs the result of the step, which"
    /// Two seconds at first, three hours at last.
    package static let backoff = Backoff(base: .seconds(2), cap: .seconds(10_800), jitter: 0.2)
}

/// The text of a step's failure as it is remembered: `cause: reason`.
///
/// A run that comes later throws the same again, so the cause has to be found in it.
package enum StepFailureText {
    /// Both in one text, cut at its bound.
    package static func of(cause: String, reason: String) -> String { "\(cause): \(reason)" }

    /// Cause and reason again; a text without a cause is `failed`.
    package static func parts(_ text: String) -> (cause: String, reason: String) {
        guard let colon = text.firstIndex(of: ":") else {
            return text == "timed out" ? ("timed_out", text) : ("failed", text)
        }
        let cause = text[..<colon]
        let rest = text[text.index(after: colon)...].drop { $0 == " " }
        let isName =
            !cause.isEmpty && cause.utf8.count <= 64
            && cause.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "_")
            }
        return isName ? (String(cause), String(rest)) : ("failed", text)
    }
}

extension StepRecord {
    /// Whether it may have happened, and is not undone.
    package var needsUndo: Bool { undo == .armed || undo == .running }
}
