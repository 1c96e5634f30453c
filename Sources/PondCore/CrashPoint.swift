import Glibc
import Synchronization

/// Places in the code at which a process can be made to die as if by `kill -9`, to test what is left behind.
///
/// Off unless the environment says `MILLPOND_CRASH_AT=NAME` (the first time that the place is reached) or
/// `MILLPOND_CRASH_AT=NAME:N` (the Nth time). Several may be named, separated by commas.
package enum CrashPoint: String, CaseIterable, Sendable {
    case afterFetch = "after-fetch"
    case afterClaim = "after-claim"
    case beforeRun = "before-run"
    case afterRun = "after-run"
    case beforeSettle = "before-settle"
    case afterSettle = "after-settle"
    case afterPromote = "after-promote"
    case beforeReclaim = "before-reclaim"
    case afterReclaim = "after-reclaim"
    case afterBeat = "after-beat"
    case beforeLeave = "before-leave"
    case beforeKeyEnd = "before-key-end"
    case afterKeyEnd = "after-key-end"
    case beforeInboxCommit = "before-inbox-commit"
    case afterInboxCommit = "after-inbox-commit"
    case beforeOutboxCommit = "before-outbox-commit"
    case afterOutboxCommit = "after-outbox-commit"
    case beforeShip = "before-ship"
    case afterShip = "after-ship"
    case afterMark = "after-mark"
    case afterPurge = "after-purge"
    case afterSpawn = "after-spawn"
    case afterStepBegin = "after-step-begin"
    case beforeStepCommit = "before-step-commit"
    case afterStepCommit = "after-step-commit"
    case beforeSent = "before-sent"
    case afterSent = "after-sent"
    case afterChildren = "after-children"
    case beforePark = "before-park"
    case afterPark = "after-park"
    case beforeTurn = "before-turn"
    case afterTurn = "after-turn"
    case afterUndoBegin = "after-undo-begin"
    case beforeUndoEnd = "before-undo-end"
    case afterUndoEnd = "after-undo-end"
    case afterSagaPause = "after-saga-pause"
    case beforeSagaEnd = "before-saga-end"
    case afterSagaEnd = "after-saga-end"

    /// Those at the transitions of a saga.
    package static let ofSagas: [CrashPoint] = [
        .afterStepBegin, .beforeStepCommit, .afterStepCommit, .beforeSent, .afterSent, .afterChildren, .beforePark,
        .afterPark,
        .beforeTurn, .afterTurn, .afterUndoBegin, .beforeUndoEnd, .afterUndoEnd, .afterSagaPause, .beforeSagaEnd,
        .afterSagaEnd,
    ]
    /// Those of programs with an outbox, and of supervisors: a worker does not come by.
    package static let ofOthers: [CrashPoint] = [
        .beforeOutboxCommit, .afterOutboxCommit, .beforeShip, .afterShip, .afterMark, .afterPurge, .afterSpawn,
    ]

    /// Ends the process here, when the environment asks for it.
    @inline(__always)
    package func reach() {
        guard CrashPlan.isOn else { return }
        CrashPlan.reach(self)
    }
}

/// What the environment asks for, read once.
private enum CrashPlan {
    static let isOn = !wanted.isEmpty
    private static let wanted: [String: Int] = {
        guard let text = getenv("MILLPOND_CRASH_AT") else { return [:] }
        var wanted: [String: Int] = [:]
        for part in String(cString: text).split(separator: ",") {
            let words = part.split(separator: ":")
            guard let name = words.first, CrashPoint(rawValue: String(name)) != nil else {
                // A typing error must not look like a place that was never reached.
                let text = "MILLPOND_CRASH_AT names \(part), which is no crash point\n"
                write(2, text, text.utf8.count)
                exit(64)
            }
            wanted[String(name)] = words.count > 1 ? Int(words[1]) ?? 1 : 1
        }
        return wanted
    }()
    private static let reached = Mutex<[String: Int]>([:])

    static func reach(_ point: CrashPoint) {
        guard let wanted = wanted[point.rawValue] else { return }
        let times = reached.withLock { reached in
            reached[point.rawValue, default: 0] += 1
            return reached[point.rawValue] ?? 0
        }
        if times == wanted { kill(getpid(), SIGKILL) }
    }
}
