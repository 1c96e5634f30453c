import ArgumentParser
import FoundationEssentials
import Millpond
import PondBenchKit
import PondCore
import PondQueue
import PondRedis

/// `PondBench client`: one measurement in a process of its own, which its parent has put on a CPU.
struct ClientCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "client",
        abstract: "Run one measurement; for PondBench itself.",
        shouldDisplay: false
    )

    @Argument(help: "What to measure.")
    var what: String

    @Option(help: "The server's unix socket.")
    var socket: String

    @Option(help: "The queue.")
    var queue = Stage.queueName

    @Option(help: "How many jobs.")
    var jobs = 1

    @Option(help: "How many tasks enqueue.")
    var tasks = 1

    @Option(help: "How many handlers run at a time.")
    var slots = 10

    @Option(help: "Whether the payload is decoded.")
    var handling = DrainBench.Handling.raw

    @Option(help: "Jobs a second.")
    var rate = 1_000.0

    @Option(help: "Over how many seconds timers are spread.")
    var waitSeconds = 2.0

    func run() async throws {
        var configuration = try RedisConfiguration(url: "unix://\(socket)")
        // The producer shares its CPU with the worker here, which a producer that polls would keep from working.
        if what.hasPrefix("latency") || what.hasPrefix("saga-t") { configuration.busyPoll = .zero }
        let pond = Pond(configuration, logger: .quiet)
        let figures = try await measure(try pond.queue(queue), of: pond)
        await pond.close()
        print(String(decoding: try JSONEncoder().encode(figures), as: UTF8.self))
    }

    private func measure(_ queue: Queue, of pond: Pond) async throws -> any Encodable {
        let enqueueing = EnqueueBench(queue)
        let onConnection = EnqueueBench(queue, executor: pond.executor)
        let sagas = SagaBench(queue, slots: slots)
        let draining = DrainBench(queue, slots: slots, handling: handling)
        switch what {
        case "enqueue-tasks": return try await onConnection.oneByOne(jobs, tasks: tasks)
        case "enqueue-tasks-pool": return try await enqueueing.oneByOne(jobs, tasks: tasks)
        case "enqueue-many": return try await enqueueing.many(jobs)
        case "enqueue-keys": return try await enqueueing.many(jobs) { try .once("key-\($0)") }
        case "drain": return try await draining.run(jobs)
        case "drain-all": return try await draining.run(nil)
        case "timers": return try await Timers.run(jobs, tasks: tasks)
        case "latency-idle": return LatencyFigures(try await LatencyBench(queue).idle(jobs))
        // As `pond worker` and MillpondApp run one.
        case "resident-idle":
            return try await StartPages.released {
                LatencyFigures(try await LatencyBench(queue).idle(jobs, pause: .milliseconds(800)))
            }
        case "saga-steps": return try await SagaBench(queue).steps(jobs)
        case "saga-park":
            try await sagas.park(jobs)
            return Pace(jobs: jobs, seconds: 1)
        case "saga-sleepers":
            return LatencyFigures(try await SagaBench(queue).sleepers(jobs, for: .seconds(waitSeconds)))
        case "saga-timers": return LatencyFigures(try await sagas.timers(jobs, over: .seconds(waitSeconds)))
        case "saga-tokens": return LatencyFigures(try await sagas.tokens(jobs))
        case "latency-loaded": return LatencyFigures(try await LatencyBench(queue).loaded(jobs, perSecond: rate))
        default: throw ValidationError("there is no measurement '\(what)'")
        }
    }
}

extension DrainBench.Handling: ExpressibleByArgument {}

/// Microseconds from `enqueue` to the handler's start.
struct LatencyFigures: Codable, Sendable {
    let p50, p99, p999, most: Double
    let residentBytes: Int

    init(_ histogram: Histogram) {
        p50 = histogram.quantile(0.5).inSeconds * 1e6
        p99 = histogram.quantile(0.99).inSeconds * 1e6
        p999 = histogram.quantile(0.999).inSeconds * 1e6
        most = histogram.longest.inSeconds * 1e6
        residentBytes = ProcessUsage.read().residentBytes
    }

    /// All of the latencies, for whoever asks for more than one.
    var extras: [String: Double] { ["p50": p50, "p99": p99, "p999": p999, "most": most] }
}

/// The same of the floor.
struct WakeFigures: Codable, Sendable {
    let p50, p99: Double
}
