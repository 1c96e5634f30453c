import Logging
import PondCore
import Synchronization

/// The brake that a queue's slots and its fetcher share.
final class BrakeLever: Sendable {
    private let brake: Mutex<Brake>
    /// Whether no job has failed since the last that was done: then a job that is done costs one look here.
    private let isClear = Atomic(true)
    private let isOff: Bool
    private let clock: LocalClock

    init(_ policy: BrakePolicy?, clock: LocalClock) {
        brake = Mutex(Brake(policy ?? BrakePolicy()))
        isOff = policy == nil
        self.clock = clock
    }

    /// Why nothing but single jobs is fetched.
    var hold: Brake.Hold? { isClear.load(ordering: .relaxed) ? nil : brake.withLock(\.hold) }

    /// How many jobs may be fetched, nil for any number, and how long it is until one may.
    func limit(at now: LocalInstant) -> (most: Int?, pause: Duration?) {
        if isClear.load(ordering: .relaxed) { return (nil, nil) }
        return brake.withLock { ($0.most(at: now), $0.pause(at: now)) }
    }

    /// A single job was fetched.
    func noteProbe(at now: LocalInstant) {
        if isClear.load(ordering: .relaxed) { return }
        brake.withLock { $0.probed(at: now) }
    }

    /// A job is left to others.
    func passedOn(_ cause: String) -> Brake.Change? {
        brake.withLock { brake in
            isClear.store(false, ordering: .relaxed)
            return brake.passedOn(cause, at: clock.now())
        }
    }

    /// A job has ended.
    func note(_ outcome: Outcome, _ root: RootCause?) -> Brake.Change? {
        if outcome.isDone {
            if isClear.load(ordering: .relaxed) { return nil }
            return brake.withLock { brake in
                defer { isClear.store(true, ordering: .relaxed) }
                return brake.succeeded()
            }
        }
        guard !isOff, case .dead(let cause, _) = outcome, let root else { return nil }
        return brake.withLock { brake in
            isClear.store(false, ordering: .relaxed)
            // The title of some root causes begins with the cause.
            let title = root.title.hasPrefix("\(cause):") ? root.title : "\(cause): \(root.title)"
            return brake.failed("\(cause) \(root.root)", title, at: clock.now())
        }
    }
}

extension ServedQueue {
    /// Hears how a try ended, and stops fetching when all go wrong in one way.
    func noteVerdict(_ outcome: Outcome, _ root: RootCause?) {
        guard let change = brake.note(outcome, root) else { return }
        switch change {
        case .engaged(let hold):
            logger.error(
                "every job dies of one cause, so this worker stops fetching and tries single jobs; mend the cause, and it goes on",
                metadata: ["cause": "\(hold.cause)", "deaths": "\(hold.count)"]
            )
        case .released(let hold):
            logger.notice(
                "a job is done again, so this worker goes on fetching",
                metadata: ["cause": "\(hold.cause)", "deaths": "\(hold.count)"]
            )
        }
        follow(change)
    }

    /// Hears of a job, not seen before, of a kind that nobody here knows.
    func noteUnknownKind(of job: Job) {
        guard worker.configuration.stopsAtUnknownKinds,
            let change = brake.passedOn("no handler for the kind \(job.kind)")
        else { return }
        logger.error(
            "this worker has no handlers for the jobs of this queue, so it stops fetching and tries single jobs",
            metadata: ["kind": "\(job.kind)", "kinds": "\(handlers.names.joined(separator: ","))"]
        )
        follow(change)
    }

    private func follow(_ change: Brake.Change) {
        if case .engaged = change {
            // What waits for a slot would fare no better.
            for fetched in worker.intake.drop(where: { $0.served === self }) { settler.settle(fetched, .released) }
        }
        wakeFetcher()
    }
}
