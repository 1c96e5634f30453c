import Logging
import PondCore
import PondQueue
import Synchronization

/// Lets a job pass that its limits let go, when it came past the function that asks them.
///
/// Asked for when a slot has the job, never before: what is admitted begins at once. The questions of several slots gather
/// while a call is under way and leave together in the next one. What may not go yet waits in Redis from then on, and is no
/// longer this worker's.
final class LimitGate: AdmissionGate {
    private struct Question {
        let fetched: FetchedJob
        let answer: CheckedContinuation<LimitAdmission?, Never>
    }

    private struct State {
        var pending: [Question] = []
        var hasEnded = false
    }

    private let queue: Queue
    private let worker: WorkerParts
    private let outage: OutageLog
    private let signal = WakeSignal()
    private let state = Mutex(State())

    init(_ queue: Queue, _ worker: WorkerParts, logger: Logger) {
        self.queue = queue
        self.worker = worker
        outage = OutageLog(logger)
    }

    var marks: Admission.Marks { .limited }

    nonisolated(nonsending) func ask(for fetched: FetchedJob) async -> Admission.Answer {
        let answer = await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                if !state.hasEnded { state.pending.append(Question(fetched: fetched, answer: continuation)) }
                return state.hasEnded
            }
            if hasEnded { continuation.resume(returning: nil) } else { signal.ring() }
        }
        switch answer {
        case .run: return .run
        case .limited, .lost: return .forget
        case nil: return .settle(.released)
        }
    }

    /// Asks until the task is cancelled; then no question is left without an answer.
    func run() async {
        while !Task.isCancelled {
            let batch = takeBatch()
            if batch.isEmpty { await signal.wait() } else { await ask(batch) }
        }
        let rest = state.withLock { state in
            state.hasEnded = true
            defer { state.pending = [] }
            return state.pending
        }
        for question in rest { question.answer.resume(returning: nil) }
    }

    private func takeBatch() -> [Question] {
        state.withLock { state in
            let batch = Array(state.pending.prefix(Limits.admitBatchMax))
            state.pending.removeFirst(batch.count)
            return batch
        }
    }

    /// Asks until there is an answer, because without one a job must not run; to ask again for one that may go changes nothing.
    private func ask(_ batch: [Question]) async {
        while true {
            do throws(QueueError) {
                let answers = try await queue.admit(batch.map(\.fetched.receipt), as: worker.consumer)
                outage.worked("limits")
                for (question, answer) in zip(batch, answers) { question.answer.resume(returning: answer) }
                return
            } catch {
                let failures = outage.failed("limits", error)
                if worker.phase.phase >= .draining || Task.isCancelled { break }
                await worker.rest(afterFailures: failures)
            }
        }
        for question in batch { question.answer.resume(returning: nil) }
    }
}
