import PondCore
import PondQueue

/// A fetched job on its way to a slot.
///
/// A class, because it is handed on a dozen times and a job has twenty parts to count references of.
final class Assignment: Sendable {
    let job: Job
    let receipt: Receipt
    let line: QueueLine

    init(job: Job, receipt: Receipt, line: QueueLine) {
        self.job = job
        self.receipt = receipt
        self.line = line
    }
}
