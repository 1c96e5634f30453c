import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// What a producer gave is what a handler gets: no place on the way reads, re-encodes or cuts it.
@Suite(.redis) struct BytesTests {
    private static let everyByte = (0...255).map { UInt8($0) }

    @Test func `payload and headers are the same bytes in every place`() async throws {
        try await Bench.run { bench in
            var options = EnqueueOptions.after(.seconds(600))
            options.headers = ["nul": "a\u{0}b\r\n", "é": "\u{1F986}", "empty": "", "number": "9007199254740993"]
            let id = try await bench.queue.enqueue(
                NewJob(kind: .test, data: Self.everyByte, options: options)
            ).id
            func expectSame(_ delivery: Delivery? = nil, at location: SourceLocation = #_sourceLocation) async throws {
                if let job = try delivery?.job.get() {
                    #expect(job.id == id && job.data == Self.everyByte, sourceLocation: location)
                    #expect(job.headers == options.headers, sourceLocation: location)
                }
                let report = try await bench.queue.job(id)
                #expect(report.payload == Self.everyByte, sourceLocation: location)
                for (name, value) in options.headers {
                    let stored = report.fields.first { $0.name == Array(name.utf8) }?.value
                    #expect(stored == Array(value.utf8), sourceLocation: location)
                }
            }
            try await expectSame()
            try await bench.makeDue(id)
            _ = try await bench.queue.promote(as: .ann)
            try await expectSame()
            let promoted = try await bench.fetchOne()
            try await expectSame(promoted)
            try await bench.settle(promoted, .released)
            let released = try await bench.fetchOne()
            try await expectSame(released)
            try await bench.reclaimAll(from: .ann)
            let reclaimed = try await bench.fetchOne()
            try await expectSame(reclaimed)
            try await bench.settle(reclaimed, .retry(after: .seconds(60), error: "e"))
            try await expectSame()
            try await bench.makeDue(id)
            let retried = try await bench.fetchOne()
            try await expectSame(retried)
            try await bench.settle(retried, .deferred(for: .seconds(60), grace: .seconds(600)))
            try await expectSame()
            try await bench.makeDue(id)
            try await bench.settle(try await bench.fetchOne(), .dead(cause: .failed, error: "e"))
            try await expectSame()
            #expect(try await bench.queue.revive([id]) == [.enqueued])
            try await expectSame(try await bench.fetchOne())
        }
    }

    @Test func `a payload of 1 MiB goes every way`() async throws {
        try await Bench.run { bench in
            let payload = (0..<Limits.payloadBytesMax).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let id = try await bench.queue.enqueue(
                NewJob(kind: .test, data: payload, options: .after(.seconds(600)))
            ).id
            try await bench.makeDue(id)
            try await bench.settle(try await bench.fetchOne(), .released)
            try await bench.settle(try await bench.fetchOne(), .dead(cause: .failed, error: "e"))
            _ = try await bench.queue.revive([id])
            #expect(try await bench.fetchOne().job.get().data == payload)
        }
    }

    @Test func `fields that no program of ours would write are kept in their order`() async throws {
        try await Bench.run { bench in
            let fields: [[UInt8]] = [
                Array("kind".utf8), Array("a".utf8), [0xff, 0], Self.everyByte, [0x20], [], Array("z".utf8),
                Array("1".utf8),
            ]
            let command = RedisCommand("XADD", [.text(bench.key("ready")), "*"] + fields.map { .bytes($0) })
            let id = JobID(try #require(try await bench.pond.redis.send(command).string))
            try await bench.settle(try await bench.fetchOne(), .released)
            try await bench.reclaim(of: id)
            let kept = try await bench.queue.job(id).fields.filter { !Self.owned.contains($0.name) }
            #expect(kept.flatMap { [$0.name, $0.value] } == fields)
        }
    }

    private static let owned = Set(WireField.allCases.filter(\.isOwnedByLibrary).map { Array($0.rawValue.utf8) })

    @Test func `a hostile error text harms nobody`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let text = "\r\n-ERR \u{0}\u{1b}[2J '; return 1 \u{FFFD} %s {q}"
            try await bench.settle(try await bench.fetchOne(), .retry(after: .seconds(60), error: text))
            try await bench.makeDue(id)
            let delivery = try await bench.fetchOne()
            #expect(try delivery.job.get().lastError == text)
            #expect(
                try await bench.settle(delivery, .dead(cause: Cause("a b c"), error: text)) == .dead(cause: "a b c")
            )
            let dead = try #require(try await bench.queue.dead(cause: "a b c").first)
            #expect(dead.error == text)
            try await bench.expect(id, in: .dead)
        }
    }
}

extension Bench {
    /// One takeover of a running job from `ann`.
    fileprivate func reclaim(of id: JobID) async throws {
        _ = try await fetchOne()
        #expect(try await reclaimAll(from: .ann) == (1, 0))
        try await expect(id, in: .ready(.front))
    }
}
