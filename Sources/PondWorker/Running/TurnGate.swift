import PondCore
import PondQueue
import Synchronization

/// Lets jobs whose next death would be their last run one at a time in a process.
///
/// When a job kills its process, whatever ran beside it is suspected too, and comes back together with it. Run together
/// again they would die together; run one by one, only the guilty one does. Which one it is nobody knows, so a job that
/// cannot have its turn soon is handed to the other processes: in one of them the turn may be free.
final class TurnGate: AdmissionGate {
    private struct State {
        var holder: (receipt: Receipt, since: LocalInstant)?
        /// Jobs that were handed on from here a moment ago, and when.
        var handedOn: [JobID: LocalInstant] = [:]
    }

    private static let pause = Duration.milliseconds(5)
    /// What has had its turn for longer is no short job, and its end is not worth waiting for.
    private static let shortTurn = Duration.milliseconds(100)
    /// How long a job waits while short ones have their turns.
    private static let patience = Duration.milliseconds(500)
    /// How long a job rests when no process that it came to had a turn for it.
    private static let rest = Duration.milliseconds(250)

    private let state = Mutex(State())
    private let clock: LocalClock

    init(clock: LocalClock) {
        self.clock = clock
    }

    var marks: Admission.Marks { .suspect }

    /// Waits for the turn of a job while that may come soon.
    nonisolated(nonsending) func ask(for fetched: FetchedJob) async -> Admission.Answer {
        let deadline = clock.now().advanced(by: Self.patience)
        while case let now = clock.now(), !take(fetched.receipt, at: now) {
            if fetched.served.worker.phase.isStopping { return .settle(.released) }
            if now >= deadline || hasLongTurn(at: now) { return handOn(fetched.job.id, at: now) }
            // So few jobs come here that looking again is simpler than a line of those who wait. A cancelled slot only looks
            // sooner, and the deadline ends it.
            try? await clock.sleep(Self.pause)
        }
        return .run
    }

    private func take(_ receipt: Receipt, at now: LocalInstant) -> Bool {
        state.withLock { state in
            guard state.holder == nil else { return false }
            state.holder = (receipt, now)
            return true
        }
    }

    private func hasLongTurn(at now: LocalInstant) -> Bool {
        state.withLock { $0.holder.map { $0.since.duration(to: now) > Self.shortTurn } ?? false }
    }

    /// To the front, where an idle worker takes it at once; but what is back at once has been round, and rests, or it
    /// would go round without end.
    private func handOn(_ id: JobID, at now: LocalInstant) -> Admission.Answer {
        state.withLock { state in
            state.handedOn = state.handedOn.filter { $0.value.duration(to: now) < Self.rest }
            if state.handedOn.removeValue(forKey: id) != nil { return .later(Self.rest) }
            state.handedOn[id] = now
            return .settle(.released)
        }
    }

    /// Only when its end is written down the next one cannot drag it along.
    func release(_ entries: [InFlight.Entry]) {
        state.withLock { state in
            guard let holder = state.holder?.receipt, entries.contains(where: { $0.receipt == holder }) else { return }
            state.holder = nil
        }
    }
}
