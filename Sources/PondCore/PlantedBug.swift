#if PLANTED_BUGS
import Glibc

#if !DEBUG
#error("planted bugs are for tests of the checker; a release build must not hold them")
#endif

/// Mistakes that the chaos checker must find, each one that a queue has really made.
///
/// Compiled into debug builds alone, and there off unless the environment says `MILLPOND_PLANTED_BUG=NAME`.
package enum PlantedBug: String, CaseIterable, Sendable {
    case ackBeforeEffect = "ack-before-effect"
    case promoteRemovesFirst = "promote-removes-first"
    case deleteConsumerAtShutdown = "delete-consumer-at-shutdown"
    case noFence = "no-fence"
    case shortTombstone = "short-tombstone"
    case trimmedStream = "trimmed-stream"
    case groupAtEnd = "group-at-end"
    case earlyPromotion = "early-promotion"
    case recodedPayload = "recoded-payload"
    case noLifeline = "no-lifeline"
    case wedgedFetch = "wedged-fetch"
    case unrecordedUndo = "unrecorded-undo"
    case commitWithoutFence = "commit-without-fence"
    case lateUndoForgotten = "late-undo-forgotten"
    case timerLost = "timer-lost"
    case joinCountedTwice = "join-counted-twice"
    case undoOrder = "undo-order"
    case tokenTwice = "token-twice"
    case floatDrift = "float-drift"
    case doubleRefund = "double-refund"
    case checkThenAct = "check-then-act"

    /// Those of budgets.
    package static let ofBudgets: [PlantedBug] = [.floatDrift, .doubleRefund, .checkThenAct]

    /// The one that this process has, read once.
    package static let active: PlantedBug? = {
        guard let text = getenv("MILLPOND_PLANTED_BUG") else { return nil }
        let name = String(cString: text)
        guard let bug = PlantedBug(rawValue: name) else {
            // A typing error must not look like a mistake that nobody found.
            fatalError("\(name) is no planted bug")
        }
        return bug
    }()
}
#endif
