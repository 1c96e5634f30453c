import PondCore
import PondQueue
import PondSaga
import PondWorker
import Synchronization

/// What a worker and a program say to each other about one job, from its request to its answer.
final class ExecTalk: Sendable {
    struct State {
        /// Why a child job was not enqueued about which the program does not ask.
        var refusal: BridgeFailure?
        /// The names that the steps of this run have got.
        var names = StepNames()
        /// Why the handler has to unwind, when it has to.
        var suspension: Suspended?
        /// The limits that it was granted, by their names.
        var permits: [String: LimitPermit] = [:]
        /// The limit that has no room for it, once it was told so.
        var limitReached: LimitReached?
        /// What the program did in a step that it must not; it cannot be talked to any more.
        var breach: BridgeFailure?
        /// What it has reserved and not settled, by its names.
        var reservations: [String: Reservation] = [:]
        /// Why it was granted nothing the last time.
        var exhausted: BudgetExhausted?
    }

    let child: ExecChild
    let job: JobContext
    let state = Mutex(State())

    init(_ child: ExecChild, _ job: JobContext) {
        (self.child, self.job) = (child, job)
    }

    var suspension: Suspended? { state.withLock(\.suspension) }
    var limitReached: LimitReached? { state.withLock(\.limitReached) }

    /// - Throws: what makes an end of the program, too.
    func run() async throws -> ExecMessage.Answer {
        do {
            let answer = try await runToEnd()
            await settleRest()
            return answer
        } catch {
            await settleRest()
            throw error
        }
    }

    private func runToEnd() async throws -> ExecMessage.Answer {
        let answer = try await answer()
        if job.isUndoing { try await undo(after: answer) }
        try child.hangUp()
        switch answer {
        // What it believes to have enqueued is not there, so its work is not done.
        case .done: if let refusal = state.withLock(\.refusal) { throw refusal }
        case .suspended where suspension == nil:
            throw BridgeFailure(.outOfTurn, "it said that it is suspended, and was not told so")
        case .suspended, .retry, .fail: break
        }
        return answer
    }

    private func answer() async throws -> ExecMessage.Answer {
        while true {
            switch try await next() {
            case .answer(let answer): return answer
            case .saga(let message): try await answer(message)
            case .heartbeat, .spend, .enqueue, .limit, .kinds, .ledger: continue
            }
        }
    }

    /// The next message that has to be answered; the others are taken by the way.
    func next() async throws -> ExecMessage {
        while let line = await child.nextLine() {
            let (message, id) = try ExecMessage.read(line)
            // A thread of it may still beat for the job before.
            if message.isHeartbeat, id.map({ $0 != job.id.text }) ?? false { continue }
            try check(id, of: message)
            switch message {
            case .heartbeat(let progress, let note):
                // Whether the job should stop is told to the program with a line of its own.
                try? job.heartbeat(progress: progress, note)
            case .spend(let usd, let cpu):
                if let usd { try job.spend(usd: usd) }
                if let cpu { try job.spend(cpu: cpu) }
            case .enqueue(let child):
                let obstacle = try await enqueue(child)
                state.withLock { $0.refusal = $0.refusal ?? obstacle }
            case .limit(let asked): try await answer(asked)
            case .kinds: continue
            case .ledger(let asked): try await answer(asked)
            case .answer, .saga: return message
            }
        }
        throw await child.obituary()
    }

    /// An answer that comes late must not end the next job.
    private func check(_ id: String?, of message: ExecMessage) throws(BridgeFailure) {
        if let id, id != job.id.text {
            let quoted = SafeLine.quoted(Array(id.utf8))
            throw BridgeFailure(.unasked, "it answered for job \(quoted) while it ran \(job.id)")
        }
        guard case .answer = message else { return }
        if child.isOdd(answerWith: id) {
            throw BridgeFailure(.unasked, "it names the job in some answers and not in others")
        }
    }

    /// - Returns: why a child job was not enqueued, when the program does not ask to be told.
    private func enqueue(_ asked: ExecMessage.ChildJob) async throws(BridgeFailure) -> BridgeFailure? {
        let news: [UInt8]?
        do {
            let answer = try await job.enqueue(try asked.job(), to: asked.queue)
            news = asked.reference.map { ExecRequest.enqueued($0, answer.word, id: answer.id.text) }
        } catch {
            guard let reference = asked.reference else {
                var refusal = BridgeFailure(.refusedChild, "a child job \(asked.kind) was not enqueued: \(error)")
                // The program would ask for the same again, after the same effects.
                refusal.isFinal = error is PondError || (error as? QueueError)?.code == .invalid
                return refusal
            }
            news = ExecRequest.refused(reference, "\(error)")
        }
        if let news { try child.tell(news) }
        return nil
    }
}

extension EnqueueAnswer {
    fileprivate var word: String {
        switch self {
        case .enqueued: "enqueued"
        case .held: "held"
        case .duplicate: "duplicate"
        }
    }
}
