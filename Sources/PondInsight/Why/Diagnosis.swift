package import PondCore
import PondQueue

/// A reason with its sentence, what comes next, and what to do.
package struct Diagnosis: Sendable, Hashable {
    /// Why.
    package var reason: Reason
    /// In a sentence.
    package var detail: String
    /// What will happen next.
    package var next: String
    /// What to act with, the likeliest first.
    package var actions: [Action]
    /// Since when, where the snapshot's own time is not it.
    package var since: ServerTime?

    init(_ reason: Reason, _ detail: String, next: String, do actions: [Action] = [], since: ServerTime? = nil) {
        self.reason = reason
        self.detail = detail
        self.next = next
        self.actions = actions
        self.since = since
    }

    /// Judges where a job is and why: a pure function of what was read.
    package static func of(_ snapshot: JobSnapshot) -> Diagnosis {
        var diagnosis = plain(snapshot)
        if let why = snapshot.noWrites { diagnosis = diagnosis.withoutWrites(why, snapshot) }
        if snapshot.isCompensation { diagnosis.detail = "what it did is to be undone: \(diagnosis.detail)" }
        snapshot.tellOfSaga(&diagnosis)
        return diagnosis
    }

    private static func plain(_ snapshot: JobSnapshot) -> Diagnosis {
        if let diagnosis = snapshot.sagaJudgement { return diagnosis }
        return switch snapshot.situation.report.state {
        case .held: snapshot.held
        case .waiting: snapshot.parked
        case .limited: snapshot.limited
        case .ready: snapshot.waiting
        case .running: snapshot.running
        case .dead: snapshot.dead
        case .unknown: snapshot.gone
        }
    }
}

extension Diagnosis {
    /// The same where Redis takes no writes: then silence is no sign of a lost worker.
    fileprivate func withoutWrites(_ why: String, _ snapshot: JobSnapshot) -> Diagnosis {
        var judged = self
        let cause = "Redis takes no writes: \(why)"
        switch reason.state {
        case .waiting:
            if reason != .queuePaused { judged.reason = .noWrites }
            judged.detail = "\(cause); no job is begun until it does"
        case .held: judged.detail = "\(cause); \(detail)"
        case .running:
            if reason == .leaseExpired { judged.reason = .runningSilent }
            let owner = snapshot.situation.report.owner?.name ?? "a worker"
            judged.detail = "\(cause); \(owner) has it, and can neither send a heartbeat nor end it"
        case .dead, .ended, .unknown: return self
        }
        judged.next = "nothing, until Redis takes writes again; then it goes on by itself"
        judged.actions = [.doctor]
        return judged
    }
}

/// The first line of an error or a note, cut where it is long.
func firstLine(of text: String) -> String {
    let line = text.prefix { !$0.isNewline }
    return line.count > 200 ? "\(line.prefix(200))…" : String(line)
}
