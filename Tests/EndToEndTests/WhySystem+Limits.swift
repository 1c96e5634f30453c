import PondCore
import PondInsight
import PondQueue
import PondRedis
import PondTestKit
import Testing

extension WhySystem {
    /// Jobs that a limit holds back, for each reason, of a queue that only a test works at.
    func limitedCases() async throws -> [WhyCase] {
        let queue = try queue("limits")
        try await queue.register()
        let ann = Consumer("ann")
        let limits = place.pond.limits
        _ = try await queue.beat(as: ann, about: "{}")
        for (name, spec) in [
            ("rate", "1/d"), ("room", "1 at a time"), ("told", "open"), ("down", "open"),
        ] {
            try await limits.set(try LimitName(defined: name), try LimitSpec(spec))
            try await queue.setLimitNeeds([name: try LimitNeed(name)])
        }
        try await limits.tell(try LimitNeed("told"), .throttled(.seconds(3_600)))
        for _ in 0..<25 { try await limits.tell(try LimitNeed("down"), .failed) }
        var cases: [WhyCase] = []
        for (name, reason) in [("rate", Reason.rateLimited), ("room", .concurrencyLimited), ("told", .throttled)] {
            var id = JobID("")
            for _ in 0..<2 { id = try await queue.enqueue(NewJob(kind: try JobKind(name))).id }
            cases.append(WhyCase(reason, says: "limit \(name)", of: id.text))
        }
        _ = try await queue.fetch(as: ann, atMost: 20)
        // Each fetch is a sign of life, too; from here on the worker beats for a long time to come.
        let ahead = try await queue.beat(as: ann, about: "{}").now.advanced(by: .seconds(3_600)).milliseconds
        let beat = RedisCommand("ZADD", .text(queue.keys.beats), .integer(ahead), "ann")
        _ = try await place.pond.redis.send(beat)
        // The breaker lets a probe through each second, so this is brought about when it is asked.
        cases.append(
            WhyCase(.breakerOpen, says: "limit down", passes: true) {
                for _ in 0..<25 { try await limits.tell(try LimitNeed("down"), .failed) }
                var id = JobID("")
                for _ in 0..<3 { id = try await queue.enqueue(NewJob(kind: try JobKind("down"))).id }
                _ = try await queue.fetch(as: ann, atMost: 20)
                return id.text
            }
        )
        return cases
    }
}
