import Glibc
import PondCore
import PondQueue
import PondTelemetry
import Synchronization

/// How long a queue's handlers have run that have ended here, and how many tries that were.
final class WorkTally: Sendable {
    /// The counts since the worker's start.
    struct Counts: Sendable {
        var busy = Duration.zero
        var ended = 0
        var succeeded = 0
    }

    private let state = Mutex(Counts())

    var counts: Counts { state.withLock { $0 } }

    /// Notes that a handler has ended.
    func noteRun(_ duration: Duration, isSuccess: Bool) {
        state.withLock { counts in
            counts.busy += duration
            counts.ended += 1
            if isSuccess { counts.succeeded += 1 }
        }
    }
}

extension ServedQueue {
    /// What this worker has to do and has done in the queue.
    func load(at now: LocalInstant) -> WorkerLoad {
        let running = worker.table.runs.filter { $0.fetched.served === self }
        metrics?.busy(running.count, of: worker.configuration.slots, isBraked: brake.hold != nil)
        let elapsed = running.reduce(Duration.zero) { $0 + $1.started.duration(to: now) }
        let counts = tally.counts
        return WorkerLoad(
            supervisor: worker.configuration.supervisor?.name,
            slot: worker.configuration.supervisor?.slot ?? 0,
            pid: getpid(),
            slots: worker.configuration.slots,
            running: running.count,
            busy: counts.busy + elapsed,
            ended: counts.ended,
            succeeded: counts.succeeded
        )
    }
}
