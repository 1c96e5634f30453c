import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct CancelTests {
    @Test(arguments: Priority.allCases) func `a ready job will not run`(priority: Priority) async throws {
        try await Bench.run { bench in
            let id = try await bench.add(priority: priority)
            let other = try await bench.add(priority: priority)
            #expect(try await bench.queue.cancel(id) == .cancelled)
            try await bench.expect(id, endedAs: "cancelled")
            #expect(try await bench.queue.cancel(id) == .unknown)
            #expect(try await bench.fetch().map(\.id) == [other])
        }
    }

    @Test func `a job that was handed back, taken over or promoted is found by its first id`() async throws {
        try await Bench.run { bench in
            let released = try await bench.add(priority: .high)
            try await bench.settle(try await bench.fetchOne(), .released)
            #expect(try await bench.queue.cancel(released) == .cancelled)
            let reclaimed = try await bench.add()
            _ = try await bench.fetchOne()
            try await bench.reclaimAll(from: .ann)
            #expect(try await bench.queue.cancel(reclaimed) == .cancelled)
            let promoted = try await bench.addHeld(priority: .low)
            try await bench.makeDue(promoted)
            _ = try await bench.queue.promote(as: .ann)
            #expect(try await bench.queue.cancel(promoted) == .cancelled)
            for id in [released, reclaimed, promoted] { try await bench.expect(id, endedAs: "cancelled") }
            #expect(try await bench.hash("moved").isEmpty)
            #expect(try await bench.fetch().isEmpty)
        }
    }

    @Test func `a held job will not run`() async throws {
        try await Bench.run { bench in
            let id = try await bench.addHeld()
            #expect(try await bench.queue.cancel(id) == .cancelled)
            try await bench.expect(id, endedAs: "cancelled")
            #expect(try await bench.queue.depth().held == 0)
            #expect(try await bench.queue.depth().nextDue == nil)
        }
    }

    @Test func `a running job's worker hears it, and nobody else`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let other = try await bench.add()
            let delivery = try await bench.fetchOne()
            _ = try await bench.fetchOne(as: .bob)
            #expect(try await bench.queue.cancel(id) == .cancelling)
            #expect(try await bench.queue.cancel(id) == .cancelling)
            #expect(try await bench.queue.cancel(other) == .cancelling)
            #expect(try await bench.queue.beat(as: .ann, about: "").cancelled == [id])
            #expect(try await bench.queue.beat(as: .bob, about: "").cancelled == [other])
            #expect(try await bench.queue.beat(as: .eve, about: "").cancelled == [])
            // Heard until it is settled.
            #expect(try await bench.queue.beat(as: .ann, about: "").cancelled == [id])
            #expect(try await bench.settle(delivery, .cancelled) == .cancelled)
            try await bench.expect(id, endedAs: "cancelled")
            #expect(try await bench.queue.beat(as: .ann, about: "").cancelled == [])
        }
    }

    @Test(arguments: [
        Outcome.retry(after: .seconds(60), error: "e"), .released, .deferred(for: .seconds(60), grace: .seconds(600)),
        .cancelled,
    ])
    func `a cancelled job that would run again ends instead`(outcome: Outcome) async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let delivery = try await bench.fetchOne()
            #expect(try await bench.queue.cancel(id) == .cancelling)
            #expect(try await bench.settle(delivery, outcome) == .cancelled)
            try await bench.expect(id, endedAs: "cancelled")
        }
    }

    @Test func `a job that was done before its worker heard it is done`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let delivery = try await bench.fetchOne()
            #expect(try await bench.queue.cancel(id) == .cancelling)
            #expect(try await bench.settle(delivery, .done) == .done)
            try await bench.expect(id, endedAs: "done")
        }
    }

    @Test func `a job that died before its worker heard it is dead`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let delivery = try await bench.fetchOne()
            _ = try await bench.queue.cancel(id)
            #expect(try await bench.settle(delivery, .dead(cause: .failed, error: "e")) == .dead(cause: "failed"))
            try await bench.expect(id, in: .dead)
        }
    }

    @Test(arguments: [false, true]) func `a cancelled job whose worker dies does not run again`(
        isMoved: Bool
    ) async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            if isMoved { try await bench.settle(try await bench.fetchOne(), .released) }
            let delivery = try await bench.fetchOne()
            #expect(try await bench.queue.cancel(id) == .cancelling)
            #expect(try await bench.reclaimAll(from: .ann) == (0, 0))
            try await bench.expect(id, endedAs: "cancelled")
            #expect(try await bench.settle(delivery, .done) == .lost)
            try await bench.expect(id, endedAs: "cancelled")
            #expect(try await bench.hash("moved").isEmpty)
        }
    }

    @Test func `a running job that was moved is found by its first id`() async throws {
        try await Bench.run { bench in
            let id = try await bench.addHeld(priority: .high)
            try await bench.makeDue(id)
            let delivery = try await bench.fetchOne()
            #expect(try await bench.queue.cancel(id) == .cancelling)
            #expect(try await bench.queue.beat(as: .ann, about: "").cancelled == [id])
            #expect(try await bench.settle(delivery, .retry(after: .seconds(1), error: "e")) == .cancelled)
            try await bench.expect(id, endedAs: "cancelled")
        }
    }

    @Test func `a dead job and one that ended are unknown`() async throws {
        try await Bench.run { bench in
            let dead = try await bench.add()
            try await bench.settle(try await bench.fetchOne(), .dead(cause: .failed, error: "e"))
            #expect(try await bench.queue.cancel(dead) == .unknown)
            try await bench.expect(dead, in: .dead)
            let done = try await bench.add()
            try await bench.settle(try await bench.fetchOne(), .done)
            #expect(try await bench.queue.cancel(done) == .unknown)
            try await bench.expect(done, endedAs: "done")
        }
    }

    @Test(arguments: [
        "", "x", "0", "-", "1-", "-1", "0-0", "5-5", "5-5h", "5-5d", "5-5z", "99999999999999999999999-1", "+", "*",
        "1-1 2-2",
        String(repeating: "9", count: 100_000),
    ])
    func `an id that no job has is unknown`(text: String) async throws {
        try await Bench.run { bench in
            let other = try await bench.add()
            #expect(try await bench.queue.cancel(JobID(text)) == .unknown)
            #expect(try await bench.state(of: JobID(text)) == .unknown)
            try await bench.expect(other, in: .ready(.normal))
        }
    }

    @Test func `an entry appended to another stream is known by its bare id too`() async throws {
        try await Bench.run { bench in
            let entry = try await bench.redis("XADD", bench.key("ready:high"), "*", "kind", "a").string
            let bare = JobID(try #require(entry))
            #expect(try await bench.state(of: bare) == .ready)
            #expect(try await bench.queue.cancel(bare) == .cancelled)
            try await bench.expect(JobID(bare.text + "h"), endedAs: "cancelled")
        }
    }

    @Test func `the entry id of a moved job names no other job`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            try await bench.settle(try await bench.fetchOne(), .retry(after: .seconds(60), error: "e"))
            try await bench.makeDue(id)
            _ = try await bench.queue.promote(as: .ann)
            let entry = try #require(try await bench.entries(of: bench.key("ready")).first?.entry)
            #expect(entry != id.text)
            #expect(try await bench.queue.cancel(JobID(entry)) == .unknown)
            try await bench.expect(id, in: .ready(.normal))
        }
    }
}
