/// What became of the pieces of an input.
package struct BulkTally: Sendable, Hashable {
    /// Jobs that are runnable now.
    package var enqueued = 0
    /// Jobs that wait for their time.
    package var held = 0
    /// Jobs whose key was known, so that nothing was added.
    package var duplicates = 0
    /// Those of them whose key belongs to a job that is dead, which does not run again by itself.
    package var dead = 0
    /// One of those dead jobs.
    package var deadExample: String?
    /// Jobs of which nobody knows, because the answer was lost.
    package var unknown = 0
    /// Empty pieces.
    package var skipped = 0
    /// Pieces that are a job, whatever became of them, also those that `--skip` passed over.
    package var found = 0

    package init() {}

    /// Jobs that are in the queue.
    package var accepted: Int { enqueued + held }

    /// The failure of a run whose keys in part belong to dead jobs; nil when none does.
    package func deadKeys(queue: String) -> CommandFailure? {
        guard dead > 0 else { return nil }
        let example = deadExample.map { " (one is \($0))" } ?? ""
        return CommandFailure(
            .conflict,
            "\(dead.of("key", ("belongs", "belong"))) to \(dead == 1 ? "a dead job" : "dead jobs")\(example), for which "
                + "nothing was added; all else is in the queue",
            hint: "`pond dead list --queue \(queue)` shows them, `pond dead retry ID` runs one again, "
                + "`pond dead discard ID` frees its key"
        )
    }
}

/// Where a run stopped in its input, and what a person has to know to go on.
package struct BulkStop {
    /// What a piece is called, and the number of the first.
    package let input: (piece: String, first: Int)
    /// The piece it stopped at.
    package let number: Int
    /// The last piece of the round trip behind the refused one that is in the queue; 0 when there is none.
    package let answeredUpTo: Int
    /// The last piece of the round trip whose answer was lost; 0 when there is none.
    package let unknownUpTo: Int
    /// Whether each job has a key, so that a second run adds nothing twice.
    package let hasKeys: Bool

    package init(
        _ input: (piece: String, first: Int),
        at number: Int,
        answeredUpTo: Int = 0,
        unknownUpTo: Int = 0,
        hasKeys: Bool
    ) {
        self.input = input
        self.number = number
        self.answeredUpTo = answeredUpTo
        self.unknownUpTo = unknownUpTo
        self.hasKeys = hasKeys
    }

    /// The failure of the whole run.
    package func failure(_ cause: CommandFailure, _ tally: BulkTally) -> CommandFailure {
        let isBehind = answeredUpTo > number
        var told = "stopped at \(input.piece) \(number): \(cause.message); \(tally.accepted.of("job")) enqueued"
        told += isBehind ? ", up to \(input.piece) \(answeredUpTo)" : " before"
        if tally.duplicates > 0 { told += ", \(tally.duplicates.of("key")) known" }
        if tally.dead > 0 { told += " (\(tally.dead) of dead jobs)" }
        if tally.unknown > 0 { told += ", of \(tally.unknown) more nobody knows" }
        return CommandFailure(cause.exitCode, told, hint: tally.unknown > 0 ? hintInDoubt : hint(isBehind, cause))
    }

    private func hint(_ isBehind: Bool, _ cause: CommandFailure) -> String {
        // The same piece is refused again however it is enqueued, until its key is another.
        if cause.exitCode == .conflict {
            return "give \(input.piece) \(number) a key of its own, or the payload that its key was first given, and "
                + "enqueue it; then go on: the same command and --skip \(max(number, answeredUpTo) + 1 - input.first)"
        }
        let passed = (isBehind ? answeredUpTo + 1 : number) - input.first
        let mend = isBehind ? "enqueue that one by itself, then go on" : "mend it and go on"
        return mend + ": the same command" + (passed > 0 ? " and --skip \(passed)" : "")
    }

    /// A `--skip` would be a guess: too small and jobs run twice, too large and some never run.
    private var hintInDoubt: String {
        guard !hasKeys else {
            return "run the same command again: the keys see to it that nothing is added twice"
        }
        let (before, behind) = (number - input.first, max(number, unknownUpTo) + 1 - input.first)
        return
            "\(input.piece)s \(number) to \(max(number, unknownUpTo)) are in the queue or not: --skip \(before) may add "
            + "them twice, --skip \(behind) may leave them out; with --key-field a run can be repeated without harm"
    }
}
