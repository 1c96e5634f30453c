import PondCore
import PondTestKit
import Testing

/// Who gets a key, on every store there is.
@Suite(.redis) struct ClaimTests {
    @Test(arguments: Bench.all) func `a key that nobody has is claimed, and again by the same delivery`(
        bench: Bench
    ) async throws {
        try await bench.run { bench async throws in
            let job = try await bench.deliver()
            #expect(try await bench.record(of: job)?.state != .running)
            for _ in 0..<3 { #expect(try await bench.store.claim(job) == .claimed) }
            let record = try #require(try await bench.record(of: job))
            #expect(record.id == job.id && record.state == .running && record.fence == job.fence)
            #expect(record.checksum == nil && record.result == nil && record.endedAt == nil)
        }
    }

    @Test(arguments: Bench.all) func `the fingerprint is that of kind, zero byte and payload`(bench: Bench) async throws
    {
        try await bench.run { bench async throws in
            // printf 'order.book\0{"n":7}' | sha1sum
            let job = try await bench.claimed(JobOrder(data: #"{"n":7}"#))
            #expect(try await bench.record(of: job)?.fingerprint == "d75eba1f0e9f6cc1")
        }
    }

    @Test(arguments: Bench.all) func `another job is a duplicate while the first runs`(bench: Bench) async throws {
        try await bench.run { bench async throws in
            let job = try await bench.claimed()
            let other = try await bench.deliver()
            #expect(other.id != job.id)
            let record = try #require(try await bench.record(of: job))
            for _ in 0..<2 { #expect(try await bench.store.claim(other) == .duplicate(record)) }
            #expect(try await bench.record(of: job) == record)
        }
    }

    @Test(arguments: Bench.all) func `another job is a duplicate after the first is done`(bench: Bench) async throws {
        try await bench.run { bench async throws in
            let job = try await bench.claimed()
            #expect(try await bench.store.end(job, as: .done(JobResult(Array("42".utf8)))))
            let other = try await bench.deliver()
            let record = try #require(try await bench.record(of: job))
            #expect(record.state == .done && record.id == job.id)
            #expect(try await bench.store.claim(other) == .duplicate(record))
        }
    }

    @Test(arguments: Bench.all) func `another job is a duplicate while the first is dead`(bench: Bench) async throws {
        try await bench.run { bench async throws in
            let job = try await bench.claimed()
            #expect(try await bench.store.end(job, as: .dead))
            let other = try await bench.deliver()
            let record = try #require(try await bench.record(of: job))
            #expect(record.state == .dead && record.checksum == nil)
            #expect(try await bench.store.claim(other) == .duplicate(record))
        }
    }

    @Test(arguments: Bench.all) func `a key that stands for something else is a mismatch`(bench: Bench) async throws {
        try await bench.run { bench async throws in
            let job = try await bench.claimed(JobOrder(data: "7"))
            for ending in [nil, KeyEnding.done(nil)] {
                if let ending { #expect(try await bench.store.end(job, as: ending)) }
                let record = try #require(try await bench.record(of: job))
                for order in [JobOrder(data: "8"), JobOrder(kind: "order.bill", data: "7"), JobOrder(data: "")] {
                    let other = try await bench.deliver(order)
                    #expect(try await bench.store.claim(other) == .mismatch(record))
                }
                #expect(try await bench.record(of: job) == record)
            }
        }
    }

    @Test(arguments: Bench.all) func `a later delivery takes the key over, and the stale one has lost it`(
        bench: Bench
    ) async throws {
        try await bench.run { bench async throws in
            let stale = try await bench.claimed()
            let job = try await bench.takeOver(stale)
            #expect(job.fence > stale.fence && job.id == stale.id)
            #expect(try await bench.store.claim(job) == .claimed)
            #expect(try await bench.store.claim(stale) == .lost)
            #expect(try await bench.record(of: job)?.fence == job.fence)
            let other = try await bench.deliver()
            guard case .duplicate(let record) = try await bench.store.claim(other) else {
                Issue.record("another job got the key")
                return
            }
            #expect(record.id == job.id && record.fence == job.fence)
        }
    }

    @Test(arguments: Bench.all) func `a job that is done is not run again`(bench: Bench) async throws {
        try await bench.run { bench async throws in
            let job = try await bench.claimed()
            #expect(try await bench.store.end(job, as: .done(nil)))
            switch try await bench.store.claim(job) {
            // A store that ties claims to deliveries knows that this one is over.
            case .duplicate, .lost: break
            case let claim: Issue.record("a job that was done got \(claim)")
            }
            #expect(try await bench.record(of: job)?.state == .done)
        }
    }

    @Test(arguments: Bench.all) func `one of many gets a key, for each of a thousand keys`(bench: Bench) async throws {
        try await bench.run { bench async throws in
            let orders = (0..<8_000).map { JobOrder(key: "order-\($0 % 1_000)") }
            let jobs = try await bench.deliver(orders)
            let claims = try await withThrowingTaskGroup(of: [KeyClaim].self) { group in
                for claimer in 0..<8 {
                    let own = jobs[claimer * 1_000..<(claimer + 1) * 1_000]
                    group.addTask { try await claimAll(own, on: bench.store) }
                }
                return try await group.reduce(into: [KeyClaim]()) { $0 += $1 }
            }
            #expect(claims.count == 8_000)
            #expect(claims.count { $0 == .claimed } == 1_000)
            let isOther = claims.count { if case .duplicate = $0 { true } else { false } }
            #expect(isOther == 7_000)
            for job in jobs.prefix(1_000) { #expect(try await bench.record(of: job)?.state == .running) }
        }
    }

    private func claimAll(_ jobs: ArraySlice<KeyedJob>, on store: any IdempotencyStore) async throws -> [KeyClaim] {
        try await withThrowingTaskGroup(of: KeyClaim.self) { group in
            for job in jobs { group.addTask { try await store.claim(job) } }
            return try await group.reduce(into: [KeyClaim]()) { $0.append($1) }
        }
    }

    @Test(arguments: Bench.all) func `keys of any bytes are told apart`(bench: Bench) async throws {
        try await bench.run { bench async throws in
            let keys = [
                "a", "a\u{0}", "a\u{0}b", "a\u{0}c", "A", "é", "e\u{301}", "日本", "a b\r\n", "{a}:b*?", "'; --",
                String(repeating: "x", count: 256), String(repeating: "x", count: 255) + "y",
            ]
            let jobs = try await bench.deliver(keys.map { JobOrder(key: $0) })
            for job in jobs { #expect(try await bench.store.claim(job) == .claimed, "\(job.key)") }
            for job in jobs { #expect(try await bench.record(of: job)?.id == job.id, "\(job.key)") }
        }
    }

    @Test(arguments: Bench.all) func `queues do not mix`(bench: Bench) async throws {
        try await bench.run { bench async throws in
            let jobs = try await bench.deliver([JobOrder(queue: "orders"), JobOrder(queue: "returns")])
            #expect(jobs[0].queue != jobs[1].queue)
            for job in jobs { #expect(try await bench.store.claim(job) == .claimed) }
            #expect(try await bench.store.end(jobs[0], as: .done(nil)))
            #expect(try await bench.record(of: jobs[1])?.state == .running)
        }
    }
}
