import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// Entries that somebody appended by hand and that are larger than any job: they must neither stop nor tire the others.
@Suite(.redis) struct OversizedTests {
    private static let payload = Limits.entryBytesMax + (1 << 20)

    /// Appends such an entry.
    private func addOversized(_ bench: Bench) async throws -> JobID {
        let payload = RedisArgument.bytes([UInt8](repeating: 0x78, count: Self.payload))
        let words: [RedisArgument] = [.text(bench.key("ready")), "*", "kind", "a.b", "data", payload]
        let reply = try await bench.pond.redis.send(RedisCommand("XADD", words))
        return JobID(try #require(reply.string))
    }

    /// The same queue for a client that refuses any reply as large as that.
    private func withNarrowClient(_ bench: Bench, _ body: (Queue) async throws -> Void) async throws {
        var configuration = try RedisConfiguration(url: RedisServer.current.url)
        configuration.replyBytesMax = Limits.entryBytesMax
        let pond = Pond(configuration)
        do { try await body(pond.queue(bench.name)) } catch {
            await pond.close()
            throw error
        }
        await pond.close()
    }

    @Test func `what cannot be handed out is dead as malformed, and the others are left`() async throws {
        try await Bench.run { bench in
            let first = try await bench.add()
            let oversized = try await addOversized(bench)
            let last = try await bench.add()
            try await withNarrowClient(bench) { queue in
                let error = await #expect(throws: QueueError.self) { try await queue.fetch(as: .ann, atMost: 10) }
                #expect(error?.redis?.code == .protocolViolation)
                #expect(try await queue.buryOversized(as: .ann) == 1)
                #expect(try await queue.buryOversized(as: .ann) == 0)
                let report = try await queue.job(oversized)
                #expect(report.state == .dead && report.cause == "malformed")
                #expect(report.error == "the entry has \(Self.payload + 11) bytes, allowed are \(Limits.entryBytesMax)")
                #expect(report.payload?.count == Limits.headerValueBytesMax)
            }
            #expect(try await bench.queue.owned(by: .ann).receipts.map(\.entry) == [first.text, last.text])
            try await bench.expectWhole([first, oversized, last])
        }
    }

    @Test func `of many large ones each is buried, whatever one call reads at most`() async throws {
        try await Bench.run { bench in
            // More than the 64 MiB that one call looks at.
            var ids: [JobID] = []
            for _ in 0..<24 { ids.append(try await addOversized(bench)) }
            try await bench.redis("XGROUP", "CREATE", bench.key("ready"), "mp", "0")
            for _ in 0..<24 {
                try await bench.redis(
                    "XREADGROUP",
                    "GROUP",
                    "mp",
                    "ann",
                    "COUNT",
                    "1",
                    "STREAMS",
                    bench.key("ready"),
                    ">"
                )
            }
            #expect(try await bench.queue.buryOversized(as: .ann) == 24)
            try await bench.expectWhole(ids)
        }
    }

    @Test func `what waits is shown and exported in part, and never taken for a job`() async throws {
        try await Bench.run { bench in
            let id = try await addOversized(bench)
            try await withNarrowClient(bench) { queue in
                let report = try await queue.job(id)
                #expect(report.state == .ready && report.payload?.count == Limits.headerValueBytesMax)
                let page = try await queue.export(.normal, after: "", upTo: "")
                let job = try #require(page.jobs.first)
                let malformation = #expect(throws: Malformation.self) { try job.job.get() }
                #expect(malformation?.text.hasPrefix("the entry has \(Self.payload + 11) bytes") == true)
            }
            try await bench.expect(id, in: .ready(.normal))
        }
    }

    @Test func `it is not carried on when its worker dies or hands it back`() async throws {
        try await Bench.run { bench in
            let ids = [try await addOversized(bench), try await addOversized(bench)]
            let delivery = try await bench.fetchOne()
            #expect(try await bench.settle(delivery, .released).word == "dead")
            _ = try await bench.fetchOne()
            #expect(try await bench.reclaimAll(from: .ann) == (moved: 0, buried: 1))
            for id in ids { #expect(try await bench.queue.job(id).cause == "malformed") }
            let kept = try await bench.redis("MEMORY", "USAGE", bench.key("dead")).int ?? 0
            #expect(kept < 64 * 1_024)
            try await bench.expectWhole(ids)
        }
    }
}
