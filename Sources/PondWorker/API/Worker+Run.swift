import Logging
import PondCore
import PondQueue
import PondRedis
import Synchronization

// A worker's life, from its first beat to its goodbye: work until told to stop, then quiet → drain → cancel → settle →
// leave. What cannot be settled any more is left to the lease.
extension Worker {
    /// How long the last settles may take when Redis does not answer; then the lease has to do it.
    private static let settlePatience = Duration.seconds(5)
    /// How long the last heartbeat's answer may take, longer than any that a server which works needs.
    private static let heartbeatPatience = Duration.seconds(1)
    private static let pollInterval = Duration.milliseconds(10)

    private var clock: LocalClock { parts.loopClock }

    func work() async throws {
        let stuck = await withTaskGroup(of: Void.self) { group in
            for line in lines { startLoops(of: line, in: &group) }
            group.addTask { await self.watch() }
            pool.start()
            await stopSignal.wait()
            await stopListening()
            handBackUnstarted()
            let stuck = await untilRunningEnd()
            settleStuck(stuck)
            await untilSettled()
            await endHeartbeats()
            group.cancelAll()
            return stuck
        }
        for line in lines { await line.leave() }
        await control.close()
        guard let longest = stuck.first else {
            parts.logger.info("worker ended")
            return
        }
        throw report(longest)
    }

    private func startLoops(of line: QueueLine, in group: inout TaskGroup<Void>) {
        line.start(
            in: &group,
            about: { self.about(line.served) },
            onOpen: { self.noteReady(line) },
            // Room is free for every queue.
            onRoom: {
                guard self.parts.intake.hasRoomWorthFetching else { return }
                for line in self.lines { line.served.wakeFetcher() }
            }
        )
    }

    /// A stuck handler stops the whole worker: its thread is gone for good, so the process has to end.
    private func watch() async {
        let watchdog = Watchdog(table: parts.table, stuckGrace: parts.configuration.stuckGrace, clock: clock)
        await watchdog.run()
        guard !Task.isCancelled else { return }
        hurry()
    }

    /// Ends blocking reads, again until none is left: one may just be on its way.
    private func stopListening() async {
        let deadline = clock.now().advanced(by: Limits.fetchBlock)
        while clock.now() < deadline {
            let listening = lines.filter(\.fetcher.isListening)
            guard !listening.isEmpty else { return }
            for line in listening { await line.fetcher.stopListening() }
            await pause()
        }
    }

    private func handBackUnstarted() {
        let unstarted = parts.intake.close()
        #if PLANTED_BUGS
        if PlantedBug.active == .deleteConsumerAtShutdown { return }
        #endif
        for fetched in unstarted { fetched.served.settler.settle(fetched, .released) }
    }

    /// Lets running jobs end, within the grace period unless the worker only retires, then cancels them.
    ///
    /// - Returns: those that go on all the same.
    private func untilRunningEnd() async -> [RunningTable.Run] {
        var deadline: LocalInstant?
        var hurriedAt: LocalInstant?
        // Not the table's count: a slot may have a job that is not in the table yet, or not any more.
        while case let taken = parts.intake.taken, taken > 0 {
            let now = clock.now()
            if deadline == nil, parts.phase.phase >= .draining { deadline = now + parts.configuration.gracePeriod }
            if parts.phase.phase == .hurrying || deadline.map({ now >= $0 }) ?? false {
                hurriedAt = hurriedAt ?? now
                parts.table.cancel(at: now) { _ in .stopping }
            }
            let stuck = parts.table.stuck(at: now, grace: parts.configuration.stuckGrace)
            // When stuck handlers hold every thread, a slot cannot even begin or end its job.
            let isHopeless =
                hurriedAt.map { $0.duration(to: now) > parts.configuration.stuckGrace + .seconds(1) } ?? false
            if stuck.count == taken || (isHopeless && !stuck.isEmpty) { return stuck }
            await pause()
        }
        return []
    }

    /// A handler that ignored its timeout has failed; one that ignored the end of the process was cut off.
    private func settleStuck(_ stuck: [RunningTable.Run]) {
        for run in stuck {
            let duration = run.started.duration(to: clock.now())
            let spent = run.context.spent(after: duration)
            // The tries and the budget of a job bound those too that no cancellation can end.
            let outcome =
                run.verdict
                ?? Verdict.outcome(
                    of: run.context.job,
                    thrown: CancellationError(),
                    cancelled: run.cancelled?.reason,
                    policy: run.context.handler.policy,
                    budget: run.context.budget,
                    reserve: run.context.handler.reserve,
                    spent: spent
                )
            guard let outcome else { continue }
            let ran = Ran(started: run.started, duration: duration, sampling: run.context.handler.sampling)
            let root = Verdict.root(
                of: run.context.job,
                outcome: outcome,
                thrown: nil,
                cancelled: run.cancelled?.reason
            )
            run.fetched.served.settler.settle(run.fetched, outcome, spent: spent, ran: ran, root: root)
        }
    }

    private func untilSettled() async {
        let deadline = clock.now().advanced(by: Self.settlePatience)
        while lines.contains(where: { $0.served.settler.unsettled > 0 }) {
            guard clock.now() < deadline else {
                parts.logger.error(
                    "redis does not answer; what is not settled runs again elsewhere when the lease has run out",
                    metadata: ["jobs": "\(lines.map(\.served.settler.unsettled).reduce(0, +))"]
                )
                return
            }
            await pause()
        }
    }

    /// Comes before the goodbye, and not before the last settles: a worker that settles has to be alive.
    private func endHeartbeats() async {
        let deadline = clock.now() + Self.heartbeatPatience
        await withTaskGroup(of: Void.self) { group in
            for line in lines { group.addTask { await line.heartbeat.end(by: deadline) } }
        }
    }

    private func report(_ run: RunningTable.Run) -> StuckHandler {
        let ignored = run.cancelled.map { $0.at.duration(to: clock.now()) } ?? .zero
        let stuck = StuckHandler(job: run.context.job.id, kind: run.context.job.kind, ignoredFor: ignored)
        parts.logger.critical("handler is stuck; the worker ends", metadata: ["error": "\(stuck)"])
        parts.configuration.onStuck(stuck)
        return stuck
    }

    private func pause() async {
        // Runs in a task that nobody cancels.
        try? await clock.sleep(Self.pollInterval)
    }
}
