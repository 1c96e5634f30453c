import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// Jobs with the same key run once: from the moment one is enqueued until its window is over.
@Suite(.redis) struct KeyTests {
    private func once(_ key: String = "order-42") throws -> EnqueueOptions { try .once(key) }

    private func enqueue(
        _ bench: Bench,
        _ data: String = "{}",
        _ options: EnqueueOptions? = nil
    ) async throws -> EnqueueAnswer {
        try await bench.queue.enqueue(
            NewJob(kind: .test, data: Array(data.utf8), options: try options ?? once())
        )
    }

    private func finish(_ bench: Bench, _ delivery: Delivery, _ result: JobResult? = nil) async throws -> SettleAnswer {
        let done = Settlement(
            receipt: delivery.receipt,
            id: delivery.id,
            outcome: .done,
            hasKey: true,
            result: result
        )
        return try #require(try await bench.queue.settle([done], as: .ann).first)
    }

    @Test func `a known key answers with its job and how far that is`() async throws {
        try await Bench.run { bench in
            let id = try await enqueue(bench).id
            #expect(try await enqueue(bench) == .duplicate(id, .queued, checksum: nil))
            let delivery = try await bench.fetchOne()
            #expect(try await enqueue(bench) == .duplicate(id, .running, checksum: nil))
            #expect(try await bench.queue.claim(delivery.receipt, as: .ann) == .claimed)
            try await bench.settle(delivery, .retry(after: .seconds(600), error: "e"))
            #expect(try await enqueue(bench) == .duplicate(id, .queued, checksum: nil))
            try await bench.makeDue(id)
            let again = try await bench.fetchOne()
            #expect(try await finish(bench, again, JobResult(Array("paid".utf8))) == .done)
            // The first 16 hex digits of the SHA-1 of `paid`.
            #expect(try await enqueue(bench) == .duplicate(id, .done, checksum: "9e1f1120d2eedc49"))
            try await bench.expectWhole([id])
            #expect(try await bench.hash("keys:live").isEmpty)
        }
    }

    @Test func `the job of a key may be held`() async throws {
        try await Bench.run { bench in
            var options = try once()
            options.delay = .seconds(600)
            let id = try await enqueue(bench, "{}", options).id
            #expect(try await enqueue(bench) == .duplicate(id, .queued, checksum: nil))
            try await bench.makeDue(id)
            _ = try await finish(bench, try await bench.fetchOne())
            #expect(try await enqueue(bench) == .duplicate(id, .done, checksum: nil))
        }
    }

    @Test(arguments: ["running", "done", "dead"])
    func `the same key with another payload or kind is refused, and nothing is written`(state: String) async throws {
        try await Bench.run { bench in
            let id = try await enqueue(bench).id
            let delivery = try await bench.fetchOne()
            if state == "done" { _ = try await finish(bench, delivery) }
            if state == "dead" { try await bench.settle(delivery, .dead(cause: .failed, error: "e")) }
            for (kind, data) in [("a.b", "{\"other\":1}"), ("a.c", "{}")] {
                let text = try await bench.refusal("pond_enqueue", "kind", kind, "data", data, "key", "order-42")
                #expect(text.hasPrefix("KEYMISMATCH key \"order-42\" belongs to job \(id), which is \(state)"))
            }
            let error = await #expect(throws: QueueError.self) { try await enqueue(bench, "[]") }
            #expect(error?.code == .keyMismatch)
            try await bench.expectWhole([id])
        }
    }

    @Test func `a dead job keeps its key until it is discarded, and has it again when it is revived`() async throws {
        try await Bench.run { bench in
            let id = try await enqueue(bench).id
            try await bench.settle(try await bench.fetchOne(), .dead(cause: .failed, error: "e"))
            #expect(try await enqueue(bench) == .duplicate(id, .dead, checksum: nil))
            _ = try await bench.queue.revive([id])
            #expect(try await enqueue(bench) == .duplicate(id, .queued, checksum: nil))
            let delivery = try await bench.fetchOne()
            #expect(try await bench.queue.claim(delivery.receipt, as: .ann) == .claimed)
            try await bench.settle(delivery, .dead(cause: .failed, error: "e"))
            _ = try await bench.queue.discard([id])
            let second = try await enqueue(bench)
            #expect(second.id != id)
            try await bench.expectWhole([id, second.id])
        }
    }

    @Test(arguments: [Outcome.cancelled, .expired])
    func `a job that ends without being done frees its key`(outcome: Outcome) async throws {
        try await Bench.run { bench in
            let id = try await enqueue(bench).id
            try await bench.settle(try await bench.fetchOne(), outcome)
            let second = try await enqueue(bench)
            #expect(second.id != id)
            try await bench.expectWhole([id, second.id])
        }
    }

    @Test func `cancelling a ready, a held and a running job frees its key`() async throws {
        try await Bench.run { bench in
            var ids = [try await enqueue(bench).id]
            #expect(try await bench.queue.cancel(ids[0]) == .cancelled)
            var later = try once()
            later.delay = .seconds(600)
            ids.append(try await enqueue(bench, "{}", later).id)
            #expect(try await bench.queue.cancel(ids[1]) == .cancelled)
            ids.append(try await enqueue(bench).id)
            _ = try await bench.fetchOne()
            #expect(try await bench.queue.cancel(ids[2]) == .cancelling)
            try await bench.reclaimAll(from: .ann)
            ids.append(try await enqueue(bench).id)
            #expect(Set(ids).count == 4)
            try await bench.expectWhole(ids)
        }
    }

    @Test func `a key whose job was deleted by hand is free`() async throws {
        try await Bench.run { bench in
            let id = try await enqueue(bench).id
            try await bench.redis("XDEL", bench.key("ready"), id.text)
            guard case .enqueued(let second) = try await enqueue(bench) else { throw Unexpected("no new job") }
            try await bench.expectWhole([second])
        }
    }

    @Test func `keys of two queues do not meet`() async throws {
        try await Bench.run { bench in
            let other = try bench.pond.queue(RedisServer.uniqueName("other"))
            _ = try await enqueue(bench)
            let job = NewJob(kind: .test, data: Array("{}".utf8), options: try once())
            guard case .enqueued = try await other.enqueue(job) else { throw Unexpected("refused") }
        }
    }

    @Test func `a key of plain XADD is checked when its job is claimed`() async throws {
        try await Bench.run { bench in
            for _ in 0..<3 {
                try await bench.redis("XADD", bench.key("ready"), "*", "kind", "a.b", "data", "1", "key", "k")
            }
            try await bench.redis("XADD", bench.key("ready"), "*", "kind", "a.b", "data", "2", "key", "k")
            let deliveries = try await bench.fetch()
            #expect(try await bench.queue.claim(deliveries[1].receipt, as: .ann) == .claimed)
            #expect(try await bench.queue.claim(deliveries[1].receipt, as: .ann) == .claimed)
            guard case .duplicate(let record) = try await bench.queue.claim(deliveries[0].receipt, as: .ann),
                case .mismatch(let other) = try await bench.queue.claim(deliveries[3].receipt, as: .ann)
            else { throw Unexpected("claimed twice") }
            #expect(record.id == deliveries[1].id && record.state == .running)
            #expect(other.id == deliveries[1].id)
            #expect(try await finish(bench, deliveries[1]) == .done)
            guard case .duplicate(let done) = try await bench.queue.claim(deliveries[2].receipt, as: .ann) else {
                throw Unexpected("claimed after done")
            }
            #expect(done.state == .done && done.id == deliveries[1].id && done.endedAt != nil)
            for index in [0, 2] {
                #expect(try await bench.settle(deliveries[index], .duplicate(of: done.id)) == .duplicate)
            }
            try await bench.expect(deliveries[0].id, endedAs: "duplicate")
        }
    }

    @Test func `a claim is the owner's alone`() async throws {
        try await Bench.run { bench in
            let id = try await enqueue(bench).id
            let late = try await bench.fetchOne()
            #expect(try await bench.queue.claim(late.receipt, as: .bob) == .lost)
            try await bench.reclaimAll(from: .ann)
            #expect(try await bench.queue.claim(late.receipt, as: .ann) == .lost)
            let second = try await bench.fetchOne(as: .bob)
            #expect(try await bench.queue.claim(second.receipt, as: .bob) == .claimed)
            #expect(try await finish(bench, late) == .lost)
            #expect(try await bench.queue.record(of: try IdempotencyKey("order-42"))?.state == .running)
            try await bench.expect(id, in: .running(.bob))
        }
    }

    @Test func `a tombstone lives its window, and at most an eighth of it longer`() async throws {
        try await Bench.run { bench in
            // Long enough that its steps are not shorter than a slow machine's pauses.
            let window = Duration.milliseconds(1_600)
            _ = try await bench.queue.open(keyWindow: window)
            _ = try await enqueue(bench)
            _ = try await finish(bench, try await bench.fetchOne())
            let key = try IdempotencyKey("order-42")
            let ended = try #require(try await bench.queue.record(of: key)?.endedAt).milliseconds
            let hash = try #require(try await bench.redis("ZRANGE", bench.key("keys"), "0", "0").array?.first?.string)
            let expiry = try #require(try await bench.redis("PEXPIRETIME", bench.key("keys:\(hash)")).int)
            #expect(expiry >= ended + 1_600 && expiry <= ended + 1_600 + 200)
            let scored = try await bench.redis("ZSCORE", bench.key("keys"), hash).string
            #expect(scored == "\(expiry)")
            #expect(try await Waiting.until { try await bench.now() >= expiry })
            #expect(try await bench.queue.record(of: key) == nil)
            guard case .enqueued = try await enqueue(bench) else { throw Unexpected("still known") }
            #expect(try await bench.redis("EXISTS", bench.key("keys:\(hash)")).int == 0)
        }
    }

    @Test func `a window that is changed does not shorten what was promised before`() async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.open(keyWindow: .seconds(3_600))
            let id = try await enqueue(bench).id
            _ = try await finish(bench, try await bench.fetchOne())
            _ = try await bench.queue.open(keyWindow: .milliseconds(100))
            let later = try await bench.now() + 150
            #expect(try await Waiting.until { try await bench.now() >= later })
            #expect(try await enqueue(bench) == .duplicate(id, .done, checksum: nil))
        }
    }

    @Test func `a queue whose keys another store remembers keeps no tombstones`() async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.open(keyWindow: .zero)
            let id = try await enqueue(bench).id
            #expect(try await enqueue(bench) == .duplicate(id, .queued, checksum: nil))
            _ = try await finish(bench, try await bench.fetchOne())
            guard case .enqueued = try await enqueue(bench) else { throw Unexpected("still known") }
            #expect(try await bench.redis("EXISTS", bench.key("keys")).int == 0)
        }
    }

    @Test func `a result is kept for its own time, and its checksum for the key's`() async throws {
        try await Bench.run { bench in
            let id = try await enqueue(bench).id
            let result = JobResult([0, 255, 10, 13], keptFor: .seconds(3))
            _ = try await finish(bench, try await bench.fetchOne(), result)
            let key = try IdempotencyKey("order-42")
            let record = try #require(try await bench.queue.record(of: key))
            #expect(record.id == id && record.result == [0, 255, 10, 13] && record.checksum != nil)
            let isGone = try await Waiting.until(within: .seconds(40), every: .milliseconds(50)) {
                try await bench.queue.record(of: key)?.result == nil
            }
            if !isGone { throw Unexpected("kept for ever") }
            #expect(try await bench.queue.record(of: key)?.checksum == record.checksum)
        }
    }

    @Test func `results that are kept for many different times are all found`() async throws {
        try await Bench.run { bench in
            for number in 1...80 {
                let key = "order-\(number)"
                _ = try await enqueue(bench, "{}", try once(key))
                let result = JobResult([UInt8(number)], keptFor: .seconds(60 + number * 97))
                _ = try await finish(bench, try await bench.fetchOne(), result)
            }
            for number in 1...80 {
                let record = try await bench.queue.record(of: try IdempotencyKey("order-\(number)"))
                #expect(record?.result == [UInt8(number)])
            }
            #expect(try await bench.redis("ZCARD", bench.key("results")).int ?? 0 < 20)
        }
    }

    @Test func `counters that somebody appended by hand make no job malformed by its own moves`() async throws {
        try await Bench.run { bench in
            let most = ["fence", "recoveries", "attempt", "unstarted"].flatMap { [$0, "1000000000"] }
            let spent = ["spent_wall_ms", "spent_cpu_ms"].flatMap { [$0, "999999999999999"] }
            let command = RedisCommand(
                "XADD",
                [.text(bench.key("ready")), "*", "kind", "a.b"] + (most + spent).map { .text($0) }
            )
            let id = JobID(try await bench.pond.redis.send(command).string ?? "")
            try await bench.settle(try await bench.fetchOne(), .retry(after: .seconds(60), error: "e"))
            try await bench.makeDue(id)
            let delivery = try await bench.fetchOne()
            #expect(try await bench.queue.claim(delivery.receipt, as: .ann) == .claimed)
            #expect(try delivery.job.get().fence == 1_000_000_000)
            try await bench.settle(delivery, .done)
            try await bench.expect(id, endedAs: "done")
        }
    }

    @Test func `a job whose recoveries were appended by hand leaves no start behind`() async throws {
        try await Bench.run { bench in
            try await bench.redis("XADD", bench.key("ready"), "*", "kind", "a.b", "recoveries", "1")
            try await bench.settle(try await bench.fetchAndStart(), .done)
            #expect(try await bench.hash("started").isEmpty)
        }
    }

    @Test func `a job that is postponed runs later, and nothing is counted`() async throws {
        try await Bench.run { bench in
            let id = try await enqueue(bench).id
            guard case .held = try await bench.settle(try await bench.fetchOne(), .postponed(for: .seconds(600))) else {
                throw Unexpected("not held")
            }
            #expect(try await enqueue(bench) == .duplicate(id, .queued, checksum: nil))
            try await bench.makeDue(id)
            let job = try await bench.fetchOne().job.get()
            #expect(job.id == id && job.attempt == 1 && job.recoveries == 0)
        }
    }

    @Test(arguments: [
        "k", "order 42 / é / 日本", "\u{0}\u{1}", "a\nb\"c'", String(repeating: "k", count: 256),
    ])
    func `any text of 1 to 256 bytes is a key`(text: String) async throws {
        try await Bench.run { bench in
            let id = try await enqueue(bench, "{}", try once(text)).id
            _ = try await finish(bench, try await bench.fetchOne())
            let again = try await enqueue(bench, "{}", try once(text))
            #expect(again == .duplicate(id, .done, checksum: nil))
        }
    }

    @Test func `a key past its bounds is refused`() async throws {
        try await Bench.run { bench in
            let empty = try await bench.refusal("pond_enqueue", "kind", "a", "key", "")
            #expect(empty == "INVALID key: got 0 bytes, allowed are 1 to 256")
            let long = String(repeating: "k", count: 257)
            let text = try await bench.refusal("pond_enqueue", "kind", "a", "key", long)
            #expect(text == "INVALID key: got 257 bytes, allowed are 1 to 256")
        }
    }

    @Test(arguments: ["5-18446744073709551615", "99999999999999-4294967296", "18446744073709551614-1"])
    func `an id of numbers larger than a tombstone holds is answered as it is`(entry: String) async throws {
        try await Bench.run { bench in
            try await bench.redis("XADD", bench.key("ready"), entry, "kind", "a.b", "data", "{}", "key", "order-42")
            let delivery = try await bench.fetchOne()
            #expect(try await bench.queue.claim(delivery.receipt, as: .ann) == .claimed)
            _ = try await finish(bench, delivery)
            #expect(try await enqueue(bench) == .duplicate(JobID(entry), .done, checksum: nil))
        }
    }

    @Test func `8 producers with the same 1,000 keys make 1,000 jobs`() async throws {
        try await Bench.run { bench in
            let keys = try (0..<1_000).map { try IdempotencyKey("order-\($0)") }
            let new = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    let pond = bench.pond.withOwnConnection()
                    group.addTask {
                        let queue = try pond.queue(bench.name)
                        let jobs = keys.shuffled().map { key in
                            var options = EnqueueOptions()
                            options.key = key
                            return NewJob(kind: .test, data: Array(key.text.utf8), options: options)
                        }
                        let answers = try await queue.enqueue(jobs)
                        await pond.close()
                        return try answers.count { answer in
                            if case .enqueued = try answer.get() { true } else { false }
                        }
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(new == 1_000)
            #expect(try await bench.queue.depth().ready == 1_000)
        }
    }

    @Test func `a tombstone takes at most 64 bytes, and every key of many is found`() async throws {
        try await RedisServer.withServer { server in
            try await Bench.run(on: server) { try await measureTombstones($0) }
        }
    }

    private func measureTombstones(_ bench: Bench) async throws {
        let count = 100_000
        for first in stride(from: 0, to: count, by: 1_000) {
            try await addAndFinish(bench, first..<(first + 1_000))
        }
        let bytes = Double(try await memoryOfTombstones(bench)) / Double(count)
        #expect(bytes <= 64, "a tombstone takes \(bytes) bytes")
        for index in stride(from: 0, to: count, by: 1_117) {
            let record = try await bench.queue.record(of: try IdempotencyKey("order-\(index)"))
            #expect(record?.state == .done, "order-\(index)")
        }
        #expect(try await bench.queue.record(of: try IdempotencyKey("order-\(count)")) == nil)
    }

    private func addAndFinish(_ bench: Bench, _ numbers: Range<Int>) async throws {
        let commands = numbers.map { number in
            RedisCommand("XADD", [.text(bench.key("ready")), "*", "kind", "a.b", "key", .text("order-\(number)")])
        }
        _ = try await bench.pond.redis.pipeline(commands)
        let deliveries = try await bench.fetch(numbers.count)
        for start in stride(from: 0, to: deliveries.count, by: 500) {
            let batch = deliveries[start..<min(start + 500, deliveries.count)].map {
                Settlement(receipt: $0.receipt, id: $0.id, outcome: .done, hasKey: true)
            }
            _ = try await bench.queue.settle(batch, as: .ann)
        }
    }

    private func memoryOfTombstones(_ bench: Bench) async throws -> Int64 {
        var total: Int64 = 0
        for epoch in try await bench.redis("ZRANGE", bench.key("keys"), "0", "-1").array ?? [] {
            let key = bench.key("keys:\(epoch.string ?? "")")
            total += try #require(try await bench.redis("MEMORY", "USAGE", key, "SAMPLES", "0").int)
        }
        return total
    }
}
