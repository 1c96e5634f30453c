import PondCore
import PondQueue
import PondTelemetry

/// A try that was begun.
struct Ran: Sendable {
    var started: LocalInstant
    var duration: Duration
    /// Which part of the jobs of the kind that are done the journal tells of, from 0 to 1.
    var sampling: Double
}

extension QueueLine {
    /// What the journal and the counts are told of a job.
    ///
    /// - Parameter ran: how it was tried here; nil when it was not.
    func story(of assignment: Assignment, _ ran: Ran?) -> JobStory {
        let job = assignment.job
        let begun = ran.flatMap { serverClock.time(at: $0.started) }
        let wait = begun.flatMap { begun in assignment.readySince.map { max(.zero, begun.since($0)) } }
        let ended = begun.flatMap { begun in ran.map { begun.advanced(by: $0.duration) } }
        let promises = recorder.promises
        let jobClass = job.jobClass ?? promises.jobClass
        let target = promises.target(of: jobClass)
        let grade = JobGrade(
            jobClass,
            waitIsGood: (job.waited ?? wait ?? .zero) <= target.wait,
            totalIsGood: ended.map { $0.since(job.enqueuedAt) <= target.total } ?? true
        )
        return JobStory(
            job: job,
            wait: wait,
            run: ran?.duration,
            grade: grade,
            isSampled: isSampled(ran?.sampling ?? 1)
        )
    }

    private func isSampled(_ part: Double) -> Bool {
        // A random number is a system call, so it is drawn only when it decides.
        part >= 1 || (part > 0 && Double.random(in: 0..<1) < part)
    }
}

extension QueueLine {
    /// Shorter runs are told of by their end alone, so that a queue of short jobs pays nothing for it.
    private static let silentTime = Duration.milliseconds(500)
    /// How often the journal is told how far a job is.
    private static let progressInterval = Duration.seconds(5)

    /// What the journal has not been told yet of the jobs that run.
    func news(at now: LocalInstant) -> [RunNews] {
        table.updateRuns { run in
            let elapsed = run.started.duration(to: now)
            guard run.assignment.line === self, run.verdict == nil, elapsed >= Self.silentTime else { return nil }
            guard let what = Self.untold(of: run, at: now) else { return nil }
            switch what {
            case .started: run.told.hasStarted = true
            case .progress(let fraction, let note):
                (run.told.fraction, run.told.note, run.told.at) = (fraction, note, now)
            }
            let ran = Ran(started: run.started, duration: elapsed, sampling: 1)
            return RunNews(what, of: story(of: run.assignment, ran))
        }
    }

    private static func untold(of run: RunningTable.Run, at now: LocalInstant) -> RunNews.What? {
        guard run.told.hasStarted else { return .started }
        let progress = run.context.lastProgress
        let isNew = progress.fraction != run.told.fraction || progress.note != run.told.note
        let isDue = run.told.at.map { $0.duration(to: now) >= progressInterval } ?? true
        return isNew && isDue ? .progress(progress.fraction, progress.note) : nil
    }
}
