public import Logging
public import PondCore
public import PondRedis
package import PondTelemetry
import Synchronization

/// The queues of one Redis: a connection, a key prefix, and the function library kept in place.
///
/// Nothing is connected before the first call, and nothing runs when nobody calls.
public final class Pond: Sendable {
    /// What every key begins with.
    public let prefix: String
    /// The shared connection; nothing that blocks goes over it.
    let redis: RedisClient
    /// Where the queue layer logs to.
    package let logger: Logger
    /// The local clock.
    package let clock: LocalClock
    /// Makes the spans of enqueues; nil when this process had no tracer when the pond was made.
    package let tracer: QueueTracer?
    /// What is done around each enqueue, the outermost first: our own tracing, and the program's.
    let middleware: [any EnqueueMiddleware]
    /// Told how long each call of a function took.
    let onCall: CallObserver?
    private let configuration: RedisConfiguration
    private let registrations = Mutex<[QueueName: Registration]>([:])
    /// Whether it was seen to that the server's library is no older than this program's.
    let isLibrarySeenTo = Mutex(false)

    /// Hears of calls: the function's name, and how long its answer was in coming.
    package typealias CallObserver = @Sendable (_ function: String, _ took: Duration) -> Void

    /// A pond traces what is enqueued when a tracer has been set up (`InstrumentationSystem.bootstrap`) before it is made.
    ///
    /// - Parameters:
    ///   - prefix: what every key begins with. Defaults to `mp`.
    ///   - middleware: what is done around each enqueue, the outermost first. Defaults to nothing.
    public convenience init(
        _ configuration: RedisConfiguration,
        prefix: String = "mp",
        clock: LocalClock = .system,
        logger: Logger = Logger(label: "millpond"),
        middleware: [any EnqueueMiddleware] = []
    ) {
        self.init(
            configuration,
            prefix: prefix,
            clock: clock,
            logger: logger,
            tracer: .bootstrapped,
            middleware: middleware,
            onCall: nil
        )
    }

    /// The same with a tracer of its own, and somebody who hears of calls.
    package convenience init(
        _ configuration: RedisConfiguration,
        prefix: String = "mp",
        clock: LocalClock = .system,
        logger: Logger = Logger(label: "millpond"),
        tracer: QueueTracer?,
        middleware: [any EnqueueMiddleware] = [],
        onCall: CallObserver? = nil,
        beside executor: EventLoopExecutor? = nil
    ) {
        self.init(
            configuration,
            RedisClient(configuration, clock: clock, logger: logger, beside: executor),
            prefix: prefix,
            clock: clock,
            logger: logger,
            tracer: tracer,
            middleware: (tracer.map { [EnqueueTracing(tracer: $0)] } ?? []) + middleware,
            onCall: onCall
        )
    }

    private init(
        _ configuration: RedisConfiguration,
        _ redis: RedisClient,
        prefix: String,
        clock: LocalClock,
        logger: Logger,
        tracer: QueueTracer?,
        middleware: [any EnqueueMiddleware],
        onCall: CallObserver?
    ) {
        self.configuration = configuration
        self.redis = redis
        self.prefix = prefix
        self.clock = clock
        self.logger = logger
        self.tracer = tracer
        self.middleware = middleware
        self.onCall = onCall
    }

    /// The same pond, over the same connection, with more middleware inside of what it has.
    package func inside(_ more: [any EnqueueMiddleware]) -> Pond {
        guard !more.isEmpty else { return self }
        return Pond(
            configuration,
            redis,
            prefix: prefix,
            clock: clock,
            logger: logger,
            tracer: tracer,
            middleware: middleware + more,
            onCall: onCall
        )
    }

    /// The same from the URL of a Redis.
    ///
    /// - Parameters:
    ///   - prefix: what every key begins with. Defaults to `mp`.
    ///   - middleware: what is done around each enqueue, the outermost first. Defaults to nothing.
    /// - Throws: `RedisError.invalidURL`, which names the part of the URL that is wrong.
    public convenience init(
        redis url: String,
        prefix: String = "mp",
        middleware: [any EnqueueMiddleware] = []
    ) throws(RedisError) {
        self.init(try RedisConfiguration(url: url), prefix: prefix, middleware: middleware)
    }

    /// A queue of this Redis; it exists as soon as it holds a job or a worker serves it.
    ///
    /// - Throws: `PondError.invalidQueueName`, or `invalidConfiguration` when the prefix holds a brace: the keys of a
    ///   queue would have another hash tag then, and no function would work on them.
    public func queue(_ name: String) throws(PondError) -> Queue {
        guard !prefix.utf8.contains(where: { "{}".utf8.contains($0) }) else {
            throw PondError(
                .invalidConfiguration,
                "key prefix \"\(prefix.prefix(100))\" is not allowed; use one without braces, as in mp"
            )
        }
        return Queue(try QueueName(name), on: self)
    }

    /// Whether a queue is known, for all that add to it.
    func registration(of queue: QueueName) -> Registration {
        registrations.withLock { registrations in
            let found = registrations[queue] ?? Registration()
            registrations[queue] = found
            return found
        }
    }

    /// Runs tasks on the thread of the connection, for producers that do little but enqueue one job at a time.
    ///
    /// Within `withTaskExecutorPreference(pond.executor)` each call changes threads twice less, and of many tasks the first
    /// are on their way while the next run. When none can go on, a reply is polled for before the thread sleeps (see
    /// `RedisConfiguration.busyPoll`). While a task computes there, nothing is sent or received; one that blocks there stops
    /// every call.
    public var executor: any TaskExecutor { redis.executor }

    /// Whether there is a connection that is logged in.
    package var isConnected: Bool { redis.isConnected }

    /// The known queues: those that a worker or a producer of this library has used.
    public func queues() async throws(QueueError) -> [QueueName] {
        let reply = try await run(RedisCommand("SMEMBERS", .text(Keys.queues(prefix: prefix))), doing: "listing queues")
        var names: [QueueName] = []
        for member in reply.array ?? [] {
            // Somebody else's member is no queue of ours.
            guard let text = member.string else { continue }
            do throws(PondError) { names.append(try QueueName(text)) } catch { continue }
        }
        return names.sorted()
    }

    /// The same queues over a connection of its own: a call that is cancelled closes the connection that it was sent
    /// on, and what shares it fails.
    ///
    /// - Parameters:
    ///   - onCall: told how long each call took. Defaults to nobody.
    ///   - executor: on whose thread the connection is to live; for tasks that run there, a call changes no thread.
    package func withOwnConnection(onCall: CallObserver? = nil, beside executor: EventLoopExecutor? = nil) -> Pond {
        Pond(
            configuration,
            prefix: prefix,
            clock: clock,
            logger: logger,
            tracer: tracer,
            onCall: onCall,
            beside: executor
        )
    }

    /// A connection of its own to the same server, for reads that block.
    ///
    /// - Parameter executor: on whose thread it is to live.
    package func makeReader(beside executor: EventLoopExecutor? = nil) -> RedisClient {
        RedisClient(configuration, clock: clock, logger: logger, beside: executor)
    }

    /// Closes the connection.
    ///
    /// Idempotent; calls after it fail.
    public func close() async {
        await redis.close()
    }
}
