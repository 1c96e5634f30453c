import Logging
import PondCore
import PondQueue
import PondRedis
import PondTelemetry
import Synchronization

/// All that a worker does for one queue.
///
/// Four loops share it, a file each: fetch, settle, beat, and the warden that promotes what is due and takes over from
/// the lost.
///
/// They run on an event loop, not on the thread pool that handlers share, and so go on when handlers block.
final class QueueLine: Sendable {
    struct State {
        /// What this process owns and has not settled.
        var inFlight = InFlight()
        var isPaused = false
        /// The last fetch brought less than there was room for, so nothing waits: listen before fetching again.
        var isDrained = false
        /// The last fetch brought all that there was room for, and normal jobs alone: the next one expects the like.
        var isNormalOnly = false
        var needsReconcile = false
        var lastReconcile: LocalInstant
        /// The most that the next fetch asks for: less for a while after a reply that was too large.
        var fetchMax = Limits.slotsMax + Limits.prefetchMax
        /// A bell to be put away by the next fetch.
        var bell: String?
        /// Streams that cannot be read, and why.
        var faults: [ReadyStream: String] = [:]
        var isListening = false
        /// Nothing is fetched before the first beat: an owner without a beat looks dead.
        var hasBeaten = false
        var nextDue: ServerTime?
        var lost: [Consumer] = []
        /// How long handlers have run that have ended, and how many tries that were.
        var busy = Duration.zero
        var ended = 0
        var succeeded = 0
        /// The time for which the warden's alarm is set.
        var alarm: LocalInstant?
    }

    let queue: Queue
    /// The same queue over the connection that handlers share.
    let handlerQueue: Queue
    let consumer: Consumer
    let configuration: WorkerConfiguration
    let intake: Intake<Assignment>
    let table: RunningTable
    let executor: EventLoopExecutor
    let clock: LocalClock
    let logger: Logger
    let reader: RedisClient
    let settler: Settler
    let recorder = SLORecorder()
    let claims: ClaimsAhead
    let serverClock: ServerClock
    let phase: PhaseBox
    let pulse: WorkerPulse
    let lastChance: LastChance
    /// Nil when nobody listens.
    let metrics: WorkerMetrics?
    let fetchSignal = WakeSignal()
    let wardenSignal = WakeSignal()
    let state: Mutex<State>

    init(_ queue: Queue, forHandlers handlerQueue: Queue, of worker: WorkerParts) {
        var logger = worker.logger
        logger[metadataKey: "queue"] = "\(queue.name)"
        self.queue = queue
        self.handlerQueue = handlerQueue
        self.logger = logger
        consumer = worker.consumer
        configuration = worker.configuration
        intake = worker.intake
        table = worker.table
        executor = worker.executor
        clock = worker.executor.clock
        phase = worker.phase
        pulse = worker.pulse
        lastChance = worker.lastChance
        reader = queue.pond.makeReader()
        claims = ClaimsAhead(queue, consumer: worker.consumer, logger: logger)
        metrics = .ifWanted(queue.name.text, kinds: worker.kinds)
        settler = Settler(queue, consumer: worker.consumer, clock: clock, logger: logger, metrics: metrics)
        serverClock = ServerClock(clock)
        state = Mutex(State(lastReconcile: clock.now()))
    }

    /// Forgets jobs that this process no longer owns.
    func forget(_ entries: [InFlight.Entry]) {
        lastChance.end(entries)
        let count = state.withLock { state in
            entries.reduce(0) { count, entry in state.inFlight.remove(entry) ? count + 1 : count }
        }
        intake.giveBack(count)
    }

    func forget(_ assignment: Assignment) { forget([assignment.entry]) }

    /// Notes when the next held job is due, as the server's last answer says.
    func noteNextDue(_ due: ServerTime?) {
        state.withLock { $0.nextDue = due }
        if due != nil { wardenSignal.ring() }
    }

    /// Notes that a job was held until `due`; what is due earlier stays first.
    func noteHeld(until due: ServerTime) {
        state.withLock { $0.nextDue = min($0.nextDue ?? due, due) }
        wardenSignal.ring()
    }

    /// Rests after a failure, longer with each in a row; ends early when the task is cancelled.
    func rest(afterFailures failures: Int) async {
        let pause = Backoff(base: .milliseconds(50), cap: .seconds(1), jitter: 0.2).delay(afterFailures: failures)
        // Every caller is a loop that looks at its task's cancellation itself.
        try? await clock.sleep(pause)
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

/// What the lines of a worker share.
struct WorkerParts: Sendable {
    let consumer: Consumer
    let configuration: WorkerConfiguration
    let intake: Intake<Assignment>
    let table: RunningTable
    let executor: EventLoopExecutor
    let logger: Logger
    let phase: PhaseBox
    let pulse: WorkerPulse
    let lastChance: LastChance
    /// What the kinds are called in metrics, by their place.
    let kinds: [String]
    /// Makes the spans of tries; nil when there was no tracer when the worker was made.
    let tracer: QueueTracer?
}
