import FoundationEssentials
import Glibc
import Logging
import Millpond
import PondBenchKit
import PondCore
import PondQueue
import PondRedis
import Subprocess
import SystemPackage

/// How large the measurements are.
struct Sizes: Sendable {
    let one, tasks, many, drain, drainOneSlot, keys, memory, idle, sagas, parked, waits: Int
    let loadSeconds, waitSeconds: Double
    let growth: Growth

    /// Backlogs that are compared, the jobs that are drained out of each, and how often.
    struct Growth: Sendable {
        let backlogs: [Int]
        let jobs, rounds: Int
    }

    static let quick = Sizes(
        one: 2_000,
        tasks: 20_000,
        many: 40_000,
        drain: 20_000,
        drainOneSlot: 10_000,
        keys: 10_000,
        memory: 20_000,
        idle: 200,
        sagas: 500,
        parked: 1_000,
        waits: 200,
        loadSeconds: 1,
        waitSeconds: 0.5,
        growth: Growth(backlogs: [10_000, 100_000], jobs: 20_000, rounds: 3)
    )
    static let full = Sizes(
        one: 10_000,
        tasks: 60_000,
        many: 200_000,
        drain: 100_000,
        drainOneSlot: 50_000,
        keys: 50_000,
        memory: 100_000,
        idle: 1_000,
        sagas: 5_000,
        parked: 10_000,
        waits: 1_000,
        loadSeconds: 5,
        waitSeconds: 2,
        growth: Growth(backlogs: [10_000, 100_000, 1_000_000, 10_000_000], jobs: 50_000, rounds: 15)
    )
}

/// Where the measurements happen: a Redis of their own, the floor's program, and this program as a client of its own.
struct Stage: Sendable {
    static let queueName = "bench"

    let sizes: Sizes
    let server: BenchRedis
    /// For what is not measured: filling, looking at queues.
    let pond: Pond
    /// For what no user of a queue does: clearing, reading the server's account of itself.
    let raw: RedisClient
    private let own: String

    var queue: Queue {
        get throws { try pond.queue(Self.queueName) }
    }

    static func with<Value: Sendable>(
        sizes: Sizes,
        _ body: @Sendable (Stage) async throws -> Value
    ) async throws -> Value {
        try await BenchRedis.with { server in
            let pond = Pond(try RedisConfiguration(url: server.url), logger: .quiet)
            try await pond.installLibrary()
            let stage = Stage(
                sizes: sizes,
                server: server,
                pond: pond,
                raw: pond.makeReader(),
                own: try OwnProgram.path()
            )
            do {
                let value = try await body(stage)
                await pond.close()
                return value
            } catch {
                await pond.close()
                throw error
            }
        }
    }

    /// Forgets all data; the function library stays.
    func clear() async throws {
        _ = try await raw.send(RedisCommand("FLUSHALL", "SYNC"), timeout: .seconds(60))
    }

    // MARK: Programs

    /// Runs the floor, on the CPU of the clients.
    func floor<Figures: Decodable & Sendable>(
        _ what: String,
        jobs: Int,
        key: String = "floor"
    ) async throws -> Figures {
        let program = own.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/floor"
        return try await run([program, server.socket, what, "\(jobs)", key], pinned: true)
    }

    /// Fills a stream without being measured, and lets the floor drain it.
    func floorDrain() async throws -> Pace {
        let _: Pace = try await floor("pipelined", jobs: sizes.many)
        let pace: Pace = try await floor("drain", jobs: sizes.many)
        _ = try await raw.send(RedisCommand("DEL", "floor"))
        return pace
    }

    /// Lets so many jobs wait in the queue; a plain append is all that they need.
    func fill(_ jobs: Int, in queue: String = queueName) async throws {
        guard jobs > 0 else { return }
        let _: Pace = try await floor("pipelined", jobs: jobs, key: try pond.queue(queue).keys.ready(.normal))
    }

    /// Runs this program as a client.
    func client<Figures: Decodable & Sendable>(
        _ what: String,
        _ arguments: [String],
        pinned: Bool = true
    ) async throws -> Figures {
        try await run([own, "client", what, "--socket", server.socket] + arguments, pinned: pinned)
    }

    /// Runs a program that prints its figures.
    func run<Figures: Decodable & Sendable>(_ words: [String], pinned: Bool) async throws -> Figures {
        try JSONDecoder().decode(Figures.self, from: Data(try await output(of: words, pinned: pinned).standard.utf8))
    }

    /// The instructions of a client by valgrind's count, all of its life.
    func instructions(_ what: String, _ arguments: [String]) async throws -> Int {
        let valgrind = ["/usr/bin/env", "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        let words = valgrind + [own, "client", what, "--socket", server.socket] + arguments
        let text = try await output(of: words, pinned: true).error
        guard let line = text.split(separator: "\n").last(where: { $0.contains("Collected :") }),
            let count = line.split(separator: " ").last.flatMap({ Int($0) })
        else { throw CommandFailure(.failure, "valgrind counted nothing: \(text.suffix(500))") }
        return count
    }

    private func output(of words: [String], pinned: Bool) async throws -> (standard: String, error: String) {
        let words = pinned ? CPUs.pinned(words, to: .clients) : words
        let result = try await Subprocess.run(
            .path(FilePath(words[0])),
            arguments: Arguments(Array(words.dropFirst())),
            output: .string(limit: 65_536),
            error: .string(limit: 1_048_576)
        )
        guard case .exited(0) = result.terminationStatus else {
            throw CommandFailure(
                .failure,
                "\(words.joined(separator: " ")) ended with \(result.terminationStatus): "
                    + String(result.standardError.suffix(500))
            )
        }
        return (result.standardOutput, result.standardError)
    }

    // MARK: The server's account

    /// CPU time of the server's main thread, in seconds.
    func serverCPU() async throws -> Double {
        let facts = try await info("cpu")
        let parts = ["used_cpu_user_main_thread", "used_cpu_sys_main_thread"]
        return parts.compactMap { facts[$0].flatMap { Double($0) } }.reduce(0, +)
    }

    /// Bytes of the server's memory that are in use.
    func serverBytes() async throws -> Double {
        try await info("memory")["used_memory"].flatMap { Double($0) } ?? 0
    }

    func info(_ section: String) async throws -> [String: String] {
        let text = try await raw.send(RedisCommand("INFO", .text(section))).string ?? ""
        var facts: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { facts[String(parts[0])] = String(parts[1]) }
        }
        return facts
    }

    /// How often each command was called, the calls within functions included.
    func commandCalls() async throws -> [String: Double] {
        try await info("commandstats").reduce(into: [:]) { calls, fact in
            guard let count = fact.value.split(separator: ",").first?.split(separator: "=").last else { return }
            calls[String(fact.key.dropFirst("cmdstat_".count))] = Double(count)
        }
    }

    func machine() async throws -> Machine {
        Machine(redis: try await info("server")["redis_version"] ?? "?")
    }
}
