// What is judged of a job that is held.

import PondCore
import PondQueue

extension JobSnapshot {
    /// Past its due time by more, a held job waits for a worker to promote it.
    static let promotionTime = Duration.seconds(2)

    var held: Diagnosis {
        let due = situation.report.due ?? situation.now
        let left = due.since(situation.now)
        if left < .zero - Self.promotionTime { return overdue(by: .zero - left) }
        let next = "ready \(left > .zero ? "in \(left.human)" : "at once"), at \(due.iso8601)"
        if number(.unhandledSince) != nil { return unhandled(next: next) }
        if let wait = situation.report.field(WireField.budgetWait.rawValue) { return restsForMoney(wait, next: next) }
        let cancel = Action.cancel(address)
        if situation.report.attempts > 0 {
            return Diagnosis(
                .retryBackoff,
                retrying,
                next: "\(next), for try \(situation.report.attempts + 1)",
                do: [cancel]
            )
        }
        return Diagnosis(.scheduled, "it is scheduled for \(due.iso8601)", next: next, do: [cancel])
    }

    /// It wants to spend more than is left.
    private func restsForMoney(_ reason: String, next: String) -> Diagnosis {
        let intent = situation.report.field(WireField.correlationID.rawValue) ?? situation.report.id.text
        return Diagnosis(
            .budgetExhausted,
            firstLine(of: reason),
            next: "it goes on at once when the budget is topped up; by itself it looks again, \(next)",
            do: [.topUp(intent), .budget(intent), .cancel(address)]
        )
    }

    private var retrying: String {
        let most = number(.attemptsMax).map { " of at most \($0)" } ?? ""
        let error = situation.report.field(WireField.lastError.rawValue).map { ": \(firstLine(of: $0))" } ?? ""
        return "try \(situation.report.attempts)\(most) failed\(error)"
    }

    func overdue(by time: Duration) -> Diagnosis {
        let late = "it has been due for \(time.human) and nobody made it ready"
        if workerCount == 0 { return noWorker(late + ": ") }
        return Diagnosis(
            .starting,
            late + ", although \(workerCount.of("worker", ("serves", "serve"))) \(queue)",
            next: "the next heartbeat of a worker makes it ready",
            do: [.doctor, .workers(queue)]
        )
    }
}
