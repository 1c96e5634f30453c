import PondCore
import PondWorker
import Synchronization

// A program's reservations are those of `JobContext`: it says what it wants and what it took, by a name of its own.
extension ExecTalk {
    /// - Throws: what makes an end of the program, too.
    func answer(_ message: ExecLedgerMessage) async throws {
        switch message {
        case .reserve(let name, let usage, let patience): try await reserve(name, usage, patience)
        case .commit(let name, let said):
            guard let reservation = try taken(name) else { return }
            var truth = reservation.usage
            for (part, amount) in said { truth[part] = amount }
            reservation.took(truth)
            await job.end(reservation, failed: false)
        case .refund(let name):
            guard let reservation = try taken(name) else { return }
            reservation.tookNothing()
            await job.end(reservation, failed: false)
        }
    }

    private func reserve(_ name: String, _ usage: Usage, _ patience: Duration) async throws {
        guard state.withLock({ $0.reservations[name] == nil }) else {
            throw BridgeFailure(.outOfTurn, "it reserved \(name) again before it had committed or refunded it")
        }
        let line: [UInt8]
        do {
            let reservation = try await job.begin(usage, as: name, claimed: false, waiting: patience)
            state.withLock { $0.reservations[name] = reservation }
            line = ExecRequest.reserved(name, job.id)
        } catch let error as BudgetExhausted {
            state.withLock { $0.exhausted = error }
            line = ExecRequest.exhausted(name, job.id, error)
        }
        try child.tell(line)
    }

    private func taken(_ name: String) throws(BridgeFailure) -> Reservation? {
        guard let reservation = state.withLock({ $0.reservations.removeValue(forKey: name) }) else {
            throw BridgeFailure(.outOfTurn, "it settled \(name), which it has not reserved")
        }
        return reservation
    }

    /// What the program forgot to settle, or could not any more, is taken for the worst.
    func settleRest() async {
        let rest = state.withLock { state in
            defer { state.reservations = [:] }
            return state.reservations.values
        }
        for reservation in rest { await job.end(reservation, failed: true) }
    }

    /// The same of a job's end.
    func exhausted(_ answer: ExecMessage.Answer) -> BudgetExhausted? {
        guard case .fail(_, let cause, _, _) = answer else { return nil }
        return exhausted(cause)
    }

    /// What the program let through of a budget that is used up: its intent decides, and not the program's word for it.
    func exhausted(_ cause: String?) -> BudgetExhausted? {
        guard let cause, cause.hasPrefix("budget_") else { return nil }
        return state.withLock(\.exhausted)
    }
}

extension ExecRequest {
    /// So much is kept for it.
    static func reserved(_ name: String, _ id: JobID) -> [UInt8] {
        var line = JSONLine()
        line.add("type", "reserved")
        line.add("id", id.text)
        line.add("name", name)
        return line.end()
    }

    /// There is no room: the handler finds a cheaper way, or lets the error through.
    static func exhausted(_ name: String, _ id: JobID, _ error: BudgetExhausted) -> [UInt8] {
        var line = JSONLine()
        line.add("type", "exhausted")
        line.add("id", id.text)
        line.add("name", name)
        line.add("cause", error.cause.name)
        line.add("error", error.text)
        line.add("policy", error.policy?.rawValue)
        return line.end()
    }
}
