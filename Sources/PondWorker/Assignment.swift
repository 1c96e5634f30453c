import PondCore
import PondQueue

/// A fetched job on its way to a slot.
///
/// A class, because it is handed on a dozen times and a job has twenty parts to count references of.
final class Assignment: Sendable {
    let job: Job
    let receipt: Receipt
    let line: QueueLine
    /// Asked for while the job waits; nil for a job that has no key, or whose claim says that it has begun.
    let claim: ClaimAhead?

    init(job: Job, receipt: Receipt, line: QueueLine) {
        self.job = job
        self.receipt = receipt
        self.line = line
        claim = job.key != nil && job.recoveries == 0 ? ClaimAhead() : nil
    }
}
