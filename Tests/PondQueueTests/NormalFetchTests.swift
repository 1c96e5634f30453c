import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// A fetch that expects normal jobs alone, and what it brings when it is wrong.
@Suite(.redis) struct NormalFetchTests {
    @Test func `it brings normal jobs in their order, as many as it may`() async throws {
        try await Bench.run { bench in
            var ids: [JobID] = []
            for _ in 0..<5 { ids.append(try await bench.add()) }
            _ = try await bench.queue.open()
            let fetched = try await bench.queue.fetchNormal(as: .ann, atMost: 3)
            #expect(fetched.deliveries.map(\.id) == Array(ids.prefix(3)))
            #expect(!fetched.isPaused)
            for delivery in fetched.deliveries { #expect(try await bench.settle(delivery, .done) == .done) }
            #expect(try await bench.queue.depth().ready == 2)
        }
    }

    @Test func `jobs of several kinds are read as each of them is`() async throws {
        try await Bench.run { bench in
            let long = String(repeating: "x", count: 20_000)
            for number in 0..<6 {
                var options = EnqueueOptions()
                if number.isMultiple(of: 3) { options.headers = ["tenant": "t\(number)"] }
                if number == 4 { options.correlationID = "c-4" }
                try await bench.add(number < 3 ? "a.b" : "a.c", number == 2 ? long : "\(number)", options)
            }
            try await bench.redis("XADD", bench.key("ready"), "*", "kind", "a.b")
            try await bench.redis("XADD", bench.key("ready"), "*", "kind", "a b")
            _ = try await bench.queue.open()
            let jobs = try await bench.queue.fetchNormal(as: .ann, atMost: 10).deliveries.map(\.job)
            #expect(jobs.count == 8)
            for (number, result) in jobs.prefix(6).enumerated() {
                let job = try result.get()
                #expect(job.kind.text == (number < 3 ? "a.b" : "a.c"))
                #expect(job.data == Array((number == 2 ? long : "\(number)").utf8))
                #expect(job.headers == (number.isMultiple(of: 3) ? ["tenant": "t\(number)"] : [:]))
                #expect(job.correlationID == (number == 4 ? "c-4" : job.id.text))
                #expect(job.attempt == 1 && job.fence == 0)
            }
            #expect(try jobs[6].get().data == [])
            #expect(throws: Malformation.self) { try jobs[7].get() }
        }
    }

    @Test func `a high job comes first, and what is too much comes behind`() async throws {
        try await Bench.run { bench in
            let normal = try await bench.add()
            let low = try await bench.add(priority: .low)
            let high = try await bench.add(priority: .high)
            _ = try await bench.queue.open()
            let fetched = try await bench.queue.fetchNormal(as: .ann, atMost: 1)
            #expect(fetched.deliveries.map(\.id) == [high, normal])
            try await bench.expect(low, in: .ready(.low))
        }
    }

    @Test func `a paused queue says so beside what came`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            _ = try await bench.queue.open()
            try await bench.queue.pause()
            let fetched = try await bench.queue.fetchNormal(as: .ann, atMost: 10)
            #expect(fetched.isPaused)
            #expect(fetched.deliveries.map(\.id) == [id])
            #expect(try await bench.settle(fetched.deliveries[0], .released) == .released)
            try await bench.expect(id, in: .ready(.front))
        }
    }

    @Test func `without its stream it fails, and what the function brought is still owned`() async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.open()
            let high = try await bench.add(priority: .high)
            try await bench.redis("DEL", bench.key("ready"))
            await #expect(throws: QueueError.self) { try await bench.queue.fetchNormal(as: .ann, atMost: 1) }
            let owned = try await bench.queue.owned(by: .ann).receipts
            #expect(owned.map { $0.stream.ownID(entry: $0.entry) } == [high])
        }
    }
}

/// Many settlements in one record.
@Suite(.redis) struct PlainSettleTests {
    @Test func `each of many stands for itself: done, lost, not plain, in the order of the batch`() async throws {
        try await Bench.run { bench in
            for _ in 0..<4 { try await bench.add() }
            let high = try await bench.add(priority: .high)
            let deliveries = try await bench.fetch()
            let byID = Dictionary(uniqueKeysWithValues: deliveries.map { ($0.id, $0) })
            let normal = deliveries.filter { $0.id != high }
            // Another took the second over, and the fourth is dead.
            try await bench.redis("XCLAIM", bench.key("ready"), "mp", "bob", "0", normal[1].receipt.entry)
            let order: [(Delivery, Outcome)] = [
                (normal[2], .done), (normal[3], .dead(cause: .malformed, error: "x")), (normal[1], .done),
                (try #require(byID[high]), .done), (normal[0], .done), (normal[2], .done),
            ]
            let answers = try await bench.queue.settle(
                order.map { Settlement(receipt: $0.receipt, id: $0.id, outcome: $1) },
                as: .ann
            )
            #expect(answers == [.done, .dead(cause: "malformed"), .lost, .done, .done, .lost])
            let depth = try await bench.queue.depth()
            #expect(depth.inFlight == 1)
            #expect(depth.done == 3)
        }
    }

    @Test(arguments: [
        ["plain", "n", "2", "1-1", "1-2", "1-1"], ["plain", "n", "0", "1-1", "1-1"], ["plain", "n", "x", "1-1", "1-1"],
        ["plain", "n", "1", "one", "1-1", "1-1"], ["plain", "q", "1", "1-1", "1-1", "1-1"], ["plain"], ["plain", "n"],
        ["done", "n", "1-1", "", ""], ["gone", "n", "1-1", "", "", ""], [""],
    ]) func `a record that is none is refused`(words: [String]) async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.open()
            let text = try await bench.refusal("pond_settle", (["ann"] + words).map { .text($0) })
            #expect(text.contains("INVALID settle"))
        }
    }
}
