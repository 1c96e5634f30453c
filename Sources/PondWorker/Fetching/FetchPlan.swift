package import PondCore
package import PondQueue

/// What a fetcher does next: values in, an action out.
///
/// A queue is fetched from in two ways. While the last fetch was full, more waits, and the next batch is asked for at once;
/// when it was not, nothing waits, and the fetcher listens for the next job. A fetch in turn asks the function, which promotes
/// what is due and reads the streams by priority, or, where the last one brought normal jobs alone, reads that stream
/// beside the function, which costs Redis less than half.
package struct FetchPlan: Sendable, Equatable {
    /// What to do.
    package enum Action: Sendable, Equatable {
        /// Compare what is in flight here with Redis' account.
        case compare
        /// Wait until something has changed.
        case rest
        /// Wait until a slot is free: what waits for one has been left where it is.
        case awaitSlot
        /// Ask for a batch of at most so many.
        case fetch(atMost: Int)
        /// Wait for the next job of these streams.
        case listen([ReadyStream])
    }

    /// How a batch is asked for.
    package struct Request: Sendable, Equatable {
        /// Whether normal jobs are read beside the function.
        package var isNormalOnly: Bool
        /// A wake-up to be put away.
        package var wakeUp: String?

        package init(isNormalOnly: Bool = false, wakeUp: String? = nil) {
            self.isNormalOnly = isNormalOnly
            self.wakeUp = wakeUp
        }
    }

    /// What a batch said.
    package struct Batch: Sendable, Equatable {
        /// How many were asked for.
        package var asked: Int
        /// How many of those that came there was room for.
        package var used: Int
        /// The queue is paused; then nothing has come.
        package var isPaused = false
        /// All were of the normal stream, and nothing stood in the way of the others.
        package var hasNormalOnly = false
        /// Streams that cannot be read, and why.
        package var faults: [ReadyStream: String] = [:]
        /// What was said of limits; nil where none are needed.
        package var limits: FetchedLimits?
        /// How many jobs that need a limit might have come.
        package var limited = 0

        package init(
            asked: Int,
            used: Int,
            isPaused: Bool = false,
            hasNormalOnly: Bool = false,
            faults: [ReadyStream: String] = [:],
            limits: FetchedLimits? = nil,
            limited: Int = 0
        ) {
            self.asked = asked
            self.used = used
            self.isPaused = isPaused
            self.hasNormalOnly = hasNormalOnly
            self.faults = faults
            self.limits = limits
            self.limited = limited
        }
    }

    /// How often accounts are compared without a reason.
    package static let compareInterval = Duration.seconds(5)
    private static let batchMax = Limits.slotsMax + Limits.prefetchMax

    /// Nothing is fetched before the first heartbeat: an owner without one looks dead.
    package private(set) var hasBegun = false
    /// Whether the queue is paused.
    package private(set) var isPaused = false
    /// Streams that cannot be read, and why.
    package private(set) var faults: [ReadyStream: String] = [:]
    /// A wake-up that waits to be put away.
    package private(set) var wakeUp: String?
    /// Whether jobs of the queue need limits, as the last fetch said: then nothing is read beside the function.
    package private(set) var hasLimits = false
    /// The last fetch left jobs where they are because no slot was free for them.
    private var isShortOfSlots = false
    private var mustCompare = false
    private var lastCompare: LocalInstant
    /// The last fetch brought less than there was room for, so nothing waits: listen before fetching again.
    private var isDrained = false
    /// The last fetch brought all that there was room for, and normal jobs alone: the next one expects the like.
    private var isNormalOnly = false
    /// The most that the next fetch asks for: less for a while after a reply that was too large.
    private var fetchMax = FetchPlan.batchMax

    /// A plan that begins with a fetch, after the first heartbeat.
    package init(now: LocalInstant) {
        lastCompare = now
    }

    /// What comes next.
    ///
    /// - Parameters:
    ///   - hasRoom: whether there is so much room that a fetch pays.
    ///   - most: how many jobs may be fetched at all; nil for any number.
    package func next(at now: LocalInstant, hasRoom: Bool, atMost most: Int? = nil) -> Action {
        if mustCompare || lastCompare.duration(to: now) > Self.compareInterval { return .compare }
        if isPaused || !hasRoom || most == 0 { return .rest }
        if isShortOfSlots { return .awaitSlot }
        if isDrained { return .listen(ReadyStream.allCases.filter { faults[$0] == nil }) }
        return .fetch(atMost: min(fetchMax, most ?? .max))
    }

    /// How the batch is asked for, which is about to be.
    package mutating func beginFetch() -> Request {
        defer { (isNormalOnly, wakeUp) = (false, nil) }
        return Request(isNormalOnly: isNormalOnly, wakeUp: wakeUp)
    }

    /// A batch has come.
    package mutating func fetched(_ batch: Batch) {
        isPaused = batch.isPaused
        faults = batch.faults
        hasLimits = batch.limits != nil
        let isFull = batch.used == batch.asked
        isShortOfSlots = batch.limits == .known && !isFull && batch.used >= batch.limited
        // A fetch of normal jobs alone says nothing of the low ones; listening does.
        isDrained = !isFull && batch.limits != .hasMore && !isShortOfSlots
        isNormalOnly = isFull && batch.hasNormalOnly && !hasLimits
        fetchMax = min(2 * fetchMax, Self.batchMax)
    }

    /// A batch did not come.
    ///
    /// - Parameter isTooLarge: its reply was larger than a reply may be; what was delivered is found and handed back.
    package mutating func fetchFailed(_ request: Request, asked: Int, isTooLarge: Bool) {
        // One of its two commands may have brought jobs although the other failed.
        if request.isNormalOnly { mustCompare = true }
        if isTooLarge { fetchMax = max(1, asked / 4) }
    }

    /// Listening has ended.
    ///
    /// - Parameters:
    ///   - isEmpty: whether no job came.
    ///   - wakeUp: the wake-up that came instead of one.
    package mutating func listened(isEmpty: Bool, wakeUp: String?, hasNormalOnly: Bool) {
        self.wakeUp = wakeUp ?? self.wakeUp
        // Nothing came, so nothing waits; anything else is a reason to look, and so is a stream that is not listened
        // to because it could not be read: somebody may have repaired it.
        isDrained = isEmpty && wakeUp == nil && faults.isEmpty
        // Where others wait, one of them would have come too.
        isNormalOnly = wakeUp == nil && faults.isEmpty && hasNormalOnly && !hasLimits
    }

    /// A job has ended meanwhile, or the wait for that was long.
    package mutating func awaitedSlot() { isShortOfSlots = false }

    /// The streams were made; some may be unreadable.
    package mutating func opened(_ faults: [ReadyStream: String]) {
        self.faults = faults
    }

    /// A heartbeat was answered.
    ///
    /// - Parameter isForgotten: Redis did not know this worker any more, so its jobs may have gone to others.
    package mutating func heard(isPaused: Bool, isForgotten: Bool) {
        hasBegun = true
        self.isPaused = isPaused
        if isForgotten { mustCompare = true }
    }

    /// A call failed, or jobs could not be handed back.
    package mutating func failed(outcomeUnknown: Bool) {
        if outcomeUnknown { mustCompare = true }
    }

    /// Accounts are about to be compared.
    package mutating func beginCompare(at now: LocalInstant) {
        (mustCompare, lastCompare) = (false, now)
    }

    /// They were, and a wake-up was found that this worker holds.
    package mutating func compared(wakeUp: String?) {
        self.wakeUp = self.wakeUp ?? wakeUp
    }
}
