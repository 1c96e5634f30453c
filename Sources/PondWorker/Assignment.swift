import PondCore
import PondQueue

/// A fetched job on its way to a slot.
///
/// A class, because it is handed on a dozen times and a job has twenty parts to count references of.
final class Assignment: Sendable {
    let job: Job
    /// Its place in the line's account of what is in flight.
    let entry: InFlight.Entry
    /// When the job became ready, by Redis' clock.
    let readySince: ServerTime?
    let line: QueueLine
    /// When the job was asked for, by the local clock: a whole lease has to pass before another worker can have it.
    let asked: LocalInstant
    /// Made while the job waits; nil for a job that has no key, or whose claim says that it has begun.
    let claim: ClaimAhead?

    /// - Parameter mayWait: whether the job's claim can be made ahead.
    init(
        job: Job,
        entry: InFlight.Entry,
        readySince: ServerTime?,
        line: QueueLine,
        asked: LocalInstant,
        mayWait: Bool
    ) {
        self.job = job
        self.entry = entry
        self.readySince = readySince
        self.line = line
        self.asked = asked
        claim = mayWait && job.key != nil && job.recoveries == 0 ? ClaimAhead() : nil
    }

    var receipt: Receipt { entry.receipt }
}
