// The shell around `Fleet`: it turns signals, exits and the clock into inputs, in one order, and carries out what
// the machine answers. All its work happens in `run()`; the other methods only leave a message.

package import Logging
package import PondCore
import ServiceLifecycle
import Subprocess
import Synchronization
package import SystemPackage

/// Keeps a number of worker processes alive; ``resize(to:running:)`` changes it.
///
/// Rule: a slot always has a worker, unless its workers keep ending. A worker that ends unasked is replaced at once
/// the first time, later and later when it happens again (``RestartPolicy``), and not for five minutes when it is a
/// crash loop. Nothing here knows jobs: work that a dead worker left behind is recovered by the other workers.
///
/// Signals are the caller's: a first SIGTERM or SIGINT is ``stop()`` (or the graceful shutdown of a `ServiceGroup`),
/// a second ``stopNow()``, SIGHUP ``rollingRestart()``.
package final class Supervisor: Service, Sendable {
    private enum Message: Sendable {
        case input(Fleet.Input)
        case alarm(LocalInstant)
        case ping(WakeSignal)
    }

    private struct Shared {
        var hasStarted = false
        var hasToldOfScript = false
        var statuses: [SlotStatus] = []
    }

    private let configuration: FleetConfiguration
    private let clock: LocalClock
    let logger: Logger
    private let onEvent: @Sendable (FleetEvent) -> Void
    private let output: WorkerOutput
    private let handles = WorkerHandles()
    private let shared = Mutex(Shared())
    private let messages: AsyncStream<Message>
    private let inbox: AsyncStream<Message>.Continuation

    /// Makes a supervisor; nothing is started before ``run()``.
    ///
    /// - Parameter onEvent: called for every event, in order, from the supervision itself: it must not block.
    package convenience init(
        _ configuration: FleetConfiguration,
        clock: LocalClock = .system,
        logger: Logger,
        onEvent: @escaping @Sendable (FleetEvent) -> Void = { _ in }
    ) {
        self.init(configuration, clock: clock, logger: logger, output: .standardOutput, onEvent: onEvent)
    }

    /// The same with the workers' output going elsewhere than to standard output.
    package convenience init(
        _ configuration: FleetConfiguration,
        clock: LocalClock = .system,
        logger: Logger,
        output: FileDescriptor,
        onEvent: @escaping @Sendable (FleetEvent) -> Void = { _ in }
    ) {
        let output = WorkerOutput(output, logger: logger)
        self.init(configuration, clock: clock, logger: logger, output: output, onEvent: onEvent)
    }

    /// The same with an output that several supervisors share.
    init(
        _ configuration: FleetConfiguration,
        clock: LocalClock,
        logger: Logger,
        output: WorkerOutput,
        onEvent: @escaping @Sendable (FleetEvent) -> Void
    ) {
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
        self.onEvent = onEvent
        self.output = output
        (messages, inbox) = AsyncStream.makeStream(of: Message.self)
    }

    /// Starts the fleet and supervises it until a stop; returns when every worker has ended and been reaped.
    ///
    /// After ``stop()`` it returns at once. Cancelling the task ends the fleet without a drain: every worker gets
    /// two SIGTERMs and, five seconds later, SIGKILL.
    ///
    /// - Throws: ``SupervisorError`` with code `invalidConfiguration`, `tooFewDescriptors`, or `alreadyStarted` when
    ///   it was called before; `CancellationError` when it was cancelled.
    package func run() async throws {
        try configuration.validate()
        try Descriptors.requireLimit(forWorkers: configuration.workersMax ?? configuration.workers)
        try claimRun()
        let forwarder = try output.join()
        await withGracefulShutdownHandler {
            await supervise(forwarder)
        } onGracefulShutdown: {
            self.stop()
        }
        await output.leave(clock: clock)
        if Task.isCancelled {
            shared.withLock { $0.statuses = [] }
            throw CancellationError()
        }
    }

    /// Drains the fleet, after which ``run()`` returns.
    ///
    /// Every worker gets SIGTERM at once; the process groups that are left after the grace period get SIGKILL. A
    /// rolling restart ends.
    /// Before ``run()`` it makes that return at once; a second time, or after the end, it does nothing.
    package func stop() {
        inbox.yield(.input(.stop))
    }

    /// Stops at once.
    ///
    /// Every worker gets a second SIGTERM, on which it cancels its jobs and hands them back, and SIGKILL five seconds
    /// later. Includes ``stop()``.
    package func stopNow() {
        inbox.yield(.input(.stopNow))
    }

    /// Replaces every worker, one slot at a time: the old one is told to stop when the new one is ready.
    ///
    /// Parked slots are tried first. The first replacement that ends or is never ready ends the restart and the old
    /// worker stays. During a rolling restart it asks for one more, afterwards; before ``run()`` and while the fleet
    /// stops it does nothing.
    package func rollingRestart() {
        inbox.yield(.input(.roll))
    }

    /// Has so many workers from now on, at most the configuration's `workersMax`.
    ///
    /// New ones are started at once. Of those that are too many, the idle go first, and one that runs jobs ends when they
    /// have ended; none is cut off. Before ``run()`` it is how many are started.
    ///
    /// - Parameter running: how many jobs each process runs, by process id; one that is not named counts as the busiest.
    package func resize(to workers: Int, running: [Int32: Int] = [:]) {
        resize(to: workers, running: running, startsUntil: nil)
    }

    /// The same with an end: what has not been started by then waits for the next order, replacements included.
    func resize(to workers: Int, running: [Int32: Int], startsUntil: LocalInstant?) {
        inbox.yield(.input(.resize(workers, running: running, startsUntil: startsUntil)))
    }

    /// Replaces the worker with this process id, when it has ended its jobs.
    ///
    /// Does nothing when there is no such worker, when it is stopping, or during a rolling restart.
    package func recycle(_ pid: Int32) {
        inbox.yield(.input(.recycle(pid)))
    }

    /// The workers as they are, by slot; a slot without one is listed too, and a slot that is being replaced twice.
    ///
    /// Empty before ``run()`` and after one that was cancelled.
    package func snapshot() -> [SlotStatus] {
        shared.withLock { $0.statuses }
    }

    /// Whether nobody has been told yet that workers run behind a script; once is enough.
    func isFirstScript() -> Bool {
        shared.withLock { shared in
            defer { shared.hasToldOfScript = true }
            return !shared.hasToldOfScript
        }
    }

    /// Whether the supervision moves: it answers within the limit.
    package func answers(within limit: Duration) async -> Bool {
        let signal = WakeSignal()
        inbox.yield(.ping(signal))
        return await !signal.wait(atMost: limit, clock)
    }

    private func claimRun() throws {
        let isFirst = shared.withLock { shared in
            defer { shared.hasStarted = true }
            return !shared.hasStarted
        }
        guard isFirst else {
            throw SupervisorError(
                code: .alreadyStarted,
                message: "this supervisor has been run already; make a new one to start the fleet again"
            )
        }
    }
}

// MARK: - The loop

extension Supervisor {
    private func supervise(_ forwarder: LineForwarder) async {
        inbox.yield(.input(.start))
        await withDiscardingTaskGroup { group in
            var fleet = Fleet(configuration, at: clock.now())
            var alarms = Alarms()
            for await message in messages {
                guard let input = input(of: message, &alarms) else { continue }
                let actions = fleet.apply(input, at: clock.now())
                shared.withLock { $0.statuses = fleet.statuses }
                for action in actions { perform(action, forwarder, &group) }
                if fleet.isFinished { break }
                if let deadline = alarms.needed(for: fleet.nextDeadline) { setAlarm(deadline, &group) }
            }
            // Every worker is gone, only alarms are left. After a cancel this also ends the workers.
            group.cancelAll()
        }
    }

    private func input(of message: Message, _ alarms: inout Alarms) -> Fleet.Input? {
        switch message {
        case .input(let input):
            return input
        case .alarm(let instant):
            alarms.rang(instant)
            return .tick
        case .ping(let signal):
            signal.ring()
            return nil
        }
    }

    private func perform(_ action: Fleet.Action, _ forwarder: LineForwarder, _ group: inout DiscardingTaskGroup) {
        switch action {
        case .spawn(let id, let by): group.addTask { await self.attend(id, by: by, forwarder) }
        case .retire(let id): group.addTask { await self.retire(id) }
        case .terminate(let id): signal(.terminate, id, wholeGroup: false)
        case .kill(let id): signal(.kill, id, wholeGroup: true)
        case .report(let event):
            log(event)
            onEvent(event)
        case .finish: break
        }
    }

    private func attend(_ id: WorkerID, by latest: LocalInstant?, _ forwarder: LineForwarder) async {
        if let latest, clock.now() >= latest {
            inbox.yield(.input(.tooLate(id)))
            return
        }
        let process = WorkerProcess(
            id: id,
            command: configuration.command,
            handles: handles,
            clock: clock,
            logger: logger
        )
        let observer = WorkerProcess.Observer(
            spawned: { pid in
                CrashPoint.afterSpawn.reach()
                self.inbox.yield(.input(.spawned(id, pid: pid)))
            },
            ready: { self.inbox.yield(.input(.ready(id, worker: $0))) },
            abandoned: { self.inbox.yield(.input(.abandoned(id))) },
            line: { forwarder.forward($0) }
        )
        let status = await process.run(observer)
        inbox.yield(.input(.ended(id, status)))
    }

    private func setAlarm(_ deadline: LocalInstant, _ group: inout DiscardingTaskGroup) {
        let delay = clock.now().duration(to: deadline)
        group.addTask {
            do {
                try await self.clock.sleep(max(delay, .zero))
            } catch {
                // Cancelled: the loop that wanted the alarm is over.
                return
            }
            self.inbox.yield(.alarm(deadline))
        }
    }

    private func retire(_ id: WorkerID) async {
        do {
            try await handles.retire(id)
        } catch {
            // The lifeline is broken, so it is ending already, or it closed its input and hears nothing but signals.
            logger.debug("a worker cannot be asked to retire", metadata: ["slot": "\(id.slot)", "error": "\(error)"])
            signal(.terminate, id, wholeGroup: false)
        }
    }

    private func signal(_ signal: Signal, _ id: WorkerID, wholeGroup: Bool) {
        do {
            try handles.send(signal, to: id, wholeGroup: wholeGroup)
        } catch {
            logger.error(
                "a worker could not be signalled",
                metadata: ["slot": "\(id.slot)", "signal": "\(signal.rawValue)", "error": "\(error)"]
            )
        }
    }
}
