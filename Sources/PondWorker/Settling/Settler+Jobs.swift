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

extension Settler {
    /// Writes down what became of a job.
    ///
    /// - Parameters:
    ///   - ran: how it was tried here; nil when it was not.
    ///   - limitNews: what its limits learn from it; nil leaves that to the outcome.
    ///   - isSaga: whether steps of it are written down, which then end with it.
    func settle(
        _ fetched: FetchedJob,
        _ outcome: Outcome,
        result: JobResult? = nil,
        spent: Spending? = nil,
        ran: Ran? = nil,
        root: RootCause? = nil,
        isSaga: Bool = false,
        limitNews: LimitNews? = nil
    ) {
        let journalFacts = fetched.journalFacts(ran)
        if ran != nil { fetched.served.recorder.add(journalFacts, outcome, readySince: fetched.readySince) }
        add(
            Settlement(
                receipt: fetched.receipt,
                id: fetched.job.id,
                outcome: outcome,
                hasKey: fetched.job.key != nil,
                // What was moved has a higher fence, and is looked up.
                key: fetched.job.fence == 0 ? fetched.job.key : nil,
                result: result,
                spent: spent,
                journalFacts: journalFacts,
                root: root,
                isSaga: isSaga || fetched.job.isChild,
                limitNews: limitNews
            ),
            of: fetched.entry
        )
    }

    /// Puts an entry among the dead that is no job.
    func bury(_ entry: InFlight.Entry, _ malformation: Malformation) {
        add(
            Settlement(
                receipt: entry.receipt,
                id: entry.receipt.stream.ownID(entry: entry.receipt.entry),
                outcome: .dead(cause: .malformed, error: malformation.text),
                root: RootCause(.init(type: Cause.malformed.name, message: malformation.text), kind: "")
            ),
            of: entry
        )
    }
}

extension FetchedJob {
    /// What the journal and the counts are told of the job.
    ///
    /// - Parameter ran: how it was tried here; nil when it was not.
    func journalFacts(_ ran: Ran?) -> JournalFacts {
        let begun = ran.flatMap { served.serverClock.time(at: $0.started) }
        let wait = begun.flatMap { begun in readySince.map { max(.zero, begun.since($0)) } }
        let ended = begun.flatMap { begun in ran.map { begun.advanced(by: $0.duration) } }
        let promises = served.recorder.promises
        let jobClass = job.jobClass ?? promises.jobClass
        let target = promises.target(of: jobClass)
        let grade = JobGrade(
            jobClass,
            waitIsGood: (job.waited ?? wait ?? .zero) <= target.wait,
            totalIsGood: ended.map { $0.since(job.enqueuedAt) <= target.total } ?? true
        )
        return JournalFacts(
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
