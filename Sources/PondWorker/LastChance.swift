import PondCore
import PondQueue
import Synchronization

/// Lets jobs whose next death would be their last run one at a time in a process.
///
/// When a job kills its process, whatever ran beside it is suspected too, and comes back together with it. Run together
/// again they would die together; run one by one, only the guilty one does.
final class LastChance: Sendable {
    private static let pause = Duration.milliseconds(20)
    /// How long a job waits for its turn here before it is handed back, because in another process it may be sooner.
    static let patience = Duration.seconds(1)

    private let holder = Mutex<Receipt?>(nil)
    private let clock: LocalClock

    init(clock: LocalClock) {
        self.clock = clock
    }

    /// Waits until no other such job runs here.
    ///
    /// - Returns: false when the worker stops before, or the wait is long.
    func wait(for assignment: Assignment, whileWorking phase: PhaseBox) async -> Bool {
        guard assignment.job.recoveries >= Limits.recoveriesMax - 1 else { return true }
        let deadline = clock.now().advanced(by: Self.patience)
        while !take(assignment.receipt) {
            if phase.isStopping || clock.now() >= deadline { return false }
            // So few jobs come here that looking again is simpler than a line of those who wait.
            try? await clock.sleep(Self.pause)
        }
        return true
    }

    private func take(_ receipt: Receipt) -> Bool {
        holder.withLock { holder in
            guard holder == nil else { return false }
            holder = receipt
            return true
        }
    }

    /// A job is no longer in flight here, its end written down: only then can the next one not drag it along.
    func end(_ receipt: Receipt) {
        holder.withLock { if $0 == receipt { $0 = nil } }
    }
}
