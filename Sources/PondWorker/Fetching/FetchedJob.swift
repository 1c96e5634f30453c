import PondCore
import PondQueue

/// A job that was fetched and is in flight here, on its way to a slot.
///
/// A class, because it is handed on a dozen times and a job has twenty parts to count references of.
final class FetchedJob: Sendable {
    let job: Job
    /// Its place in the account of what is in flight.
    let entry: InFlight.Entry
    /// When the job became ready, by Redis' clock.
    let readySince: ServerTime?
    /// The queue that it is of.
    let served: ServedQueue
    /// When the job was asked for, by the local clock: a whole lease has to pass before another worker can have it.
    let asked: LocalInstant
    /// Its key's claim, made while the job waits; nil for a job that has no key, or whose claim says that it has begun.
    let claim: ClaimAhead?
    /// Whether it was asked for alone, while the brake was on.
    let isProbe: Bool
    /// Whether its limits have to be asked for here: it came past the function that does so.
    let asksLimits: Bool

    /// - Parameter mayWait: whether the job's claim can be made ahead.
    init(
        job: Job,
        entry: InFlight.Entry,
        readySince: ServerTime?,
        served: ServedQueue,
        asked: LocalInstant,
        mayWait: Bool,
        isProbe: Bool,
        asksLimits: Bool = false
    ) {
        self.job = job
        self.entry = entry
        self.readySince = readySince
        self.served = served
        self.asked = asked
        self.isProbe = isProbe
        self.asksLimits = asksLimits
        claim = mayWait && job.key != nil && job.recoveries == 0 ? ClaimAhead() : nil
    }

    var receipt: Receipt { entry.receipt }

    /// Whether it needs limits, as far as it says so itself or its kind is registered here to.
    var needsLimit: Bool { served.kindLimits.areNeeded(by: job) }

    /// How long the job had been ready until now; nil while Redis' clock is not known.
    var waited: Duration? {
        guard let now = served.serverClock.now, let ready = readySince else { return nil }
        return max(.zero, now.since(ready))
    }

    /// Whether this is the first try of a job that is where its producer put it.
    var isPrompt: Bool { job.attempt == 1 && receipt.stream.ownID(entry: receipt.entry) == job.id }

    /// Whether the job's time was over before it began.
    var isExpired: Bool {
        guard let expires = job.expires, let now = served.serverClock.now else { return false }
        return expires <= now
    }
}
