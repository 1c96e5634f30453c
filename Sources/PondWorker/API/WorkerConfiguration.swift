public import PondCore
import PondQueue

/// How a worker process works.
///
/// Every setting has a default but the queues.
public struct WorkerConfiguration: Sendable {
    /// The queues that it serves, 1 to 32.
    public var queues: [String]
    /// Handlers that run at a time, 1 to 1,024.
    ///
    /// Defaults to 10.
    public var slots = 10
    /// Jobs fetched ahead of the slots, 0 to 1,024.
    ///
    /// Defaults to what the slots get through in 20 ms, at least a job for each slot, and at most 1,024 jobs or 16 MiB of
    /// payloads, while jobs are short (half a second on average), and to none while they are long: a job that waits behind
    /// long ones could run in an idle worker. Those that wait all the same because longer ones came first are handed back after a second or two.
    public var prefetch: Int?
    /// How long running jobs may go on after the worker is told to stop.
    ///
    /// Defaults to 25 seconds.
    public var gracePeriod = Duration.seconds(25)
    /// How long a cancelled handler may go on before the process counts as stuck.
    ///
    /// Defaults to 5 seconds.
    public var stuckGrace = Duration.seconds(5)
    /// How long a job of a kind that nobody knows waits for a worker that does, before it is dead.
    ///
    /// Workers look at it again after 2 seconds at first, and then less and less often, every 5 minutes at last. Defaults to
    /// 24 hours, so that new jobs may come long before the new workers.
    public var unknownKindGrace = Limits.unknownKindGrace
    /// How often the worker beats.
    ///
    /// Defaults to 1 second.
    public var beatInterval = Limits.beatInterval
    /// How old a beat gets before its worker is lost; at least three beats.
    ///
    /// Defaults to 4 seconds.
    public var lease = Limits.lease
    /// How long the idempotency key of a done job answers for it: 1 hour to 30 days, and longer than a job of
    /// any kind here may be retried by its kind's policy.
    ///
    /// It is a setting of the queue, so every worker of a queue should say the same; the last one that starts wins.
    /// Defaults to 24 hours.
    public var keyWindow = Limits.keyWindowDefault
    /// Where the keys of done jobs are remembered, for windows longer than Redis' memory should hold.
    ///
    /// Every worker of a queue must use the same, and enqueueing then knows only the keys of jobs that have not ended.
    /// Defaults to Redis.
    public var keyStore: (any IdempotencyStore)?
    /// The limits that jobs of kinds need, as in `["llm.complete": "openai,tenant:{tenant}"]`: before what the kinds are
    /// registered with, and an empty text for none.
    ///
    /// Defaults to what the kinds are registered with.
    public var limitedBy: [String: String] = [:]
    /// What is done around each job, and around what its handlers enqueue, the outermost first.
    ///
    /// Defaults to nothing.
    public var middleware: [any JobMiddleware] = []
    /// What models and tools cost, for handlers that reserve by model.
    ///
    /// Defaults to none; the library PondPrices reads one from a file.
    public var prices: PriceBook?
    /// When it stops fetching because every job dies of one cause.
    ///
    /// Defaults to 20 deaths in a row; nil never stops.
    public var brake: BrakePolicy? = BrakePolicy()
    /// Whether it stops fetching at the first job of a kind that it does not know, and then tries single jobs: for a worker
    /// without handlers of its own, which would only hold the jobs of others up.
    ///
    /// Defaults to false.
    package var stopsAtUnknownKinds = false
    /// Who started this worker, so that whoever sizes its fleet knows which process it is.
    ///
    /// Defaults to nobody.
    package var supervisor: SupervisorMark?
    /// Called on a thread of its own choosing when a handler goes on `stuckGrace` after its cancellation, once what was
    /// not started is handed back.
    ///
    /// Defaults to ending the process with exit code 70, since nothing else stops it.
    public var onStuck: @Sendable (StuckHandler) -> Void = StuckHandler.endProcess

    /// A worker of these queues, with everything else at its default.
    public init(queues: [String]) {
        self.queues = queues
    }

    func validate() throws(PondError) {
        guard !queues.isEmpty, queues.count <= Limits.queuesMax else {
            throw PondError(
                .invalidConfiguration,
                "queues: \(queues.count) are given, allowed are 1 to \(Limits.queuesMax)"
            )
        }
        guard Set(queues).count == queues.count else {
            throw PondError(.invalidConfiguration, "queues: one is given twice in \(queues.joined(separator: ", "))")
        }
        try check("slots", slots, in: 1...Limits.slotsMax)
        try check("prefetch", prefetch ?? slots, in: 0...Limits.prefetchMax)
        guard beatInterval >= .milliseconds(10), lease >= beatInterval * 3 else {
            throw PondError(
                .invalidConfiguration,
                "lease is \(lease.human) and beatInterval \(beatInterval.human); allowed is a beat of at least 10 ms and a lease of at least three"
            )
        }
        if let brake, brake.failures < 1 {
            throw PondError(
                .invalidConfiguration,
                "brake.failures is \(brake.failures), allowed is 1 and more; nil for no brake"
            )
        }
        guard gracePeriod >= .zero, stuckGrace >= .zero, unknownKindGrace >= .zero else {
            throw PondError(.invalidConfiguration, "gracePeriod, stuckGrace and unknownKindGrace must not be negative")
        }
    }

    /// How long a delivery is sure to be this worker's, with much to spare: nobody takes over sooner than after a lease.
    var claimAge: Duration { lease / 4 }

    /// The store of keys beside Redis, nil when Redis itself is it.
    var otherKeyStore: (any IdempotencyStore)? {
        keyStore is RedisIdempotencyStore ? nil : keyStore
    }

    /// A key that is forgotten while its job is still retried would guard nothing.
    func validateKeyWindow(for registrations: [JobRegistration]) throws(PondError) {
        guard Limits.keyWindow.contains(keyWindow) else {
            throw PondError(
                .invalidConfiguration,
                "keyWindow is \(keyWindow.human), allowed is an hour to 30 days"
            )
        }
        // Another store has a window of its own.
        let window = otherKeyStore?.window ?? keyWindow
        for registration in registrations {
            let horizon = registration.retryHorizon + lease
            guard horizon >= window else { continue }
            throw PondError(
                .invalidConfiguration,
                "keyWindow is \(window.human), but a job of kind \(registration.kind) may be retried for "
                    + "\(horizon.human): \(registration.policy.attemptsMax) tries of \(registration.timeout.human), "
                    + "the rests between them, and a lease of \(lease.human); give a longer window (--key-window), "
                    + "or fewer or shorter tries"
            )
        }
    }

    private func check(_ name: String, _ value: Int, in range: ClosedRange<Int>) throws(PondError) {
        guard range.contains(value) else {
            throw PondError(
                .invalidConfiguration,
                "\(name) is \(value), allowed is \(range.lowerBound) to \(range.upperBound)"
            )
        }
    }
}

/// A worker's place in the pool of the supervisor that started it.
package struct SupervisorMark: Sendable, Hashable {
    /// The supervisor's name in its fleet, without spaces.
    package var name: String
    /// The worker's slot there, from 0.
    package var slot: Int

    package init(name: String, slot: Int) {
        self.name = name
        self.slot = slot
    }
}
