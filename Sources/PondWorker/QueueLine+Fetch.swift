import Logging
import PondCore
import PondQueue
import PondRedis
import Synchronization

extension QueueLine {
    /// How often a line compares what it has in flight with Redis' account.
    private static let reconcileInterval = Duration.seconds(5)

    /// What the fetch loop does next.
    private enum Step {
        case reconcile, rest, fetch, listen
    }

    /// Fetches until the worker stops.
    ///
    /// - Parameter onOpen: called once, when the queue is served.
    func runFetches(onOpen: @Sendable () -> Void) async {
        await openQueue()
        while !phase.isStopping, !state.withLock({ $0.hasBeaten }) { await fetchSignal.wait() }
        if !phase.isStopping { onOpen() }
        let outage = OutageLog(logger)
        while !phase.isStopping {
            #if PLANTED_BUGS
            if PlantedBug.active == .wedgedFetch, await WedgedFetch.wedges(self) { continue }
            #endif
            do throws(QueueError) {
                switch nextStep() {
                case .reconcile: try await reconcile()
                case .rest: await fetchSignal.wait()
                case .fetch: try await fetch()
                case .listen: try await listen()
                }
                outage.worked("fetch")
            } catch {
                state.withLock { $0.needsReconcile = $0.needsReconcile || error.outcomeUnknown }
                if phase.isStopping { break }
                await recover(from: error, outage)
            }
        }
    }

    /// Makes the streams and says who serves them; waits for Redis as long as it takes.
    private func openQueue() async {
        let outage = OutageLog(logger)
        while !phase.isStopping {
            do throws(QueueError) {
                let faults = try await queue.open(
                    keyWindow: configuration.otherKeyStore == nil ? configuration.keyWindow : .zero
                )
                try await queue.register()
                noteFaults(faults)
                outage.worked("open")
                return
            } catch {
                await rest(afterFailures: outage.failed("open", error))
            }
        }
    }

    private func recover(from error: QueueError, _ outage: OutageLog) async {
        // A lost group or key: make it again, at 0, so that nothing is passed by. Not worth a warning of its own
        // when it is the whole story, but a second failure in a row is.
        let isGroupGone = error.redis?.prefix == "NOGROUP" || error.redis?.prefix == "UNBLOCKED"
        let failures = outage.failed("fetch", error)
        if isGroupGone || error.redis?.prefix == "WRONGTYPE" { await openQueue() }
        if !isGroupGone || failures > 1 { await rest(afterFailures: failures) }
    }

    private func nextStep() -> Step {
        let now = clock.now()
        let hasRoom = intake.hasRoomWorthFetching
        return state.withLock { state in
            if state.needsReconcile || state.lastReconcile.duration(to: now) > Self.reconcileInterval {
                return .reconcile
            }
            if state.isPaused || !hasRoom { return .rest }
            return state.isDrained ? .listen : .fetch
        }
    }

    private func fetch() async throws(QueueError) {
        let reserved = intake.reserve(state.withLock(\.fetchMax))
        guard reserved > 0 else { return }
        var used = 0
        defer { intake.giveBack(reserved - used) }
        let bell = state.withLock { state in
            defer { state.bell = nil }
            return state.bell
        }
        let asked = clock.now()
        let fetched: Fetched
        let isNormalOnly = state.withLock { state in
            defer { state.isNormalOnly = false }
            return state.isNormalOnly
        }
        do throws(QueueError) {
            fetched =
                isNormalOnly
                ? try await queue.fetchNormal(as: consumer, atMost: reserved, bell: bell)
                : try await queue.fetch(as: consumer, atMost: reserved, bell: bell)
        } catch {
            // One of its two commands may have brought jobs although the other failed.
            if isNormalOnly { state.withLock { $0.needsReconcile = true } }
            // Payloads so large that so many do not fit in one reply; what was delivered is found and handed back.
            if error.redis?.code == .protocolViolation { state.withLock { $0.fetchMax = max(1, reserved / 4) } }
            throw error
        }
        CrashPoint.afterFetch.reach()
        used = fetched.isPaused ? 0 : min(fetched.deliveries.count, reserved)
        if let now = fetched.now { serverClock.note(now) }
        noteNextDue(fetched.nextDue)
        noteFaults(fetched.faults)
        state.withLock { state in
            state.isPaused = fetched.isPaused
            // A fetch of normal jobs alone says nothing of the low ones; listening does.
            state.isDrained = used < reserved
            state.isNormalOnly = used == reserved && fetched.hasNormalOnly
            state.fetchMax = min(2 * state.fetchMax, Limits.slotsMax + Limits.prefetchMax)
        }
        accept(fetched.deliveries.prefix(used), asked: asked)
        await handBack(fetched.deliveries.dropFirst(used).map(\.receipt))
    }

    private func listen() async throws(QueueError) {
        let streams = state.withLock { state in
            state.isListening = true
            return ReadyStream.allCases.filter { state.faults[$0] == nil }
        }
        defer { state.withLock { $0.isListening = false } }
        let asked = clock.now()
        let fetched = try await queue.listen(as: consumer, on: reader, to: streams, block: Limits.fetchBlock)
        let mustHandBack = state.withLock { state in
            state.bell = fetched.bell ?? state.bell
            // Nothing came, so nothing waits; anything else is a reason to look, and so is a stream that is not listened
            // to because it could not be read: somebody may have repaired it.
            state.isDrained = fetched.deliveries.isEmpty && fetched.bell == nil && state.faults.isEmpty
            // Where others wait, one of them would have come too.
            state.isNormalOnly = fetched.bell == nil && state.faults.isEmpty && fetched.hasNormalOnly
            return state.isPaused
        }
        // One entry a stream may come, which can be more than there is room for.
        let granted = mustHandBack ? 0 : intake.reserve(fetched.deliveries.count)
        accept(fetched.deliveries.prefix(granted), asked: asked)
        await handBack(fetched.deliveries.dropFirst(granted).map(\.receipt))
    }

    private func accept(_ deliveries: ArraySlice<Delivery>, asked: LocalInstant) {
        // After a long wait for the reply too little of that time is left.
        let mayWait = asked.duration(to: clock.now()) < configuration.claimAge / 2
        // By index, so that no delivery is copied.
        let entries = state.withLock { state in deliveries.indices.map { state.inFlight.add(deliveries[$0].receipt) } }
        for (delivery, entry) in zip(deliveries, entries) {
            switch delivery.job {
            case .success(let job):
                let assignment = Assignment(
                    job: job,
                    entry: entry,
                    readySince: delivery.readySince,
                    line: self,
                    asked: asked,
                    mayWait: mayWait
                )
                claims.add(assignment)
                if !intake.add(assignment) { settle(assignment, .released) }
            case .failure(let malformation):
                let id = delivery.receipt.stream.ownID(entry: delivery.receipt.entry)
                settler.add(
                    Settlement(
                        receipt: delivery.receipt,
                        id: id,
                        outcome: .dead(cause: .malformed, error: malformation.text),
                        root: RootCause(.init(type: Cause.malformed.name, message: malformation.text), kind: "")
                    ),
                    of: entry
                )
            }
        }
    }

    func settle(
        _ assignment: Assignment,
        _ outcome: Outcome,
        result: JobResult? = nil,
        spent: Spending? = nil,
        ran: Ran? = nil,
        root: RootCause? = nil
    ) {
        let story = story(of: assignment, ran)
        if ran != nil { measure(story, outcome, readySince: assignment.readySince) }
        settler.add(
            Settlement(
                receipt: assignment.receipt,
                id: assignment.job.id,
                outcome: outcome,
                hasKey: assignment.job.key != nil,
                // What was moved has a higher fence, and is looked up.
                key: assignment.job.fence == 0 ? assignment.job.key : nil,
                result: result,
                spent: spent,
                story: story,
                root: root
            ),
            of: assignment.entry
        )
    }

    private func noteFaults(_ faults: [ReadyStream: String]) {
        let news = state.withLock { state -> [ReadyStream: String] in
            defer { state.faults = faults }
            return faults.filter { state.faults[$0.key] == nil }
        }
        for (_, text) in news {
            logger.error(
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
/// A fetch loop that stands still after a while, although its worker beats.
private enum WedgedFetch {
    private static let turnsMax = 300
    private static let turns = Mutex(0)

    static func wedges(_ line: QueueLine) async -> Bool {
        let isWedged = turns.withLock { turns in
            turns += 1
            return turns > turnsMax
        }
        if isWedged { await line.fetchSignal.wait() }
        return isWedged
    }
}
#endif
