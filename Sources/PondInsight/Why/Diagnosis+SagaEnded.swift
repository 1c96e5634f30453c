// What a saga's memory says of a job that is in no place any more.

import PondCore
import PondQueue
import PondSaga
import PondSQLite

extension JobSnapshot {
    /// How it ended, as its saga remembers it for a while, or that nobody can go on with it; nil for a job that was none.
    var sagaEnd: Diagnosis? {
        guard let record = saga?.record else { return nil }
        let history = [hasHistory ? Action.jobHistory(address) : .follow]
        func ended(_ reason: Reason, _ text: String) -> Diagnosis {
            Diagnosis(reason, text, next: "nothing", do: history, since: record.since)
        }
        switch record.state {
        case .done: return ended(.done, "it ended well")
        case .compensated: return ended(.compensated, "what it had done is undone\(leftAsItIs)")
        case .cancelled: return ended(.cancelled, cancelText)
        case .abandoned:
            let why = record.reason.isEmpty ? "" : ": \(firstLine(of: record.reason))"
            return ended(.discarded, "its saga was abandoned\(why)")
        case .failed, .stuck, .running, .waiting, .undoing, .paused: return adrift(record)
        }
    }

    /// Its entry was deleted behind everybody's back, so that nobody comes to go on with it.
    private func adrift(_ record: SagaRecord) -> Diagnosis {
        let left = record.toUndo.count
        let rest = left > 0 ? ", and \(left.of("step", ("is", "are"))) not undone" : ""
        return Diagnosis(
            .lostPayload,
            "its saga is \(record.state.rawValue), but its job is in no place any more: its entry was deleted by hand\(rest)",
            next: "nothing; to cancel it ends the saga as abandoned, and what its steps did stays",
            do: [.saga(address), .cancelSaga(address), .doctor],
            since: record.since
        )
    }

    /// `, but for step b, which somebody left as it is`; empty when all is undone.
    var leftAsItIs: String {
        let left = saga?.record.steps.filter { $0.undo == .abandoned }.map { firstLine(of: $0.name) } ?? []
        guard !left.isEmpty else { return "" }
        let names =
            left.prefix(3).joined(separator: ", ") + (left.count > 3 ? " and \((left.count - 3).of("other"))" : "")
        return
            ", but for step\(left.count == 1 ? "" : "s") \(names), which somebody left as \(left.count == 1 ? "it is" : "they are")"
    }

    /// Who or what cancelled it, as far as that is known.
    var cancelText: String {
        let isSaga = saga != nil || jobHistory?.events.contains { $0.what == .turned } ?? false
        let told = jobHistory?.events.last { $0.what == .turned }?.text
        let why = told ?? saga?.record.reason ?? ""
        let undone = isSaga ? ", and what it had done is undone\(leftAsItIs)" : ""
        return switch why {
        case "deadline", "expired": "its deadline had passed\(undone)"
        case "purged": "its queue was purged\(undone)"
        default: "somebody cancelled it\(leftAsItIs.isEmpty ? "" : undone)"
        }
    }
}
