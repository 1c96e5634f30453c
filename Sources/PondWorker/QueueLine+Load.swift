import Glibc
import PondCore
import PondQueue
import PondTelemetry
import Synchronization

extension QueueLine {
    /// Notes that a handler has ended.
    func noteRun(_ duration: Duration, isSuccess: Bool) {
        state.withLock { state in
            state.busy += duration
            state.ended += 1
            if isSuccess { state.succeeded += 1 }
        }
    }

    /// What this worker has to do and has done in the queue.
    func load(at now: LocalInstant) -> WorkerLoad {
        let running = table.runs.filter { $0.assignment.line === self }
        metrics?.busy(running.count, of: configuration.slots)
        let elapsed = running.reduce(Duration.zero) { $0 + $1.started.duration(to: now) }
        return state.withLock { state in
            WorkerLoad(
                supervisor: configuration.supervisor?.name,
                slot: configuration.supervisor?.slot ?? 0,
                pid: getpid(),
                slots: configuration.slots,
                running: running.count,
                busy: state.busy + elapsed,
                ended: state.ended,
                succeeded: state.succeeded
            )
        }
    }
}
