import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct BeatTests {
    /// Long, so that a slow machine makes nobody lost; what is lost here beat long before it.
    private static let lease = Duration.seconds(600)
    private static let leaseMilliseconds: Int64 = 600_000
    private static let longAgo: Int64 = 6_000_000

    private func beat(
        _ bench: Bench,
        as consumer: Consumer = .ann,
        lease: Duration = BeatTests.lease,
        census: Bool = false
    ) async throws -> BeatAnswer {
        try await bench.queue.beat(as: consumer, lease: lease, census: census, about: "{}")
    }

    @Test func `the first beat is new, the next is not`() async throws {
        try await Bench.run { bench in
            let first = try await beat(bench)
            #expect(first.isNew)
            #expect(first.lost.isEmpty && first.cancelled.isEmpty)
            #expect(first.nextDue == nil && first.nextExpiry == nil && !first.isPaused)
            #expect(try await !beat(bench).isNew)
            #expect(try await bench.queue.depth().workers == 1)
        }
    }

    @Test func `a worker says what it is, and is listed with its beat`() async throws {
        try await Bench.run { bench in
            let about = String(repeating: "x", count: 8_192)
            let answer = try await bench.queue.beat(as: .ann, about: about)
            let workers = try await bench.queue.workers()
            #expect(workers.count == 1)
            #expect(workers[0].consumer == .ann && workers[0].about == about)
            #expect(workers[0].lastBeat == answer.now)
            #expect(try await bench.refusal("pond_beat", "ann", "4000", "", about + "x").hasPrefix("INVALID beat"))
        }
    }

    @Test(arguments: [["ann", "99", "", ""], ["ann", "", "", ""], ["ann", "4000", ""], ["ann"]])
    func `a beat has four arguments and a lease of 100 ms at least`(words: [String]) async throws {
        try await Bench.run { bench in
            let text = try await bench.refusal("pond_beat", words.map { .text($0) })
            #expect(text.hasPrefix("INVALID beat"))
        }
    }

    @Test func `a consumer's name has 256 bytes at most`() async throws {
        try await Bench.run { bench in
            let name = String(repeating: "c", count: 256)
            let answer = try await bench.call("pond_beat", name, "100", "", "")
            #expect(answer.array?.count == 7)
            let refusal = try await bench.refusal("pond_beat", name + "c", "100", "", "")
            #expect(refusal.hasPrefix("INVALID beat"))
        }
    }

    @Test func `a beat hears the next due time and when the stalest other beat runs out`() async throws {
        try await Bench.run { bench in
            let id = try await bench.addHeld()
            try await bench.setBeat(.bob, millisecondsAgo: 1_000)
            try await bench.setBeat(.eve, millisecondsAgo: 500)
            let bobs = try #require(try await bench.redis("ZSCORE", bench.key("beats"), "bob").int)
            let answer = try await beat(bench)
            #expect(answer.nextDue == (try await bench.queue.job(id).due))
            #expect(answer.nextExpiry == ServerTime(milliseconds: bobs + Self.leaseMilliseconds))
            #expect(answer.lost.isEmpty)
            // The stalest is oneself: the next one counts.
            try await bench.setBeat(.ann, millisecondsAgo: 1_500)
            #expect(try await beat(bench).nextExpiry == ServerTime(milliseconds: bobs + Self.leaseMilliseconds))
            // One that has run out already does not hide the next.
            try await bench.setBeat(.eve, millisecondsAgo: 10 * Self.leaseMilliseconds)
            let both = try await beat(bench)
            #expect(both.lost == [.eve])
            #expect(both.nextExpiry == ServerTime(milliseconds: bobs + Self.leaseMilliseconds))
        }
    }

    @Test func `who has not beaten for a lease is lost, and at most sixteen are named`() async throws {
        try await Bench.run { bench in
            _ = try await beat(bench)
            for number in 0..<20 { try await bench.setBeat(Consumer("dead\(number)"), millisecondsAgo: Self.longAgo) }
            try await bench.setBeat(.bob, millisecondsAgo: 2_000)
            let answer = try await beat(bench)
            #expect(answer.lost.count == 16)
            #expect(!answer.lost.contains(.bob) && !answer.lost.contains(.ann))
        }
    }

    @Test func `after an outage nobody is lost until the living had time to beat`() async throws {
        try await Bench.run { bench in
            for consumer in [Consumer.ann, .bob, .eve] {
                try await bench.setBeat(consumer, millisecondsAgo: Self.longAgo)
            }
            let first = try await beat(bench)
            #expect(first.lost.isEmpty)
            #expect(!first.isNew)
            let until = Int64(try #require(try await bench.hash("meta")["no_reclaim_before_ms"])) ?? 0
            #expect(until == first.now.milliseconds + Self.leaseMilliseconds / 2)
            // The others beat in the grace; eve is dead indeed and is lost when the grace is over.
            #expect(try await beat(bench, as: .bob).lost.isEmpty)
            #expect(try await beat(bench).lost.isEmpty)
            try await bench.redis("HSET", bench.key("meta"), "no_reclaim_before_ms", "\(try await bench.now())")
            #expect(try await beat(bench).lost == [.eve])
        }
    }

    @Test(arguments: [Duration.milliseconds(200), .seconds(4), .seconds(60)])
    func `silence is half a lease, whatever the lease`(lease: Duration) async throws {
        try await Bench.run { bench in
            try await bench.setBeat(.bob, millisecondsAgo: lease.wholeMilliseconds / 2 + 20)
            let answer = try await beat(bench, lease: lease)
            let until = Int64(try await bench.hash("meta")["no_reclaim_before_ms"] ?? "0")
            #expect(until == answer.now.milliseconds + lease.wholeMilliseconds / 2)
        }
    }

    @Test func `a worker that beats every third of a long lease still finds the lost`() async throws {
        try await Bench.run { bench in
            try await bench.setBeat(.bob, millisecondsAgo: Self.longAgo)
            for _ in 0..<3 {
                try await bench.setBeat(.ann, millisecondsAgo: Self.leaseMilliseconds / 3)
                #expect(try await beat(bench).lost == [.bob])
            }
        }
    }

    @Test func `a grace that a turned clock left in the future binds nobody`() async throws {
        try await Bench.run { bench in
            try await bench.redis(
                "HSET",
                bench.key("meta"),
                "no_reclaim_before_ms",
                "\(try await bench.now() + 3_600_000)"
            )
            try await bench.setBeat(.ann, millisecondsAgo: 0)
            try await bench.setBeat(.bob, millisecondsAgo: Self.longAgo)
            #expect(try await beat(bench).lost == [.bob])
        }
    }

    @Test func `beats from the future are taken back to now`() async throws {
        try await Bench.run { bench in
            try await bench.setBeat(.bob, millisecondsAgo: -3_600_000)
            try await bench.setBeat(.eve, millisecondsAgo: -3_600_000)
            let answer = try await beat(bench)
            #expect(answer.lost.isEmpty)
            for consumer in [Consumer.bob, .eve] {
                let at = try #require(try await bench.redis("ZSCORE", bench.key("beats"), consumer.name).int)
                #expect(at == answer.now.milliseconds)
            }
            // So they are lost in time, when they are dead.
            try await bench.setBeat(.eve, millisecondsAgo: Self.longAgo)
            #expect(try await beat(bench).lost == [.eve])
        }
    }

    @Test func `the census adopts owners that never beat`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            _ = try await bench.fetchOne(as: .bob)
            #expect(try await beat(bench).lost.isEmpty)
            #expect(try await bench.redis("ZSCORE", bench.key("beats"), "bob").isNull)
            #expect(try await beat(bench, census: true).lost.isEmpty)
            let at = try #require(try await bench.redis("ZSCORE", bench.key("beats"), "bob").int)
            #expect(abs(at - (try await bench.now())) < 60_000)
            // A census does not renew the beat of one that it adopted, or it would never be lost.
            try await bench.setBeat(.bob, millisecondsAgo: Self.longAgo)
            #expect(try await beat(bench, census: true).lost == [.bob])
            #expect(try await bench.queue.reclaim(from: .bob, by: .ann).moved == 1)
            try await bench.expect(id, in: .ready(.front))
        }
    }

    @Test func `a census forgets who has gone and could not be removed at the time`() async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.open()
            try await bench.redis("XGROUP", "CREATECONSUMER", bench.key("ready:low"), "mp", "bob")
            _ = try await bench.queue.beat(as: .eve, about: "{}")
            try await bench.redis("XGROUP", "CREATECONSUMER", bench.key("ready:low"), "mp", "eve")
            _ = try await beat(bench, census: true)
            #expect(Set(try await bench.consumers(of: .low)) == [.bob, .eve])
            // An idle time cannot be made up, only waited for.
            try await Task.sleep(for: .milliseconds(5_100))
            _ = try await beat(bench, census: true)
            #expect(try await bench.consumers(of: .low) == [.eve])
        }
    }

    @Test func `a census leaves readers without jobs alone`() async throws {
        try await Bench.run { bench in
            try await bench.add()
            try await bench.settle(try await bench.fetchOne(as: .bob), .done, as: .bob)
            _ = try await beat(bench, census: true)
            #expect(try await bench.redis("ZSCORE", bench.key("beats"), "bob").isNull)
        }
    }

    @Test(arguments: ["18446744073709551615-18446744073709551615", "18446744073709551615-0", "9999999999999-0"])
    func `a stream that was given an id of the far future is renewed once it is empty`(last: String) async throws {
        try await Bench.run { bench in
            try await bench.redis("XADD", bench.key("ready"), last, "kind", "a")
            // Meanwhile jobs go on, by append and by function.
            let ids = [try await bench.add(), try await bench.addHeld()]
            try await bench.makeDue(ids[1])
            let fetched = try await bench.fetch()
            #expect(Set(fetched.map(\.id)) == Set(ids + [JobID(last)]))
            _ = try await beat(bench, census: true)
            for delivery in fetched { #expect(try await bench.settle(delivery, .done).word == "done") }
            #expect(try await bench.redis("EXISTS", bench.key("ready")).int == 1)
            _ = try await beat(bench, census: true)
            let fresh = try await bench.add()
            let age = try await bench.now() - (Int64(fresh.text.prefix { $0 != "-" }) ?? 0)
            #expect((0..<60_000).contains(age), "\(fresh)")
            #expect(try await bench.fetch().map(\.id) == [fresh])
            try await bench.expectWhole(ids + [JobID(last), fresh])
        }
    }

    @Test func `a misnumbered stream is not renewed while it holds a job`() async throws {
        try await Bench.run { bench in
            try await bench.redis("XADD", bench.key("ready"), "9999999999999-0", "kind", "a")
            _ = try await beat(bench, census: true)
            try await bench.expect(JobID("9999999999999-0"), in: .ready(.normal))
            _ = try await bench.fetchOne()
            _ = try await beat(bench, census: true)
            try await bench.expect(JobID("9999999999999-0"), in: .running(.ann))
        }
    }

    @Test func `who leaves is forgotten, but not while it owns a job`() async throws {
        try await Bench.run { bench in
            _ = try await beat(bench)
            let id = try await bench.add()
            let delivery = try await bench.fetchOne()
            #expect(try await bench.queue.leave(as: .ann) == false)
            try await bench.expect(id, in: .running(.ann))
            try await bench.settle(delivery, .released)
            #expect(try await bench.queue.leave(as: .ann))
            #expect(try await bench.queue.workers().isEmpty)
            #expect(try await bench.queue.depth().workers == 0)
            #expect(try await bench.consumers(of: .normal) == [])
            try await bench.expect(id, in: .ready(.front))
            #expect(try await bench.queue.leave(as: .ann))
        }
    }
}
