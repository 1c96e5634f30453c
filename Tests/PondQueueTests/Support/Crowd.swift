import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// Workers without handlers that do random things to one queue, the same for the same seed.
struct Crowd {
    /// Every job that was enqueued.
    private(set) var ids: [JobID] = []
    /// Those that have a key.
    private(set) var keys: [JobID: IdempotencyKey] = [:]

    /// Jobs that are to be undone, whatever happens to them.
    private var undone: Set<JobID> = []
    private let bench: Bench
    private var random: SeededGenerator
    private var workers: [Worker]
    private let breaksKeys: Bool

    private struct Worker {
        let consumer: Consumer
        /// What it believes to have; some of it may be another's by now.
        var deliveries: [Delivery] = []
    }

    init(_ bench: Bench, seed: UInt64, workers: Int, breaksKeys: Bool = true) {
        self.bench = bench
        self.breaksKeys = breaksKeys
        random = SeededGenerator(seed: seed)
        self.workers = (0..<workers).map { Worker(consumer: Consumer("w\(seed)-\($0)")) }
    }

    mutating func step() async throws {
        guard breaksKeys, chance(1, in: 40) else { return try await act() }
        let key = pick(WrongTypeTests.keys.filter { !["journal", "cancel"].contains($0) })
        try await bench.breakKey(key)
        do {
            try await act()
        } catch let error as QueueError {
            #expect(error.message.contains("WRONGTYPE"), "\(key): \(error)")
        } catch let error as RedisError {
            #expect(error.prefix == "WRONGTYPE", "\(key): \(error)")
        }
        try await bench.mendKey(key)
    }

    private mutating func act() async throws {
        let worker = Int.random(in: 0..<workers.count, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<22: try await enqueue()
        case 22..<42: try await fetch(worker)
        case 42..<66: try await settle(worker)
        case 66..<72: try await die(worker)
        case 72..<78: try await letTimePass(worker)
        case 78..<84: try await cancel()
        case 84..<90: try await tendTheDead()
        case 90..<94:
            _ = try await bench.queue.beat(as: workers[worker].consumer, census: chance(1, in: 2), about: "{}")
        case 94..<96: _ = try await bench.queue.leave(as: workers[worker].consumer)
        case 96..<98: try await bench.queue.pause()
        default: try await bench.queue.resume()
        }
    }

    private mutating func enqueue() async throws {
        var options = EnqueueOptions()
        options.priority = pick(Priority.allCases)
        if chance(1, in: 3) { options.delay = .seconds(pick([1, 600])) }
        if chance(1, in: 10) { options.expires = Limits.earliestTime }
        // Few enough to meet again, and to be free again.
        if chance(1, in: 4) { options.key = try IdempotencyKey("order-\(Int.random(in: 0..<30, using: &random))") }
        if let key = options.key, chance(1, in: 2) { return try await append(key) }
        let jobs = [NewJob](repeating: NewJob(kind: .test, options: options), count: .random(in: 1...4, using: &random))
        let answers = try await bench.queue.enqueue(jobs)
        for answer in answers {
            switch answer {
            case .success(.enqueued(let id)), .success(.held(let id, _)):
                ids.append(id)
                keys[id] = options.key
            case .success(.duplicate), .failure: continue
            }
        }
    }

    /// As a producer that has nothing but XADD, so that the key is only looked at when the job is claimed.
    private mutating func append(_ key: IdempotencyKey) async throws {
        let reply = try await bench.redis(
            "XADD",
            bench.key("ready"),
            "*",
            "kind",
            JobKind.test.text,
            "key",
            key.text,
            // Now and then another payload, which is refused.
            "data",
            chance(1, in: 10) ? "x" : ""
        )
        let id = JobID(reply.string ?? "")
        ids.append(id)
        keys[id] = key
    }

    private mutating func fetch(_ worker: Int) async throws {
        let limit = Int.random(in: 0...6, using: &random)
        let deliveries = try await bench.queue.fetch(as: workers[worker].consumer, atMost: limit).deliveries
        workers[worker].deliveries += deliveries
        for delivery in deliveries where undone.contains(delivery.id) {
            #expect(delivery.phase == .compensate, "\(delivery.id) is done again")
        }
    }

    /// Settles some of what a worker believes to have, now and then twice, or what another has.
    private mutating func settle(_ worker: Int) async throws {
        let owner = chance(1, in: 12) ? Int.random(in: 0..<workers.count, using: &random) : worker
        workers[owner].deliveries.shuffle(using: &random)
        let count = min(Int.random(in: 1...5, using: &random), workers[owner].deliveries.count)
        var batch: [Settlement] = []
        for delivery in workers[owner].deliveries.prefix(count) {
            let claim = try await bench.queue.claim(delivery.receipt, as: workers[worker].consumer)
            batch.append(settlement(of: delivery, claim))
            if chance(1, in: 15) { batch.append(settlement(of: delivery, claim)) }
        }
        // Now and then it forgets that it settled, and does so again later.
        if chance(9, in: 10), owner == worker { workers[owner].deliveries.removeFirst(count) }
        _ = try await bench.queue.settle(batch, as: workers[worker].consumer)
    }

    /// What a worker makes of a job, when its key is its own.
    private mutating func settlement(of delivery: Delivery, _ claim: KeyClaim) -> Settlement {
        let outcome: Outcome =
            switch claim {
            case .claimed, .lost: randomOutcome(delivery.phase)
            case .duplicate(let record): .duplicate(of: record.id)
            case .mismatch: .dead(cause: .keyMismatch, error: "e")
            }
        return Settlement(receipt: delivery.receipt, id: delivery.id, outcome: outcome, hasKey: delivery.hasKey)
    }

    /// A worker falls silent and others take over, while it still believes to have its jobs.
    private mutating func die(_ worker: Int) async throws {
        try await bench.setBeat(workers[worker].consumer, millisecondsAgo: 60_000)
        let heir = Int.random(in: 0..<workers.count, using: &random)
        _ = try await bench.queue.reclaim(from: workers[worker].consumer, by: workers[heir].consumer)
        if chance(1, in: 2) { workers[worker].deliveries = [] }
    }

    private mutating func letTimePass(_ worker: Int) async throws {
        let held = try await bench.redis("ZRANGE", bench.key("due"), "0", "20").array ?? []
        for id in held.compactMap(\.string) where chance(1, in: 2) { try await bench.makeDue(JobID(id)) }
        _ = try await bench.queue.promote(as: workers[worker].consumer)
    }

    private mutating func cancel() async throws {
        guard !ids.isEmpty else { return }
        _ = try await bench.queue.cancel(chance(1, in: 2) ? pick(ids) : pick(Array(ids.suffix(30))))
    }

    private mutating func tendTheDead() async throws {
        let dead = try await bench.queue.dead(limit: 10).map(\.id)
        guard !dead.isEmpty else { return }
        if chance(1, in: 2) { _ = try await bench.queue.revive([pick(dead), pick(dead)]) }
        if chance(1, in: 2) {
            let some = [pick(dead), pick(dead)]
            let answers = try await bench.queue.compensate(some)
            for (id, answer) in zip(some, answers) where answer == .enqueued { undone.insert(id) }
        }
        if chance(1, in: 4) { _ = try await bench.queue.discard([pick(dead)]) }
    }

    private mutating func randomOutcome(_ phase: JobPhase?) -> Outcome {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<3: phase == nil ? .done : .compensated
        case 3..<5: .retry(after: .seconds(pick([0, 1, 600])), error: "e")
        case 5: .dead(cause: pick([.failed, .undecodable]), error: "e")
        case 6, 7: .released
        case 8: chance(1, in: 2) ? .cancelled : .expired
        case 9 where chance(1, in: 5): .duplicate(of: JobID("1-1"))
        default: .deferred(for: .seconds(600), grace: .seconds(pick([0, 600])))
        }
    }

    /// Takes everything from everybody and ends it.
    mutating func drain() async throws {
        try await bench.queue.resume()
        for stream in ReadyStream.allCases {
            for consumer in try await bench.consumers(of: stream) { try await bench.reclaimAll(from: consumer) }
        }
        for _ in 0..<1_000 {
            for id in try await bench.redis("ZRANGE", bench.key("due"), "0", "-1").array ?? [] {
                try await bench.makeDue(JobID(id.string ?? ""))
            }
            let dead = try await bench.queue.dead(limit: 256).map(\.id)
            if !dead.isEmpty { _ = try await bench.queue.discard(dead) }
            let deliveries = try await bench.fetch(200)
            for delivery in deliveries {
                var done = settlement(of: delivery, try await bench.queue.claim(delivery.receipt, as: .ann))
                if done.outcome.isOwn {
                    done = Settlement(
                        receipt: done.receipt,
                        id: done.id,
                        outcome: .done,
                        hasKey: done.hasKey
                    )
                }
                // One by one, because two jobs of a batch may have the same key.
                _ = try await bench.queue.settle([done], as: .ann)
            }
            let depth = try await bench.queue.depth()
            if depth.ready + depth.inFlight + depth.held + depth.dead == 0 { return }
        }
        Issue.record("the queue was never empty")
    }

    private mutating func chance(_ hits: Int, in tries: Int) -> Bool {
        Int.random(in: 0..<tries, using: &random) < hits
    }

    private mutating func pick<T>(_ values: [T]) -> T {
        values[Int.random(in: 0..<values.count, using: &random)]
    }
}

extension Outcome {
    /// Whether the worker chose it, and not the key.
    fileprivate var isOwn: Bool {
        switch self {
        case .duplicate, .dead(.keyMismatch, _): false
        default: true
        }
    }
}

extension Delivery {
    fileprivate var phase: JobPhase? {
        if case .success(let job) = job { job.phase } else { nil }
    }
}
