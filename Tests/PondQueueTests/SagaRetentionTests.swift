import PondCore
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

/// Nothing of a saga that has ended stays for ever.
@Suite(.redis) struct SagaRetentionTests {
    /// What the queue's keys take, but its journal, which has a bound of its own.
    private func bytes(_ bench: Bench) async throws -> (keys: Set<String>, bytes: Int64) {
        let found = try await bench.redis("KEYS", bench.key("*")).array?.compactMap(\.string) ?? []
        let keys = Set(found).subtracting([bench.key("journal")])
        var bytes: Int64 = 0
        for key in keys { bytes += try await bench.redis("MEMORY", "USAGE", key, "SAMPLES", "0").int ?? 0 }
        return (keys, bytes)
    }

    /// How a saga of the test ends, by its number.
    private func outcome(_ number: Int) -> Outcome {
        switch number % 4 {
        case 0: .done
        case 1: .cancelled
        case 2: .dead(cause: .failed, error: "e")
        default: .expired
        }
    }

    private func settle(_ deliveries: [(Delivery, Outcome)], _ bench: Bench) async throws {
        let settlements = deliveries.map { delivery, outcome in
            Settlement(receipt: delivery.receipt, id: delivery.id, outcome: outcome, isSaga: true)
        }
        _ = try await bench.queue.settle(settlements, as: .ann)
    }

    /// Sagas with a step and a token, some with an early signal and a fan-out, that end in every way.
    private func end(_ count: Int, _ bench: Bench) async throws {
        let kind = try JobKind("a.b")
        _ = try await bench.queue.enqueue((0..<count).map { _ in NewJob(kind: kind, data: []) })
        let sagas = try await bench.fetch(as: .ann, count)
        for (number, delivery) in sagas.enumerated() {
            let flags = number % 4 == 1 ? "u" : ""
            let token = "token-\(delivery.id)"
            let words = [
                "ann", delivery.receipt.stream.rawValue, delivery.receipt.entry, delivery.id.text, "begin", "a", "step",
                "keyed", flags, "", "", "", "", "commit", "a", "done", "1", "begin", "ask", "callback", "keyed", "", "",
                token, TokenHash.of(token), "",
            ]
            try await bench.call("pond_step", words.map { .text($0) })
            guard number % 20 < 4 else { continue }
            _ = try await bench.queue.signal("note", to: delivery.id, [1])
            let kids = SagaChildren("kids", kind: kind, payloads: [[]], limit: 1)
            _ = try await bench.store(delivery).children(kids)
        }
        try await settle(sagas.enumerated().map { ($1, outcome($0)) }, bench)
        // Children of those that ended, then those that undo.
        while case let left = try await bench.fetch(as: .ann, 100), !left.isEmpty {
            for delivery in left {
                guard try delivery.job.get().isChild else {
                    let store = bench.store(delivery)
                    try await store.undo("a")
                    #expect(try await store.end(.cancelled, "") == .moved)
                    continue
                }
            }
            try await settle(try left.map { ($0, try $0.job.get().isChild ? .done : .cancelled) }, bench)
        }
        let dead = try await bench.queue.dead().map(\.id)
        _ = try await bench.queue.discard(dead)
    }

    /// Lets an hour pass, by what is remembered of the time: what ended is an hour older, and its keys have had theirs.
    private func letAnHourPass(_ bench: Bench) async throws {
        let kept = Limits.sagaKept.wholeMilliseconds
        let script = """
            local stay = {}
            for _, family in ipairs({'saga', 'token', 'signals', 'join'}) do
                for _, key in ipairs(redis.call('KEYS', ARGV[1] .. ':' .. family .. ':*')) do
                    local left = redis.call('PTTL', key)
                    if left > 0 and left <= tonumber(ARGV[2]) then redis.call('DEL', key) else stay[#stay + 1] = key end
                end
            end
            local list = redis.call('ZRANGE', ARGV[1] .. ':sagas', 0, -1, 'WITHSCORES')
            for i = 1, #list, 2 do
                redis.call('ZADD', ARGV[1] .. ':sagas', string.format('%.0f', list[i + 1] - ARGV[2] - 1), list[i])
            end
            return stay
            """
        let stay = try await bench.redis("EVAL", script, "0", bench.queue.keys.base, "\(kept)").array ?? []
        #expect(stay.isEmpty, "these stay for ever: \(stay.compactMap(\.string))")
    }

    @Test func `a thousand sagas that ended leave as much memory as there was`() async throws {
        try await Bench.run { bench in
            // What a queue has once and for all.
            try await end(8, bench)
            try await letAnHourPass(bench)
            try await bench.call("pond_beat", "ann", "10000", "1", "{}")
            let base = try await bytes(bench)
            for _ in 0..<10 { try await end(100, bench) }
            #expect(try await bench.redis("ZCARD", bench.key("sagas")).int ?? 0 >= 1_000)
            try await letAnHourPass(bench)
            let isForgotten = try await Waiting.until {
                // As many heartbeats as it takes: each takes some of them off the list.
                try await bench.call("pond_beat", "ann", "10000", "1", "{}")
                return try await bench.redis("ZCARD", bench.key("sagas")).int == 0
            }
            #expect(isForgotten)
            let after = try await bytes(bench)
            #expect(after.keys.subtracting(base.keys).isEmpty, "\(after.keys.subtracting(base.keys))")
            #expect(after.bytes <= base.bytes + 4_096, "\(base.bytes) bytes before, \(after.bytes) after")
        }
    }
}
