import PondCore
import PondQueue

extension ServedQueue {
    /// Shorter runs are told of by their end alone, so that a queue of short jobs pays nothing for it.
    private static let silentTime = Duration.milliseconds(500)
    /// How often the journal is told how far a job is.
    private static let progressInterval = Duration.seconds(5)

    /// What the journal has not been told yet of the jobs that run.
    func news(at now: LocalInstant) -> [RunEvent] {
        worker.table.updateRuns { run in
            let elapsed = run.started.duration(to: now)
            guard run.fetched.served === self, run.verdict == nil, elapsed >= Self.silentTime else { return nil }
            guard let what = Self.untold(of: run, at: now) else { return nil }
            switch what {
            case .started: run.told.hasStarted = true
            case .progress(let fraction, let note):
                (run.told.fraction, run.told.note, run.told.at) = (fraction, note, now)
            }
            return RunEvent(
                what,
                of: run.fetched.journalFacts(Ran(started: run.started, duration: elapsed, sampling: 1))
            )
        }
    }

    private static func untold(of run: RunningTable.Run, at now: LocalInstant) -> RunEvent.What? {
        guard run.told.hasStarted else { return .started }
        let progress = run.context.lastProgress
        let isNew = progress.fraction != run.told.fraction || progress.note != run.told.note
        let isDue = run.told.at.map { $0.duration(to: now) >= progressInterval } ?? true
        return isNew && isDue ? .progress(progress.fraction, progress.note) : nil
    }
}
