import DequeModule
package import PondCore
import Synchronization

/// Where fetched jobs wait for a slot, and the account of what is in flight.
///
/// Room is reserved before a fetch and given back when a job is settled, so that the process never owns more than
/// its slots and its prefetch.
package final class Intake<Element: Sendable>: Sendable {
    private struct State {
        var buffer = Deque<Element>()
        var idleSlots: [CheckedContinuation<Element?, Never>] = []
        var inFlight = 0
        /// Jobs that a slot has and whose end is not written down yet.
        var taken = 0
        var isClosed = false
        /// A moving average of how long jobs run, in seconds; nil before the first has ended.
        var meanRun: Double?
        /// A moving average of the bytes of their payloads.
        var meanBytes = 0
        /// How many jobs slots have taken out of the buffer, ever.
        var takes = 0
        /// How many that were when somebody last looked and saw a change, and when that was.
        var lastChange: (takes: Int, at: LocalInstant)?

        mutating func popFirst() -> Element? {
            guard let element = buffer.popFirst() else { return nil }
            taken += 1
            takes += 1
            return element
        }
    }

    /// Jobs that run no longer than this are worth fetching ahead.
    private static var shortRun: Duration { .milliseconds(500) }
    private static var tinySeconds: Double { 0.0001 }
    /// For how long the slots are given work ahead, when that is more than a job for each.
    private static var aheadSeconds: Double { 0.02 }
    /// So many jobs are worth a fetch however many more there may be: Redis reads them while the slots have others.
    private static var fetchMin: Int { 160 }
    /// About how many bytes of payload wait here at most.
    private static var aheadBytes: Int { 16 << 20 }

    private let slots: Int
    private let prefetch: Int
    private let prefetchesShortJobsOnly: Bool
    private let state = Mutex(State())

    /// - Parameter prefetch: nil for what the slots get through in 20 ms, at least a job for each, but only while jobs
    ///   are short: a job that waits here behind long ones could run in an idle worker.
    package init(slots: Int, prefetch: Int?) {
        self.slots = slots
        self.prefetch = prefetch ?? slots
        prefetchesShortJobsOnly = prefetch == nil
    }

    /// Whether so much room is free that a fetch pays; a busy worker fetches batches.
    package var hasRoomWorthFetching: Bool {
        state.withLock { state in
            let ahead = prefetchNow(state)
            // A part of it, so that one part is fetched, one settled, and the slots have the rest.
            return slots + ahead - state.inFlight >= max(1, min(ahead / 4, Self.fetchMin))
        }
    }

    /// Whether jobs run for so short a time that handlers can hardly have waited for anything.
    var areRunsTiny: Bool { state.withLock { $0.meanRun.map { $0 < Self.tinySeconds } ?? false } }

    /// Notes how long a job ran, and how large its payload was.
    package func noteRun(_ duration: Duration, bytes: Int = 0) {
        let seconds = duration.inSeconds
        state.withLock { state in
            state.meanRun = state.meanRun.map { ($0 * 7 + seconds) / 8 } ?? seconds
            state.meanBytes = (state.meanBytes * 7 + bytes) / 8
        }
    }

    private func prefetchNow(_ state: State) -> Int {
        guard prefetchesShortJobsOnly else { return prefetch }
        guard let meanRun = state.meanRun, meanRun <= Self.shortRun.inSeconds else { return 0 }
        let inTime = Double(slots) * (Self.aheadSeconds / max(meanRun, 1e-6))
        let inMemory = Self.aheadBytes / max(state.meanBytes, 1)
        return max(prefetch, min(Int(min(inTime, Double(Limits.prefetchMax))), inMemory))
    }

    /// Jobs that wait for a slot.
    package var buffered: Int { state.withLock { $0.buffer.count } }

    /// Reserves room for up to `wanted` jobs; all there is when nil.
    package func reserve(_ wanted: Int? = nil) -> Int {
        state.withLock { state in
            guard !state.isClosed else { return 0 }
            let granted = max(0, min(wanted ?? .max, slots + prefetchNow(state) - state.inFlight))
            state.inFlight += granted
            return granted
        }
    }

    /// The same, and how many jobs that need a limit may be among them: as many as there are free slots.
    ///
    /// What was admitted by a limit must begin soon, or the other side would see it in a later, fuller second. Where jobs that
    /// need none always wait ahead of the slots no slot is ever free; there a few may get into their line.
    /// - Parameter needsLimit: whether a job that waits here needs a limit; nil where none of the queue does.
    package func reserve(_ wanted: Int, needsLimit: ((Element) -> Bool)?) -> (reserved: Int, limited: Int) {
        state.withLock { state in
            guard !state.isClosed else { return (0, 0) }
            var limited = max(0, slots - state.inFlight)
            if limited == 0, let needsLimit {
                let few = max(1, slots / 8)
                let waiting = state.buffer.count(where: needsLimit)
                if waiting < state.buffer.count { limited = max(0, few - waiting) }
            }
            let granted = max(0, min(wanted, slots + prefetchNow(state) - state.inFlight))
            state.inFlight += granted
            return (granted, min(limited, granted))
        }
    }

    /// Gives back room that was reserved and is no longer needed.
    package func giveBack(_ count: Int) {
        state.withLock { $0.inFlight -= count }
    }

    /// Hands a job, for which room was reserved, to an idle slot or to the buffer.
    ///
    /// - Returns: false when the intake is closed; then the job must be handed back.
    package func add(_ element: Element) -> Bool {
        // Apart from the rest, because to look at a continuation, even none, costs ten times as much.
        let isBuffered = state.withLock { state in
            guard !state.isClosed, state.idleSlots.isEmpty else { return false }
            state.buffer.append(element)
            return true
        }
        return isBuffered || addToIdleSlot(element)
    }

    private func addToIdleSlot(_ element: Element) -> Bool {
        let (accepted, slot) = state.withLock { state -> (Bool, CheckedContinuation<Element?, Never>?) in
            guard !state.isClosed else { return (false, nil) }
            if let slot = state.idleSlots.popLast() {
                state.taken += 1
                return (true, slot)
            }
            state.buffer.append(element)
            return (true, nil)
        }
        slot?.resume(returning: element)
        return accepted
    }

    /// The next job for a slot; nil when the intake is closed.
    nonisolated(nonsending) package func next() async -> Element? {
        // What waits is taken without suspending.
        if let element = state.withLock({ $0.popFirst() }) { return element }
        return await withCheckedContinuation { continuation in
            let (assignment, isAnswered) = state.withLock { state -> (Element?, Bool) in
                if state.isClosed { return (nil, true) }
                if let element = state.popFirst() { return (element, true) }
                state.idleSlots.append(continuation)
                return (nil, false)
            }
            if isAnswered { continuation.resume(returning: assignment) }
        }
    }

    /// Jobs that slots have, from before they start until their outcome is on its way to Redis.
    package var taken: Int { state.withLock { $0.taken } }

    /// Notes that a slot has passed on the outcome of the job that it took.
    package func noteEnd() {
        state.withLock { $0.taken -= 1 }
    }

    /// Takes what waits out of the buffer when no slot has taken anything for a while: jobs were short, so more were
    /// fetched than there are slots, and now long ones are in front.
    ///
    /// Looks only where the number of jobs ahead was left to this intake.
    package func takeStalled(at now: LocalInstant) -> [Element] {
        state.withLock { state in
            guard prefetchesShortJobsOnly, !state.isClosed else { return [] }
            guard !state.buffer.isEmpty, let last = state.lastChange, last.takes == state.takes else {
                state.lastChange = (state.takes, now)
                return []
            }
            guard last.at.duration(to: now) >= Self.shortRun else { return [] }
            defer { state.buffer.removeAll() }
            // What runs now is long, whatever came before it.
            state.meanRun = nil
            return Array(state.buffer)
        }
    }

    /// Takes jobs out of the buffer.
    package func drop(where isGone: (Element) -> Bool) -> [Element] {
        state.withLock { state in
            let gone = state.buffer.filter(isGone)
            if !gone.isEmpty { state.buffer.removeAll(where: isGone) }
            return Array(gone)
        }
    }

    /// Lets no job through any more.
    ///
    /// - Returns: the jobs that were not started.
    package func close() -> [Element] {
        let (rest, slots) = state.withLock { state in
            state.isClosed = true
            defer {
                state.buffer.removeAll()
                state.idleSlots.removeAll()
            }
            return (Array(state.buffer), state.idleSlots)
        }
        for slot in slots { slot.resume(returning: nil) }
        return rest
    }
}
