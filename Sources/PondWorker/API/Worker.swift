import Glibc
import Logging
public import PondCore
public import PondQueue
import PondRedis
import PondTelemetry
public import ServiceLifecycle
import Synchronization

/// A worker: fetches jobs of its queues, runs their handlers in slots, settles what became of them, and beats.
///
/// A `Service` of swift-service-lifecycle: its graceful shutdown is `drain()`. It runs once; a second `run()` is a
/// programming error. When Redis is away it waits, says so once, and goes on.
public final class Worker: Service, Sendable {
    /// This worker's name in the queues' group: host, process and a nonce, so that no two ever share one.
    package let consumer: Consumer
    let parts: WorkerParts
    let lines: [QueueLine]
    let pool: SlotPool
    /// The worker's own connection, for all but its handlers.
    let control: Pond
    private let kinds: [String]
    private let compensates: [String]
    private let onReady: @Sendable () -> Void
    private let readyLines = Mutex<Set<QueueName>>([])
    private let hasRun = Mutex(false)
    let stopSignal = WakeSignal()

    /// - Parameters:
    ///   - jobs: the handlers; kinds must differ.
    ///   - onReady: called once, when every queue is served.
    /// - Throws: `PondError`, when a setting, a queue name or a kind is not allowed.
    public init(
        _ pond: Pond,
        jobs: some JobRegistry,
        configuration: WorkerConfiguration,
        clock: LocalClock = .system,
        onReady: @escaping @Sendable () -> Void = {}
    ) throws(PondError) {
        var configuration = configuration
        configuration.middleware += jobs.middleware
        try configuration.validate()
        let registry = try KindTable(jobs.registrations)
        try configuration.validateKeyWindow(for: jobs.registrations)
        consumer = Consumer("\(Host.name)-\(getpid())-\(String(UInt32.random(in: .min ... .max), radix: 36))")
        var logger = pond.logger
        logger[metadataKey: "worker"] = "\(consumer)"
        parts = WorkerParts(consumer, configuration, clock: clock, logger: logger, tracer: pond.tracer)
        pool = SlotPool(parts)
        let limits = try KindLimits(registered: registry.limits, configured: configuration.limitedBy)
        kinds = registry.names
        compensates = registry.compensated
        var lines: [QueueLine] = []
        // Handlers get the caller's connection. One that is cancelled in the middle of a call closes it, and that must
        // not cut off a settle or a beat.
        control = pond.withOwnConnection(onCall: WorkerMetrics.callObserver, beside: parts.executor)
        let handlersPond = pond.inside(configuration.middleware)
        for name in configuration.queues {
            let (queue, handlerQueue) = (try control.queue(name), try handlersPond.queue(name))
            lines.append(QueueLine(ServedQueue(queue, forHandlers: handlerQueue, registry, limits, of: parts)))
        }
        self.lines = lines
        self.onReady = onReady
    }

    /// Works until it is told to stop and has drained.
    ///
    /// Cancelling the task is `hurry()`: what runs is cancelled and handed back before this returns.
    /// - Throws: `StuckHandler`, when a handler cannot be stopped and `onStuck` did not end the process.
    public func run() async throws {
        let isFirst = hasRun.withLock { hasRun in
            defer { hasRun = true }
            return !hasRun
        }
        precondition(isFirst, "Worker.run() was called a second time; make a new Worker")
        try await withGracefulShutdownHandler {
            try await withTaskCancellationHandler {
                // Unstructured, so that cancelling the caller cannot cut off what must still be settled.
                try await Task(executorPreference: parts.executor) { try await self.work() }.value
            } onCancel: {
                self.hurry()
            }
        } onGracefulShutdown: {
            self.drain()
        }
    }

    /// Stops fetching, hands back what was not started, and lets running jobs end however long they take.
    ///
    /// What a supervisor asks for that needs fewer workers: no job is cut off for it. A later ``drain()`` begins the
    /// grace period. Idempotent.
    public func retire() {
        stop(.retiring)
    }

    /// Stops fetching, hands back what was not started, lets running jobs end within the grace period.
    ///
    /// Idempotent.
    public func drain() {
        stop(.draining)
    }

    /// Cancels what runs and hands it back at once; nothing of it counts as an attempt.
    ///
    /// Idempotent.
    public func hurry() {
        stop(.hurrying)
    }

    private func stop(_ phase: PhaseBox.Phase) {
        guard parts.phase.advance(to: phase) else { return }
        parts.logger.info("worker stops", metadata: ["phase": "\(phase)", "running": "\(parts.table.count)"])
        for line in lines { line.hearStop() }
        stopSignal.ring()
    }

    func about(_ served: ServedQueue) -> String {
        WorkerReport(served, kinds: kinds, compensates: compensates, now: parts.loopClock.now()).json
    }

    func noteReady(_ line: QueueLine) {
        let isComplete = readyLines.withLock { ready in
            ready.insert(line.served.queue.name).inserted && ready.count == lines.count
        }
        guard isComplete else { return }
        parts.logger.info(
            "worker ready",
            metadata: [
                "queues": "\(lines.map { "\($0.served.queue.name)" }.joined(separator: ","))",
                "slots": "\(parts.configuration.slots)",
                "kinds": "\(kinds.joined(separator: ","))",
            ]
        )
        onReady()
    }
}
