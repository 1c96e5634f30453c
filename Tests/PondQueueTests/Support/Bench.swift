import Logging
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// A queue of the test's own on a real server, and what a test needs beside the queue's verbs.
struct Bench: Sendable {
    let pond: Pond
    let queue: Queue

    /// Runs `body` with a queue that nobody else uses; its connection is closed afterwards.
    @discardableResult
    static func run<R>(
        on server: RedisServer = .current,
        url: String? = nil,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (Bench) async throws -> R
    ) async throws -> R {
        var configuration = try RedisConfiguration(url: url ?? server.url)
        // Other suites keep both cores busy; a test that hangs should still end.
        configuration.commandTimeout = .seconds(30)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let pond = Pond(configuration, logger: logger)
        let bench = Bench(pond: pond, queue: try pond.queue(RedisServer.uniqueName("q")))
        do {
            let result = try await body(bench)
            await pond.close()
            return result
        } catch {
            await pond.close()
            throw error
        }
    }

    /// The same queue for other code of the test.
    var name: String { queue.name.text }

    /// The queue's key of a name, as in `key("held")`.
    func key(_ name: String) -> String { "\(queue.keys.base):\(name)" }

    /// Sends a command given as words.
    @discardableResult
    func redis(_ words: String...) async throws -> RESPValue {
        try await pond.redis.send(RedisCommand(words[0], words.dropFirst().map { .text($0) }))
    }

    /// Calls a function of the library as any client would.
    @discardableResult
    func call(_ function: String, _ arguments: [RedisArgument]) async throws -> RESPValue {
        try await pond.installLibrary()
        return try await pond.redis.send(
            RedisCommand("FCALL", [.text(function), 1, .text(queue.keys.base)] + arguments)
        )
    }

    @discardableResult
    func call(_ function: String, _ words: String...) async throws -> RESPValue {
        try await call(function, words.map { .text($0) })
    }

    /// The error with which a function refuses its arguments; records an issue when it does not.
    func refusal(
        _ function: String,
        _ arguments: [RedisArgument],
        at location: SourceLocation = #_sourceLocation
    ) async throws -> String {
        do {
            let reply = try await call(function, arguments)
            Issue.record("\(function) answered \(reply)", sourceLocation: location)
            return ""
        } catch let error as RedisError {
            return error.message
        }
    }

    func refusal(
        _ function: String,
        _ words: String...,
        at location: SourceLocation = #_sourceLocation
    ) async throws -> String {
        try await refusal(function, words.map { .text($0) }, at: location)
    }

    /// Redis' clock.
    func now() async throws -> Int64 {
        let parts = try #require(try await redis("TIME").array)
        return (parts[0].int ?? 0) * 1_000 + (parts[1].int ?? 0) / 1_000
    }
}

// The verbs with a test's defaults.
extension Bench {
    @discardableResult
    func add(
        _ kind: String = "a.b",
        _ data: String = "{}",
        _ options: EnqueueOptions = EnqueueOptions()
    ) async throws -> JobID {
        try await queue.enqueue(NewJob(kind: try JobKind(kind), data: Array(data.utf8), options: options)).id
    }

    func add(priority: Priority) async throws -> JobID {
        var options = EnqueueOptions()
        options.priority = priority
        return try await add("a.b", "{}", options)
    }

    /// A job that is held for ten minutes.
    func addHeld(priority: Priority = .normal) async throws -> JobID {
        var options = EnqueueOptions.after(.seconds(600))
        options.priority = priority
        return try await add("a.b", "{}", options)
    }

    func fetch(as consumer: Consumer = .ann, _ limit: Int = 100) async throws -> [Delivery] {
        let fetched = try await queue.fetch(as: consumer, atMost: limit)
        #expect(fetched.faults.isEmpty)
        return fetched.deliveries
    }

    /// Fetches the one job that is there.
    func fetchOne(as consumer: Consumer = .ann, at location: SourceLocation = #_sourceLocation) async throws -> Delivery
    {
        let deliveries = try await fetch(as: consumer, 1)
        return try #require(deliveries.first, "nothing to fetch", sourceLocation: location)
    }

    /// Fetches the one job that is there, and says that it runs.
    @discardableResult
    func fetchAndStart(as consumer: Consumer = .ann) async throws -> Delivery {
        let delivery = try await fetchOne(as: consumer)
        #expect(try await queue.claim(delivery.receipt, as: consumer) == .claimed)
        return delivery
    }

    @discardableResult
    func settle(_ delivery: Delivery, _ outcome: Outcome, as consumer: Consumer = .ann) async throws -> SettleAnswer {
        let settlement = Settlement(receipt: delivery.receipt, id: delivery.id, outcome: outcome)
        return try #require(try await queue.settle([settlement], as: consumer).first)
    }

    /// Lets a held job's time come, without waiting for it.
    func makeDue(_ ids: JobID...) async throws {
        for id in ids { try await redis("ZADD", key("due"), "XX", "1", id.text) }
    }

    /// Says that a consumer beat that long ago.
    func setBeat(_ consumer: Consumer, millisecondsAgo age: Int64) async throws {
        try await redis("ZADD", key("beats"), "\(try await now() - age)", consumer.name)
    }

    /// Takes over everything that a consumer has, as if it were long dead.
    @discardableResult
    func reclaimAll(from lost: Consumer, by consumer: Consumer = .bob) async throws -> (moved: Int, buried: Int) {
        try await setBeat(lost, millisecondsAgo: 60_000)
        var total = (moved: 0, buried: 0)
        for _ in 0..<1_000 {
            let taken = try await queue.reclaim(from: lost, by: consumer)
            total.moved += taken.moved
            total.buried += taken.buried
            if !taken.more { return total }
        }
        Issue.record("reclaim never ended")
        return total
    }

    /// Who is in the group of a stream.
    func consumers(of stream: ReadyStream) async throws -> [Consumer] {
        let key = queue.keys.stream(stream)
        guard try await redis("EXISTS", key).int == 1, try await redis("XINFO", "GROUPS", key) != .array([]) else {
            return []
        }
        let rows = try await redis("XINFO", "CONSUMERS", queue.keys.stream(stream), "mp").array ?? []
        return rows.compactMap { $0.array?[1].string.map { Consumer($0) } }
    }

    func state(of id: JobID) async throws -> JobReport.State {
        try await queue.job(id).state
    }
}

extension Consumer {
    static let ann = Consumer("ann")
    static let bob = Consumer("bob")
    static let eve = Consumer("eve")
}

extension Delivery {
    /// Whether it is a job with an idempotency key.
    var hasKey: Bool {
        if case .success(let job) = job { job.key != nil } else { false }
    }

    /// The job's id, or the entry's own when it is no job.
    var id: JobID {
        switch job {
        case .success(let job): job.id
        case .failure: receipt.stream.ownID(entry: receipt.entry)
        }
    }
}

extension JobReport {
    var payload: [UInt8]? {
        fields.first { $0.name == Array("data".utf8) }?.value
    }
}
