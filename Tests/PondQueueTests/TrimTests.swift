import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// A batch of jobs that are done is cut off its stream, and nothing else is.
@Suite(.redis) struct TrimTests {
    private static let server = RedisServer.Options(aclUsers: [
        "user default on nopass ~* &* +@all", "user older on >secret ~* &* +@all -xtrim",
    ])

    private func add(_ count: Int, _ bench: Bench) async throws -> [String] {
        _ = try await bench.queue.open()
        for _ in 0..<count { try await bench.add() }
        return try await left(bench)
    }

    /// The entries that the stream has, by their ids.
    private func left(_ bench: Bench) async throws -> [String] {
        try await bench.entries(of: bench.key("ready")).map(\.entry)
    }

    private func settle(
        _ deliveries: some Sequence<Delivery>,
        _ bench: Bench,
        as consumer: Consumer = .ann
    ) async throws -> Set<SettleAnswer> {
        let done = deliveries.map { Settlement(receipt: $0.receipt, id: $0.id, outcome: .done) }
        return Set(try await bench.queue.settle(done, as: consumer))
    }

    /// Whether every entry that left the stream was cut off: XDEL notes the last that it deleted.
    private func isOnlyCut(_ bench: Bench) async throws -> Bool {
        let facts = try await bench.redis("XINFO", "STREAM", bench.key("ready")).array ?? []
        let place = facts.firstIndex { $0.string == "max-deleted-entry-id" }
        return facts[try #require(place) + 1].string == "0-0"
    }

    @Test func `a batch whose jobs are the oldest is cut off, and what waits behind it stays`() async throws {
        try await Bench.run { bench in
            let entries = try await add(60, bench)
            let deliveries = try await bench.fetch(40)
            #expect(try await settle(deliveries.shuffled(), bench) == [.done])
            #expect(try await left(bench) == Array(entries[40...]))
            #expect(try await isOnlyCut(bench))
            #expect(try await bench.fetch().map(\.receipt.entry) == Array(entries[40...]))
        }
    }

    @Test func `an older job that runs holds up nothing but itself`() async throws {
        try await Bench.run { bench in
            let entries = try await add(60, bench)
            let deliveries = try await bench.fetch(60)
            #expect(try await settle(deliveries[1..<30], bench) == [.done])
            #expect(try await left(bench) == [entries[0]] + entries[30...])
            #expect(try await settle(deliveries[30...], bench) == [.done])
            #expect(try await settle([deliveries[0]], bench) == [.done])
            #expect(try await left(bench) == [])
        }
    }

    @Test func `of a batch around a job that runs, the part before it is cut off`() async throws {
        try await Bench.run { bench in
            let entries = try await add(60, bench)
            let deliveries = try await bench.fetch(60)
            #expect(try await settle(deliveries[..<30] + deliveries[31...], bench) == [.done])
            #expect(try await left(bench) == [entries[30]])
        }
    }

    @Test func `an entry that somebody acknowledged by hand is not cut off`() async throws {
        try await Bench.run { bench in
            let entries = try await add(60, bench)
            let deliveries = try await bench.fetch(60)
            try await bench.redis("XACK", bench.key("ready"), "mp", entries[7])
            #expect(try await settle(deliveries[..<7] + deliveries[8...], bench) == [.done])
            #expect(try await left(bench) == [entries[7]])
        }
    }

    @Test func `entries that are to be delivered again are not cut off`() async throws {
        try await Bench.run { bench in
            let entries = try await add(60, bench)
            let deliveries = try await bench.fetch(60)
            try await bench.redis("XACK", bench.key("ready"), "mp", entries[0], entries[1])
            try await bench.redis("XGROUP", "SETID", bench.key("ready"), "mp", "0")
            #expect(try await settle(deliveries[30...], bench) == [.done])
            #expect(try await left(bench) == Array(entries[..<30]))
        }
    }

    @Test func `an entry that was deleted behind our back changes nothing for the others`() async throws {
        try await Bench.run { bench in
            let entries = try await add(60, bench)
            let deliveries = try await bench.fetch(60)
            try await bench.redis("XDEL", bench.key("ready"), entries[3])
            _ = try await settle(deliveries[..<40], bench)
            #expect(try await left(bench) == Array(entries[40...]))
        }
    }

    @Test(.redis(server)) func `a user who may not trim settles as before`() async throws {
        try await Bench.run { admin in
            try await admin.pond.installLibrary()
            let entries = try await add(60, admin)
            try await Bench.run(url: "unix://older:secret@\(RedisServer.current.socketPath)") { own in
                let bench = Bench(pond: own.pond, queue: try own.pond.queue(admin.name))
                for start in [0, 20] {
                    let deliveries = try await bench.fetch(20)
                    #expect(try await settle(deliveries, bench) == [.done])
                    #expect(try await left(bench) == Array(entries[(start + 20)...]))
                }
            }
            // It was tried once, not at each call.
            #expect(try await admin.redis("ACL", "LOG").array?.count == 1)
        }
    }

    /// Three workers that take and settle in any order, and give some back: what is left is what is not done.
    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func `whoever settles in whatever order, what is left is what is not done`(seed: UInt64) async throws {
        try await Bench.run { bench in
            var random = SeededGenerator(seed: seed)
            var rest = Set(try await add(400, bench))
            let workers: [Consumer] = [.ann, .bob, .eve]
            var held: [Consumer: [Delivery]] = [:]
            while !rest.isEmpty {
                let worker = workers.randomElement(using: &random) ?? .ann
                let taken = try await bench.fetch(as: worker, Int.random(in: 1...60, using: &random))
                held[worker, default: []] += taken
                held[worker]?.shuffle(using: &random)
                let batch = (held[worker] ?? []).suffix(Int.random(in: 0...80, using: &random))
                guard !batch.isEmpty else { continue }
                held[worker]?.removeLast(batch.count)
                #expect(try await settle(batch, bench, as: worker) == [.done])
                rest.subtract(batch.map(\.receipt.entry))
                guard Set(try await left(bench)) == rest else { throw Unexpected("seed \(seed): not what is left") }
            }
        }
    }
}
