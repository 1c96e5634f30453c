import Logging
import PondCore
import PondQueue
import PondRedis
import PondTelemetry
import PondTestKit
import PondWorker
import Synchronization

/// A pond on the suite's server with a queue of the test's own.
struct Harness {
    let pond: Pond
    let queue: Queue
    let redis: RedisClient
    let redisConfiguration: RedisConfiguration

    init(
        server: RedisServer = .current,
        tracer: QueueTracer? = nil,
        log: LineLog? = nil,
        _ change: (inout RedisConfiguration) -> Void = { _ in }
    ) throws {
        var logger = log.map { log in Logger(label: "test") { _ in log.handler } } ?? Logger(label: "test")
        if log == nil { logger.logLevel = .critical }
        var configuration = try RedisConfiguration(url: server.url)
        change(&configuration)
        pond = Pond(configuration, logger: logger, tracer: tracer)
        queue = try pond.queue("q\(UInt32.random(in: 0 ... .max))")
        redis = RedisClient(configuration, logger: logger)
        redisConfiguration = configuration
    }

    func configuration(_ change: (inout WorkerConfiguration) -> Void = { _ in }) -> WorkerConfiguration {
        var configuration = WorkerConfiguration(queues: [queue.name.text])
        change(&configuration)
        return configuration
    }

    /// Runs a worker beside `body`, then drains it.
    func withWorker<R: Sendable>(
        _ jobs: JobList,
        _ change: (inout WorkerConfiguration) -> Void = { _ in },
        _ body: (Worker) async throws -> R
    ) async throws -> R {
        let ready = Event()
        let worker = try Worker(pond, jobs: jobs, configuration: configuration(change), onReady: { ready.fire() })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            try await ready.wait()
            let result = try await body(worker)
            worker.drain()
            try await group.waitForAll()
            return result
        }
    }

    @discardableResult
    func enqueue(
        _ kind: String,
        _ data: String = "{}",
        _ options: EnqueueOptions = EnqueueOptions()
    ) async throws -> JobID {
        try await queue.enqueue(NewJob(kind: try JobKind(kind), data: Array(data.utf8), options: options)).id
    }

    /// Waits until the queue answers as wished; the last depth is in the error when it does not within `limit`.
    func eventually(
        within limit: Duration = .seconds(20),
        _ isReached: (Depth) -> Bool
    ) async throws {
        var last: Depth?
        let holds = try await Waiting.until(within: limit) {
            let depth = try await queue.depth()
            last = depth
            return isReached(depth)
        }
        if !holds { throw NotReached(text: last.map { "\($0)" } ?? "") }
    }
}

/// The lines that are logged.
final class LineLog: Sendable {
    private let lines = Mutex<[(level: Logger.Level, text: String)]>([])

    /// The texts of a level and above, in order.
    func texts(from level: Logger.Level) -> [String] {
        lines.withLock { $0.filter { $0.level >= level }.map(\.text) }
    }

    var handler: any LogHandler { Handler(log: self) }

    private struct Handler: LogHandler {
        let log: LineLog
        var metadata = Logger.Metadata()
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { log.lines.withLock { $0.append((event.level, "\(event.message)")) } }
    }
}

struct NotReached: Error {
    let text: String
}

/// Something that happens once or several times, awaited with a limit.
final class Event: Sendable {
    private let count = Mutex(0)

    func fire() { count.withLock { $0 += 1 } }
    var fired: Int { count.withLock { $0 } }

    func wait(for times: Int = 1, within limit: Duration = .seconds(20)) async throws {
        let holds = try await Waiting.until(within: limit, every: .milliseconds(2)) { fired >= times }
        if !holds { throw NotReached(text: "fired \(fired) times, awaited \(times)") }
    }
}

/// Values gathered from many tasks.
final class Record<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])

    func add(_ element: Element) { elements.withLock { $0.append(element) } }
    var all: [Element] { elements.withLock { $0 } }
}
