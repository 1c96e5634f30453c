import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// Reading a queue's jobs without changing them.
@Suite(.redis) struct ExportTests {
    /// All jobs of a place, page by page.
    private func read(_ bench: Bench, _ place: ExportPlace, upTo last: String = "") async throws -> [ExportedJob] {
        var jobs: [ExportedJob] = []
        var position = ""
        for _ in 0..<1_000 {
            let page = try await bench.queue.export(place, after: position, upTo: last)
            #expect(page.jobs.count <= Queue.exportPageMax)
            jobs += page.jobs
            position = page.position
            if !page.hasMore { return jobs }
        }
        Issue.record("the export never ended")
        return jobs
    }

    @Test func `each place shows its own jobs, and nothing is changed`() async throws {
        try await Bench.run { bench in
            let high = try await bench.add(priority: .high)
            let normal = try await bench.add(priority: .normal)
            let low = try await bench.add(priority: .low)
            let held = try await bench.addHeld(priority: .low)
            let before = try await bench.queue.depth()
            for (place, id, priority) in [
                (ExportPlace.high, high, Priority.high), (.normal, normal, .normal), (.low, low, .low),
                (.held, held, .low),
            ] {
                let jobs = try await read(bench, place)
                #expect(jobs.map(\.id) == [id])
                #expect(jobs.map(\.priority) == [priority])
            }
            #expect(try await read(bench, .front).isEmpty)
            #expect(try await read(bench, .dead).isEmpty)
            let after = try await bench.queue.depth()
            #expect(after.ready == before.ready && after.held == before.held && after.added == before.added)
        }
    }

    @Test func `a job in flight is left out and counted, one that was handed back is in front`() async throws {
        try await Bench.run { bench in
            let first = try await bench.add()
            let second = try await bench.add()
            let delivery = try await bench.fetchOne()
            let page = try await bench.queue.export(.normal, after: "", upTo: "")
            #expect(page.jobs.map(\.id) == [second])
            #expect(page.inFlight == 1)
            try await bench.reclaimAll(from: .ann)
            let front = try await read(bench, .front)
            #expect(front.map(\.id) == [first])
            #expect(delivery.id == first)
        }
    }

    @Test func `pages meet without a gap, also where many are due at once and one is gone`() async throws {
        try await Bench.run { bench in
            var ids: Set<JobID> = []
            var options = EnqueueOptions()
            options.runAt = ServerTime(milliseconds: try await bench.now() + 600_000)
            for _ in 0..<3 * Queue.exportPageMax { ids.insert(try await bench.add("a.b", "{}", options)) }
            let first = try await bench.queue.export(.held, after: "", upTo: "")
            #expect(first.jobs.count == Queue.exportPageMax && first.hasMore)
            // The job that the next page begins behind goes away.
            let last = try #require(first.jobs.last)
            #expect(try await bench.queue.cancel(last.id) == .cancelled)
            var found = first.jobs.map(\.id)
            var position = first.position
            while true {
                let page = try await bench.queue.export(.held, after: position, upTo: "")
                found += page.jobs.map(\.id)
                position = page.position
                if !page.hasMore { break }
            }
            #expect(found.count == ids.count)
            #expect(Set(found) == ids)
        }
    }

    @Test func `a page ends when it has a MiB`() async throws {
        try await Bench.run { bench in
            let payload = String(repeating: "x", count: 300_000)
            for _ in 0..<20 { try await bench.add("a.b", payload) }
            let page = try await bench.queue.export(.normal, after: "", upTo: "")
            #expect(page.hasMore)
            #expect(page.jobs.count <= 16)
            #expect(try await read(bench, .normal).count == 20)
        }
    }

    @Test func `what is added behind the end is not read`() async throws {
        try await Bench.run { bench in
            let first = try await bench.add()
            let ends = try await bench.queue.exportEnds()
            try await bench.add()
            #expect(try await read(bench, .normal, upTo: ends[.normal] ?? "").map(\.id) == [first])
            #expect(try await read(bench, .high, upTo: ends[.high] ?? "").isEmpty)
            #expect(try await read(bench, .normal).count == 2)
        }
    }

    @Test func `an entry that is no job says why, wherever it lies`() async throws {
        try await Bench.run { bench in
            try await bench.redis("XADD", bench.key("ready"), "*", "what", "nothing")
            try await bench.redis("HSET", bench.key("held"), "1-0d", "no MessagePack")
            try await bench.redis("ZADD", bench.key("due"), "1", "1-0d")
            // Due without an envelope: a ghost.
            try await bench.redis("ZADD", bench.key("due"), "2", "2-0d")
            for place in [ExportPlace.normal, .held] {
                let jobs = try await read(bench, place)
                #expect(jobs.count == 1)
                guard case .failure(let malformation)? = jobs.first?.job else {
                    Issue.record("it was taken for a job")
                    continue
                }
                #expect(malformation.text.contains("no field kind"))
            }
        }
    }

    @Test func `a producer's own id field is not taken for the job's`() async throws {
        try await Bench.run { bench in
            let reply = try await bench.redis("XADD", bench.key("ready"), "*", "kind", "a.b", "id", "9-9")
            let job = try #require(try await read(bench, .normal).first)
            #expect(job.id.text == reply.string)
            #expect(try job.job.get().id == job.id)
        }
    }

    @Test(arguments: [["z", "", "", "10"], ["n", "", "", "0"], ["n", "", "", "501"], ["d", "x", "", "10"]])
    func `wrong arguments are refused`(arguments: [String]) async throws {
        try await Bench.run { bench in
            let text = try await bench.refusal("pond_export", arguments.map { .text($0) })
            #expect(text.hasPrefix("INVALID"))
        }
    }
}
