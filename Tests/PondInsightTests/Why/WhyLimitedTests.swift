import PondCore
import PondInsight
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// What is said of a job that a limit holds back.
@Suite(.redis) struct WhyLimitedTests {
    private static let ann = Consumer("ann")

    /// Jobs of a kind that needs a limit, all looked at by a worker; the newest that is held back.
    private func held(
        _ place: WhyPlace,
        _ definition: String,
        need: String = "openai",
        jobs: Int,
        before: () async throws -> Void = {}
    ) async throws -> JobID {
        try await place.pond.limits.set(try LimitName(defined: need), try LimitSpec(definition))
        try await place.queue.setLimitNeeds(["order.charge": try LimitNeed(need)])
        _ = try await place.queue.beat(as: Self.ann, about: #"{"lease_ms":600000,"slots":9}"#)
        var ids: [JobID] = []
        for _ in 0..<jobs { ids.append(try await place.add()) }
        try await before()
        _ = try await place.queue.fetch(as: Self.ann, atMost: jobs)
        return try #require(ids.last)
    }

    @Test func `rate_limited: which limit, what it allows, how many are before it, and about when`() async throws {
        try await WhyPlace.run { place in
            let id = try await held(place, "2/m", jobs: 4)
            let report = try await place.why(id)
            #expect(report.reason == .rateLimited && report.state == .waiting)
            #expect(report.detail == "limit openai allows 2/m, and that is used up; 2 jobs are before it")
            #expect(report.next.contains(/^it begins in about 1m(2[5-9]|30)/), "\(report.next)")
            #expect(
                report.actions.prefix(2).map(\.text) == ["pond limit show openai", "pond limit set openai 2/m"]
            )
            #expect(try await place.queue.job(id).state == .limited)
        }
    }

    @Test func `a job that waits for one of a family is told of the family's definition`() async throws {
        try await WhyPlace.run { place in
            try await place.pond.limits.set(try LimitName(defined: "tenant:*"), try LimitSpec("1/h"))
            let id = try await held(place, "5/h burst 5", need: "tenant:acme", jobs: 8)
            let own = try await place.why(id)
            #expect(own.detail.hasPrefix("limit tenant:acme allows 5/h burst 5"))
            #expect(try await place.pond.limits.clear(try LimitName(defined: "tenant:acme")))
            // Now the family's holds, which lets one go.
            _ = try await place.queue.fetch(as: Self.ann, atMost: 9)
            let family = try await place.why(id)
            #expect(family.detail.hasPrefix("limit tenant:acme allows 1/h"), "\(family.detail)")
            #expect(family.actions.map(\.text).contains("pond limit set 'tenant:*' 1/h"))
        }
    }

    @Test func `concurrency_limited: how many have it now`() async throws {
        try await WhyPlace.run { place in
            let id = try await held(place, "2 at a time", jobs: 3)
            let report = try await place.why(id)
            #expect(report.reason == .concurrencyLimited)
            #expect(report.detail == "limit openai allows 2 at a time, and 2 jobs have it now; it is the next")
        }
    }

    @Test func `throttled: until when the other side wants to be left alone`() async throws {
        try await WhyPlace.run { place in
            let id = try await held(place, "open", jobs: 1) {
                try await place.pond.limits.tell(try LimitNeed("openai"), .throttled(.seconds(90)))
            }
            let report = try await place.why(id)
            #expect(report.reason == .throttled)
            #expect(
                report.detail.contains(/gets too much, and wants nothing for another 1m(2\d|30)/),
                "\(report.detail)"
            )
        }
    }

    @Test func `breaker_open: the breaker is open because calls fail`() async throws {
        try await WhyPlace.run { place in
            let id = try await held(place, "open", jobs: 2) {
                for _ in 0..<25 { try await place.pond.limits.tell(try LimitNeed("openai"), .failed) }
            }
            let report = try await place.why(id)
            #expect(report.reason == .breakerOpen && report.detail.hasPrefix("the breaker of limit openai is open"))
        }
    }

    @Test func `brownout: retries rest while their budget is empty`() async throws {
        try await WhyPlace.run { place in
            _ = try await held(place, "open", jobs: 1)
            // Ten seconds' worth of ten a second may be retried at once; these are more.
            let stream = place.queue.keys.ready(.normal)
            let words: [RedisArgument] = ["*", "kind", "order.charge", "data", "{}", "attempt", "1"]
            let replies = try await place.pond.redis.pipeline(
                (0..<400).map { _ in RedisCommand("XADD", [.text(stream)] + words) }
            )
            let last = JobID(try #require(try replies.last?.get().string))
            // A tenth of a second later one more may go, so it is asked right behind a fetch that used the budget up.
            var report = try await place.why(last)
            _ = try await Waiting.until {
                _ = try await place.queue.fetch(as: Self.ann, atMost: 400)
                report = try await place.why(last)
                return report.reason == .brownout
            }
            #expect(report.reason == .brownout, "\(report.reason): \(report.detail)")
            #expect(report.detail.hasPrefix("what limit openai is for fails so often that its retry budget is empty"))
        }
    }

    @Test func `a queue without workers says so first`() async throws {
        try await WhyPlace.run { place in
            let id = try await held(place, "1/h", jobs: 2)
            try await place.age(Self.ann, by: 700_000)
            let report = try await place.why(id)
            #expect(report.reason == .noWorker && report.next.contains("it begins when a worker"))
        }
    }
}
