import Glibc
import Logging
import PondCore
import PondQueue
import PondRedis
import Synchronization

/// Fetches the jobs of one queue, as many as there is room for, and hands them to the slots.
///
/// What to do next is decided by `FetchPlan`; here it is done.
final class Fetcher: Sendable {
    private struct State {
        var plan: FetchPlan
        var isListening = false
    }

    /// How long it waits for a slot before it looks whether there is one.
    private static let slotPatience = Duration.milliseconds(250)

    let served: ServedQueue
    private let maintenance: Maintenance
    /// A connection of its own, for reads that wait.
    private let reader: RedisClient
    private let state: Mutex<State>
    private let clock: LocalClock

    init(_ served: ServedQueue, _ maintenance: Maintenance) {
        self.served = served
        self.maintenance = maintenance
        clock = served.worker.loopClock
        reader = served.queue.pond.makeReader(beside: served.worker.executor)
        state = Mutex(State(plan: FetchPlan(now: served.worker.loopClock.now())))
    }

    private var isStopping: Bool { served.worker.phase.isStopping }
    private var consumer: Consumer { served.worker.consumer }

    /// Whether it waits in a blocking read.
    var isListening: Bool { state.withLock(\.isListening) }

    /// A wake-up that it holds.
    var wakeUp: String? { state.withLock(\.plan.wakeUp) }

    /// Reads and changes the plan.
    func plan<Result: Sendable>(_ body: (inout FetchPlan) -> Result) -> Result { state.withLock { body(&$0.plan) } }

    /// Hears what a heartbeat was answered.
    func hear(isPaused: Bool, isForgotten: Bool) {
        plan { $0.heard(isPaused: isPaused, isForgotten: isForgotten) }
        served.wakeFetcher()
    }

    /// Fetches until the worker stops.
    ///
    /// - Parameter onOpen: called once, when the queue is served.
    func run(onOpen: @Sendable () -> Void) async {
        await openQueue()
        while !isStopping, !plan({ $0.hasBegun }) { await served.fetchSignal.wait() }
        if !isStopping { onOpen() }
        let outage = OutageLog(served.logger)
        while !isStopping {
            #if PLANTED_BUGS
            if PlantedBug.active == .wedgedFetch, await WedgedFetch.wedges(served.fetchSignal) { continue }
            #endif
            do throws(QueueError) {
                try await act()
                outage.worked("fetch")
            } catch {
                plan { $0.failed(outcomeUnknown: error.outcomeUnknown) }
                if isStopping { break }
                await recover(from: error, outage)
            }
        }
    }

    /// Ends the blocking read from another connection.
    func stopListening() async {
        do throws(RedisError) {
            let id = try await reader.connectionID()
            try await served.queue.pond.server.unblock(id, within: .seconds(1))
        } catch {
            // Without it the read ends by itself, within its block.
            served.logger.debug("blocking read cannot be ended early", metadata: ["error": "\(error)"])
        }
    }

    /// Closes its connection.
    func close() async { await reader.close() }

    private func act() async throws(QueueError) {
        let (now, hasRoom) = (clock.now(), served.worker.intake.hasRoomWorthFetching)
        let limit = served.brake.limit(at: now)
        switch plan({ $0.next(at: now, hasRoom: hasRoom, atMost: limit.most) }) {
        case .compare: try await compareAccounts()
        case .rest: await rest(atMost: limit.pause)
        case .awaitSlot: await awaitSlot()
        case .fetch(let most): try await fetch(atMost: most, isProbe: limit.most != nil)
        case .listen(let streams): try await listen(to: streams, atMost: limit.most)
        }
    }

    private func rest(atMost pause: Duration?) async {
        guard let pause, pause > .zero else { return await served.fetchSignal.wait() }
        await served.fetchSignal.wait(atMost: pause, clock)
    }

    /// Waits until a job has ended; not for long, because room that was only reserved comes back without a word.
    private func awaitSlot() async {
        await served.fetchSignal.wait(atMost: Self.slotPatience, clock)
        plan { $0.awaitedSlot() }
    }

    /// Makes the streams and says who serves them; waits for Redis as long as it takes.
    private func openQueue() async {
        let outage = OutageLog(served.logger)
        let configuration = served.worker.configuration
        while !isStopping {
            do throws(QueueError) {
                let window = configuration.otherKeyStore == nil ? configuration.keyWindow : .zero
                let faults = try await served.queue.open(keyWindow: window)
                try await served.queue.register()
                try await served.queue.setLimitNeeds(served.kindLimits.needs)
                served.recoveriesMax.note(try await served.queue.recoveriesMax())
                sayNewFaults(faults)
                plan { $0.opened(faults) }
                outage.worked("open")
                return
            } catch {
                await served.worker.rest(afterFailures: outage.failed("open", error))
            }
        }
    }

    private func recover(from error: QueueError, _ outage: OutageLog) async {
        // A lost group or key: make it again, at 0, so that nothing is passed by. Not worth a warning of its own
        // when it is all there is, but a second failure in a row is.
        let isGroupGone = error.redis?.prefix == "NOGROUP" || error.redis?.prefix == "UNBLOCKED"
        let failures = outage.failed("fetch", error)
        if isGroupGone || error.redis?.prefix == "WRONGTYPE" { await openQueue() }
        if error.redis?.code == .protocolViolation { await buryOversized() }
        if !isGroupGone || failures > 1 { await served.worker.rest(afterFailures: failures) }
    }

    /// Puts away what no reply can hold, before what else came with it is handed back: moving it would write it all again.
    private func buryOversized() async {
        do throws(QueueError) {
            let buried = try await served.queue.buryOversized(as: consumer)
            guard buried > 0 else { return }
            served.logger.error(
                "entries that are larger than any job can be are dead as malformed",
                metadata: ["entries": "\(buried)"]
            )
        } catch {
            // The next fetch fails in the same way, and then this is tried again.
            served.logger.debug("entries that are too large cannot be buried yet", metadata: ["error": "\(error)"])
        }
    }

    private func fetch(atMost most: Int, isProbe: Bool) async throws(QueueError) {
        // Nobody looks through what waits for a queue that has no limits.
        let needsLimit = plan(\.hasLimits) ? { @Sendable (fetched: FetchedJob) in fetched.needsLimit } : nil
        let (reserved, limited) = served.worker.intake.reserve(most, needsLimit: needsLimit)
        guard reserved > 0 else { return }
        var used = 0
        defer { served.worker.intake.giveBack(reserved - used) }
        let request = plan { $0.beginFetch() }
        let asked = clock.now()
        let fetched: Fetched
        do throws(QueueError) {
            fetched =
                request.isNormalOnly
                ? try await served.queue.fetchNormal(
                    as: consumer,
                    atMost: reserved,
                    limited: limited,
                    wakeUp: request.wakeUp
                )
                : try await served.queue.fetch(
                    as: consumer,
                    atMost: reserved,
                    limited: limited,
                    wakeUp: request.wakeUp
                )
        } catch {
            let isTooLarge = error.redis?.code == .protocolViolation
            plan { $0.fetchFailed(request, asked: reserved, isTooLarge: isTooLarge) }
            throw error
        }
        CrashPoint.afterFetch.reach()
        used = fetched.isPaused ? 0 : min(fetched.deliveries.count, reserved)
        note(fetched, asked: reserved, used: used, limited: limited)
        // Until a queue has met a job with a limit its function looks for none.
        let isRaw = request.isNormalOnly || fetched.limits == nil
        accept(fetched.deliveries.prefix(used), asked: asked, isProbe: isProbe, isRaw: isRaw)
        try await handBack(fetched.deliveries.dropFirst(used).map(\.receipt))
    }

    private func note(_ fetched: Fetched, asked: Int, used: Int, limited: Int) {
        if let now = fetched.now { served.serverClock.note(now) }
        maintenance.noteNextDue(fetched.nextDue)
        sayNewFaults(fetched.faults)
        plan { plan in
            plan.fetched(
                FetchPlan.Batch(
                    asked: asked,
                    used: used,
                    isPaused: fetched.isPaused,
                    hasNormalOnly: fetched.hasNormalOnly,
                    faults: fetched.faults,
                    limits: fetched.limits,
                    limited: limited
                )
            )
        }
    }

    private func listen(to streams: [ReadyStream], atMost most: Int?) async throws(QueueError) {
        state.withLock { $0.isListening = true }
        defer { state.withLock { $0.isListening = false } }
        let asked = clock.now()
        let fetched = try await served.queue.listen(as: consumer, on: reader, to: streams, block: Limits.fetchBlock)
        let isPaused = plan { plan in
            plan.listened(
                isEmpty: fetched.deliveries.isEmpty,
                wakeUp: fetched.wakeUp,
                hasNormalOnly: fetched.hasNormalOnly
            )
            return plan.isPaused
        }
        // One entry a stream may come, which can be more than there is room for.
        let granted = isPaused ? 0 : served.worker.intake.reserve(min(fetched.deliveries.count, most ?? .max))
        accept(fetched.deliveries.prefix(granted), asked: asked, isProbe: most != nil, isRaw: true)
        // The slot that was woken up for the job may have this processor at once: what follows here is not for that job.
        if granted > 0 { sched_yield() }
        try await handBack(fetched.deliveries.dropFirst(granted).map(\.receipt))
    }

    /// Hands deliveries to the slots, and what is no job to the dead.
    ///
    /// - Parameter isRaw: whether their limits were not looked at: they were read beside the function, or it knows of none.
    private func accept(_ deliveries: ArraySlice<Delivery>, asked: LocalInstant, isProbe: Bool, isRaw: Bool) {
        if isProbe, !deliveries.isEmpty { served.brake.noteProbe(at: asked) }
        // After a long wait for the reply too little of that time is left.
        let mayWait = asked.duration(to: clock.now()) < served.worker.configuration.claimAge / 2
        let anyAsks = isRaw && plan(\.hasLimits)
        for (delivery, entry) in zip(deliveries, served.ledger.add(deliveries)) {
            switch delivery.job {
            case .success(let job):
                let fetched = FetchedJob(
                    job: job,
                    entry: entry,
                    readySince: delivery.readySince,
                    served: served,
                    asked: asked,
                    mayWait: mayWait,
                    isProbe: isProbe,
                    asksLimits: isRaw && (anyAsks || served.kindLimits.areNeeded(by: job))
                )
                served.admission.expect(fetched)
                if !served.worker.intake.add(fetched) { served.settler.settle(fetched, .released) }
            case .failure(let malformation):
                served.settler.bury(entry, malformation)
            }
        }
    }

    private func sayNewFaults(_ faults: [ReadyStream: String]) {
        let known = plan(\.faults)
        for (stream, text) in faults where known[stream] == nil {
            served.logger.error(
                "a stream of the queue cannot be read; its jobs wait until the key is repaired",
                metadata: ["error": "\(text)"]
            )
        }
    }
}

extension Fetched {
    /// Whether all that came is of the normal stream, and nothing stood in the way of the others.
    fileprivate var hasNormalOnly: Bool {
        // What is fetched first comes first, so the ends tell.
        !isPaused && faults.isEmpty && deliveries.first?.receipt.stream == .normal
            && deliveries.last?.receipt.stream == .normal
    }
}

#if PLANTED_BUGS
/// A fetcher that stands still after a while, although its worker beats.
private enum WedgedFetch {
    private static let turnsMax = 300
    private static let turns = Mutex(0)

    static func wedges(_ signal: WakeSignal) async -> Bool {
        let isWedged = turns.withLock { turns in
            turns += 1
            return turns > turnsMax
        }
        if isWedged { await signal.wait() }
        return isWedged
    }
}
#endif
