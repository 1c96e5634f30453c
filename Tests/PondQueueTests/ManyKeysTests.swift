import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// Claims and ends of many keyed jobs in one call: each job stands for itself there too.
@Suite(.redis) struct ManyKeysTests {
    private typealias Waiting = (receipt: Receipt, key: IdempotencyKey?)

    private func key(_ number: Int) throws -> IdempotencyKey { try IdempotencyKey("order-\(number)") }

    /// Enqueues a job for each number, its key of that number.
    private func add(_ bench: Bench, _ numbers: some Sequence<Int>) async throws {
        for number in numbers { try await bench.add("a.b", "{}", .once("order-\(number)")) }
    }

    private func append(_ bench: Bench, _ number: Int, _ data: String = "{}") async throws {
        try await bench.redis("XADD", bench.key("ready"), "*", "kind", "a.b", "data", data, "key", "order-\(number)")
    }

    private func waiting(_ delivery: Delivery, _ number: Int) throws -> Waiting { (delivery.receipt, try key(number)) }

    private func done(_ delivery: Delivery, _ number: Int) throws -> Settlement {
        Settlement(receipt: delivery.receipt, id: delivery.id, outcome: .done, key: try key(number))
    }

    @Test func `of many claims each is answered as it would be alone`() async throws {
        try await Bench.run { bench in
            try await add(bench, 0..<3)
            try await append(bench, 0)
            try await append(bench, 1, "[]")
            try await append(bench, 7)
            let all = try await bench.fetch()
            try await append(bench, 8)
            let other = try await bench.fetchOne(as: .bob)
            let refused = try await bench.queue.claimAhead(
                try zip(all + [other], [0, 1, 2, 0, 1, 7, 8]).map { try waiting($0, $1) },
                as: .ann
            )
            // A key that nobody has is given to the owner of its job alone.
            #expect(
                refused == [
                    all[3].receipt: "duplicate", all[4].receipt: "mismatch", other.receipt: "lost",
                ]
            )
            #expect(try await bench.queue.record(of: try key(8)) == nil)
            // Its key was free, and is written down now.
            #expect(try await bench.queue.record(of: try key(7))?.id == all[5].id)
            for delivery in [all[0], all[1], all[2], all[5]] {
                #expect(try await bench.queue.claim(delivery.receipt, as: .ann) == .claimed)
            }
            guard case .duplicate = try await bench.queue.claim(all[3].receipt, as: .ann) else {
                throw Unexpected("claimed alone")
            }
        }
    }

    @Test func `claims of several streams, of moved jobs and in any order are answered`() async throws {
        try await Bench.run { bench in
            try await add(bench, 0..<12)
            var high = try EnqueueOptions.once("order-12")
            high.priority = .high
            try await bench.add("a.b", "{}", high)
            for delivery in try await bench.fetch(as: .ann, 2) { try await bench.settle(delivery, .released) }
            let deliveries = try await bench.fetch().reversed()
            #expect(Set(deliveries.map(\.receipt.stream)).count == 2)
            let jobs = try deliveries.map { (receipt: $0.receipt, key: try $0.job.get().key) }
            #expect(try await bench.queue.claimAhead(jobs, as: .ann).isEmpty)
        }
    }

    @Test func `a worker that names another job's key gets its own job's`() async throws {
        try await Bench.run { bench in
            try await add(bench, [0])
            try await append(bench, 1)
            try await append(bench, 0)
            let all = try await bench.fetch()
            let refused = try await bench.queue.claimAhead([try waiting(all[1], 0), try waiting(all[2], 1)], as: .ann)
            #expect(refused == [all[2].receipt: "duplicate"])
            #expect(try await bench.queue.record(of: try key(0))?.id == all[0].id)
            #expect(try await bench.queue.record(of: try key(1))?.id == all[1].id)
            // So with its end.
            #expect(try await bench.queue.settle([try done(all[1], 0)], as: .ann) == [.done])
            #expect(try await bench.queue.record(of: try key(0))?.state == .running)
            #expect(try await bench.queue.record(of: try key(1))?.state == .done)
        }
    }

    @Test func `a claim that fails does not fail the others`() async throws {
        try await Bench.run { bench in
            try await add(bench, 0..<3)
            try await append(bench, 1)
            let all = try await bench.fetch()
            let jobs = try zip(all, [0, 1, 2, 1]).map { try waiting($0, $1) }
            // Read for the job alone whose key is another's.
            try await bench.breakKey("moved")
            let refused = try await bench.queue.claimAhead(jobs, as: .ann)
            #expect(refused.keys.elementsEqual([all[3].receipt]))
            #expect(refused[all[3].receipt]?.hasPrefix("failed WRONGTYPE") == true)
            try await bench.mendKey("moved")
            #expect(try await bench.queue.claimAhead(jobs, as: .ann) == [all[3].receipt: "duplicate"])
            try await bench.breakKey("keys:live")
            let error = await #expect(throws: QueueError.self) { try await bench.queue.claimAhead(jobs, as: .ann) }
            #expect(error?.redis?.prefix == "WRONGTYPE")
            try await bench.mendKey("keys:live")
            try await bench.expectWhole(all.map(\.id))
        }
    }

    @Test func `a claim of as many as are allowed is answered, and one of more is refused`() async throws {
        try await Bench.run { bench in
            func claim(_ count: Int) -> [RedisArgument] {
                var arguments: [RedisArgument] = ["ann", "n"]
                for number in 1...count {
                    arguments.append(.text("1-\(number)"))
                    arguments.append(.text("order-\(number)"))
                }
                return arguments
            }
            let reply = try await bench.call("pond_claim", claim(Limits.claimBatchMax))
            #expect(reply.array?.count == 2 * Limits.claimBatchMax)
            let text = try await bench.refusal("pond_claim", claim(Limits.claimBatchMax + 1))
            #expect(text.hasPrefix("INVALID claim"))
            let odd = try await bench.refusal("pond_claim", "ann", "n", "1-1", "order-1", "1-2")
            #expect(odd.hasPrefix("INVALID claim"))
        }
    }

    @Test func `many keys that end in one call all answer, and their tombstones are those of single ends`() async throws
    {
        try await Bench.run { bench in
            // So many that some share a field of the hash.
            let count = 500
            try await add(bench, 0..<count)
            let all = try await bench.fetch(as: .ann, count)
            let alone = Settlement(receipt: all[0].receipt, id: all[0].id, outcome: .done, hasKey: true)
            #expect(try await bench.queue.settle([alone], as: .ann) == [.done])
            let rest = try (1..<count).map { try done(all[$0], $0) }
            #expect(try await bench.queue.settle(rest, as: .ann) == Array(repeating: .done, count: count - 1))
            let single = try #require(try await bench.queue.record(of: try key(0)))
            for number in 1..<count {
                let record = try #require(try await bench.queue.record(of: try key(number)))
                #expect(record.id == all[number].id && record.state == .done && record.fence == 0)
                #expect(record.fingerprint == single.fingerprint && record.checksum == nil)
                #expect(record.endedAt != nil)
            }
            #expect(try await bench.hash("keys:live").isEmpty)
            try await bench.expectWhole(all.map(\.id))
        }
    }

    @Test func `of many ends each is answered as it would be alone`() async throws {
        try await Bench.run { bench in
            try await add(bench, 0..<3)
            try await append(bench, 0)  // whose key is another's
            try await append(bench, 9)  // whose key was never claimed
            let all = try await bench.fetch()
            try await bench.redis("XCLAIM", bench.key("ready"), "mp", "bob", "0", all[2].receipt.entry)
            let settlements = try zip(all, [0, 1, 2, 0, 9]).map { try done($0, $1) }
            let answers = try await bench.queue.settle(Array(settlements[1...]), as: .ann)
            #expect(answers == [.done, .lost, .done, .done])
            #expect(try await bench.queue.record(of: try key(0))?.id == all[0].id)
            #expect(try await bench.queue.record(of: try key(0))?.state == .running)
            #expect(try await bench.queue.record(of: try key(1))?.state == .done)
            #expect(try await bench.queue.record(of: try key(2))?.state == .running)
            #expect(try await bench.queue.record(of: try key(9))?.state == .done)
            #expect(try await bench.queue.settle(settlements, as: .ann) == [.done, .lost, .lost, .lost, .lost])
        }
    }

    @Test func `an entry that was settled otherwise in the same call does not end its key`() async throws {
        try await Bench.run { bench in
            try await add(bench, [0])
            let entry = try await bench.fetchOne().receipt.entry
            let words = [
                "ann", "retry", "n", entry, "600000", "e", "", "keyed", "n", "1", entry, entry, entry, "order-0",
            ]
            let reply = try #require(try await bench.call("pond_settle", words.map { .text($0) }).array)
            #expect(reply[0].string?.hasPrefix("held ") == true)
            #expect(reply[1].array?.map(\.string) == [entry, "lost"])
            #expect(try await bench.queue.record(of: try key(0))?.state == .queued)
            try await bench.expect(JobID(entry), in: .held)
            try await add(bench, [1])
            let second = try await bench.fetchOne().receipt.entry
            let twice = ["ann", "keyed", "n", "2", second, second, second, "order-1", second, "order-1"]
            let answer = try await bench.call("pond_settle", twice.map { .text($0) }).array?.first?.array
            #expect(answer?.map(\.string) == [second, "lost"])
            try await bench.expect(JobID(second), endedAs: "done")
        }
    }

    @Test(arguments: ["keys:live", "keys", "meta"]) func `ends that cannot be written down leave their jobs in flight`(
        broken: String
    ) async throws {
        try await Bench.run { bench in
            try await add(bench, 0..<20)
            try await bench.add()
            let all = try await bench.fetch()
            let settlements =
                try (0..<20).map { try done(all[$0], $0) }
                + [Settlement(receipt: all[20].receipt, id: all[20].id, outcome: .done)]
            try await bench.breakKey(broken)
            let answers = try await bench.queue.settle(settlements, as: .ann)
            for answer in answers.prefix(20) {
                guard case .failed(let text) = answer else { throw Unexpected("\(answer)") }
                #expect(text.contains("WRONGTYPE"))
            }
            #expect(answers[20] == .done)
            try await bench.mendKey(broken)
            for number in 0..<20 { #expect(try await bench.queue.record(of: try key(number))?.state == .running) }
            let again = try await bench.queue.settle(settlements, as: .ann)
            #expect(again == Array(repeating: .done, count: 20) + [.lost])
            try await bench.expectWhole(all.map(\.id))
            for number in 0..<20 { #expect(try await bench.queue.record(of: try key(number))?.state == .done) }
        }
    }
}
