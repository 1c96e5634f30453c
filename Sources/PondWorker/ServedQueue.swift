import Logging
import PondCore
import PondQueue
import PondRedis
import PondTelemetry
import Synchronization

/// A queue that this worker serves, and what the parts that look after it share.
///
/// It knows the parts that jobs end at (admission, the settler), and none of those that bring jobs: what a job needs on its
/// way points forwards only.
final class ServedQueue: Sendable {
    let queue: Queue
    let worker: WorkerParts
    let logger: Logger
    /// What is in flight here: what was fetched and is not settled.
    let ledger = InFlightLedger()
    let serverClock: ServerClock
    let recorder = SLORecorder()
    let tally = WorkTally()
    let brake: BrakeLever
    /// What handlers reach beside their job.
    let home: JobHome
    /// The handlers, inside of the middleware of this queue.
    let handlers: KindTable
    let middleware: MiddlewareChain
    let recoveriesMax = RecoveriesMax()
    let admission: Admission
    let keys: KeyGate
    let limits: LimitGate
    let kindLimits: KindLimits
    let budgets: LedgerGate
    let settler: Settler
    /// Nil when nobody listens.
    let metrics: WorkerMetrics?
    /// Rung when the fetcher has to look again: there is room, or something else has changed.
    let fetchSignal = WakeSignal()

    init(
        _ queue: Queue,
        forHandlers handlerQueue: Queue,
        _ kinds: KindTable,
        _ kindLimits: KindLimits,
        of worker: WorkerParts
    ) {
        var logger = worker.logger
        logger[metadataKey: "queue"] = "\(queue.name)"
        self.queue = queue
        self.worker = worker
        self.logger = logger
        self.kindLimits = kindLimits
        metrics = .ifWanted(queue.name.text, kinds: kinds.places)
        serverClock = ServerClock(worker.loopClock)
        brake = BrakeLever(worker.configuration.brake, clock: worker.loopClock)
        let consumer = worker.consumer
        middleware = MiddlewareChain(of: worker, metrics: metrics)
        home = JobHome(
            queue: handlerQueue,
            clock: worker.clock,
            sagas: SagaPlace { context in
                guard let receipt = context.fetched?.receipt else { preconditionFailure("a worker's job was fetched") }
                return QueueSagaStore(handlerQueue, receipt, of: context.id, as: consumer)
            },
            middleware: middleware.all,
            prices: worker.configuration.prices
        )
        handlers = kinds.inside(middleware)
        keys = KeyGate(queue, worker, logger: logger)
        limits = LimitGate(queue, worker, logger: logger)
        budgets = LedgerGate(handlerQueue.pond.ledger, worker, logger: logger)
        admission = Admission(
            [worker.turns, keys, budgets, limits],
            recoveriesMax,
            unknownKindGrace: worker.configuration.unknownKindGrace
        )
        settler = Settler(queue, consumer: worker.consumer, clock: worker.loopClock, logger: logger, metrics: metrics)
        worker.fetchers.withLock { $0.append(fetchSignal) }
    }

    /// Forgets jobs that this process has in flight no longer: their room is free.
    func forget(_ entries: [InFlight.Entry]) {
        admission.release(entries)
        worker.intake.giveBack(ledger.remove(entries))
    }

    func wakeFetcher() { fetchSignal.ring() }
}

/// What the handlers of a queue's jobs reach beside their job.
final class JobHome: Sendable {
    /// The queue, over the connection that handlers share.
    let queue: Queue
    let clock: LocalClock
    /// Told of each heartbeat; nil in a worker, which looks at the last one when it sends its own.
    let onHeartbeat: (@Sendable (Double?, String?) -> Void)?
    /// Where the steps of a job that becomes a saga are written down.
    let sagas: SagaPlace?
    /// What the program does around each step, and what we count and trace of it.
    let middleware: [any JobMiddleware]
    /// Who grants limits to running jobs.
    let limitDesk: any LimitDesk
    /// By which handlers count money; nil where the worker was given none.
    let prices: PriceBook?

    init(
        queue: Queue,
        clock: LocalClock,
        onHeartbeat: (@Sendable (Double?, String?) -> Void)? = nil,
        sagas: SagaPlace? = nil,
        middleware: [any JobMiddleware] = [],
        limitDesk: (any LimitDesk)? = nil,
        prices: PriceBook? = nil
    ) {
        self.limitDesk = limitDesk ?? queue.pond.limits
        self.sagas = sagas
        self.prices = prices
        self.middleware = middleware
        self.queue = queue
        self.clock = clock
        self.onHeartbeat = onHeartbeat
    }
}

/// What all that a worker does shares.
final class WorkerParts: Sendable {
    let consumer: Consumer
    let configuration: WorkerConfiguration
    let intake: Intake<FetchedJob>
    let table: RunningTable
    let executor: EventLoopExecutor
    /// The clock of the loops, which run on an event loop of their own and go on when handlers block.
    let loopClock: LocalClock
    /// The clock of slots and handlers.
    let clock: LocalClock
    let logger: Logger
    let phase = PhaseBox()
    let pulse: WorkerPulse
    let turns: TurnGate
    /// What wakes the fetchers of all queues.
    let fetchers = Mutex<[WakeSignal]>([])
    /// Makes the spans of tries; nil when there was no tracer when the worker was made.
    let tracer: QueueTracer?

    init(
        _ consumer: Consumer,
        _ configuration: WorkerConfiguration,
        clock: LocalClock,
        logger: Logger,
        tracer: QueueTracer?
    ) {
        self.consumer = consumer
        self.configuration = configuration
        intake = Intake(slots: configuration.slots, prefetch: configuration.prefetch)
        table = RunningTable(slots: configuration.slots)
        executor = EventLoopExecutor()
        loopClock = executor.clock
        self.clock = clock
        self.logger = logger
        pulse = WorkerPulse(configuration.queues, executor.clock)
        turns = TurnGate(clock: clock)
        self.tracer = tracer
    }

    /// Has the fetchers look again when there is room worth fetching for; it is free for every queue.
    func tellRoom() {
        guard intake.hasRoomWorthFetching else { return }
        for fetcher in fetchers.withLock({ $0 }) { fetcher.ring() }
    }

    /// Rests after a failure, longer with each in a row; ends early when the task is cancelled.
    func rest(afterFailures failures: Int) async {
        let pause = Backoff(base: .milliseconds(50), cap: .seconds(1), jitter: 0.2).delay(afterFailures: failures)
        // Every caller is a loop that looks at its task's cancellation itself.
        try? await loopClock.sleep(pause)
    }
}

/// How far a worker is on its way to its end.
final class PhaseBox: Sendable {
    enum Phase: Int, Sendable, Comparable {
        case working, retiring, draining, hurrying

        static func < (lhs: Phase, rhs: Phase) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    private let value = Mutex(Phase.working)

    var phase: Phase { value.withLock { $0 } }
    var isStopping: Bool { phase > .working }

    /// - Returns: false when it was that far already.
    func advance(to phase: Phase) -> Bool {
        value.withLock { value in
            guard phase > value else { return false }
            value = phase
            return true
        }
    }
}
