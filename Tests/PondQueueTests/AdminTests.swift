import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// Emptying, limiting and deleting a queue.
@Suite(.redis) struct AdminTests {
    @Test(arguments: Priority.allCases)
    func `a purge cancels what waits, and leaves what a worker has`(priority: Priority) async throws {
        try await Bench.run { bench in
            let running = try await bench.add(priority: priority)
            let delivery = try await bench.fetchOne()
            for _ in 0..<20 { _ = try await bench.add(priority: priority) }
            _ = try await bench.addHeld()
            let (count, hasMore) = try await bench.queue.purge(.ready)
            #expect(count == 20 && !hasMore)
            let depth = try await bench.queue.depth()
            #expect(depth.ready == 0 && depth.inFlight == 1 && depth.held == 1)
            try await bench.settle(delivery, .done)
            #expect(try await bench.queue.purge(.held) == (1, false))
            #expect(try await bench.queue.purge(.held) == (0, false))
            #expect(try await bench.queue.depth().held == 0)
            #expect(try await bench.queue.job(running).state == .unknown)
        }
    }

    @Test func `what was handed back is purged too, under its own id`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add(priority: .high)
            try await bench.settle(try await bench.fetchOne(), .released)
            #expect(try await bench.queue.purge(.ready) == (1, false))
            try await bench.expect(id, endedAs: "cancelled")
            #expect(try await bench.redis("HLEN", bench.key("moved")).int == 0)
        }
    }

    @Test func `the keys of purged jobs are free`() async throws {
        try await Bench.run { bench in
            let job = NewJob(kind: try JobKind("k"), options: try .once("order-42"))
            var later = try EnqueueOptions.once("order-43")
            later.delay = .seconds(60)
            let held = NewJob(kind: try JobKind("k"), options: later)
            let ids = [try await bench.queue.enqueue(job).id, try await bench.queue.enqueue(held).id]
            _ = try await bench.queue.purge(.ready)
            _ = try await bench.queue.purge(.held)
            for (job, old) in zip([job, held], ids) {
                let answer = try await bench.queue.enqueue(job)
                #expect(answer.id != old)
                if case .duplicate = answer { Issue.record("the key is still taken: \(answer)") }
            }
        }
    }

    @Test func `one call purges a bounded number`() async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.enqueue((0..<300).map { _ in NewJob(kind: try JobKind("k")) })
            #expect(try await bench.queue.purge(.ready) == (256, true))
            #expect(try await bench.queue.purge(.ready) == (44, false))
            #expect(try await bench.refusal("pond_purge", ["ready", "257"]).contains("allowed is 1 to 256"))
            #expect(try await bench.refusal("pond_purge", ["dead", "1"]).contains("allowed is ready or held"))
        }
    }

    @Test func `a queue is deleted only when it is empty and nobody serves it`() async throws {
        try await Bench.run { bench in
            try await bench.queue.register()
            let held = try await bench.addHeld()
            #expect(try await bench.queue.delete() == .held)
            _ = try await bench.queue.cancel(held)
            _ = try await bench.add()
            #expect(try await bench.queue.delete() == .ready)
            let delivery = try await bench.fetchOne()
            #expect(try await bench.queue.delete() == .inFlight)
            try await bench.settle(delivery, .dead(cause: Cause("failed"), error: "no"))
            #expect(try await bench.queue.delete() == .dead)
            #expect(try await bench.pond.queues().contains(bench.queue.name))
            _ = try await bench.queue.discard(try await bench.queue.dead().map(\.id))
            _ = try await bench.queue.beat(as: .ann, about: "{}")
            #expect(try await bench.queue.delete() == .workers)
        }
    }

    @Test func `nothing is left of a deleted queue but counts that run out`() async throws {
        try await Bench.run { bench in
            try await bench.queue.register()
            _ = try await bench.queue.open(keyWindow: .seconds(3_600))
            let options = try EnqueueOptions.once("order-42")
            _ = try await bench.queue.enqueue(NewJob(kind: try JobKind("k"), options: options))
            let delivery = try await bench.fetchOne()
            let done = Settlement(
                receipt: delivery.receipt,
                id: try delivery.job.get().id,
                outcome: .done,
                hasKey: true,
                result: JobResult(Array("paid".utf8), keptFor: .seconds(60))
            )
            _ = try await bench.queue.settle([done], as: .ann)
            #expect(try await bench.queue.delete() == .deleted)
            let left =
                try await bench.redis("KEYS", bench.queue.keys.base.replacing("{", with: "\\{") + ":*").array ?? []
            for key in left {
                #expect(key.string?.contains(":slo:") == true, "\(key)")
                #expect(try await bench.redis("TTL", key.string ?? "").int ?? -1 > 0, "\(key)")
            }
            #expect(try await bench.pond.queues().contains(bench.queue.name) == false)
            // It begins anew.
            guard case .enqueued = try await bench.queue.enqueue(NewJob(kind: try JobKind("k"), options: options))
            else {
                Issue.record("the key of a deleted queue is remembered")
                return
            }
        }
    }

    @Test func `a limit is set, shown, and taken away`() async throws {
        try await Bench.run { bench in
            #expect(try await bench.queue.depthMax() == nil)
            try await bench.queue.setDepthMax(1)
            #expect(try await bench.queue.depthMax() == 1)
            _ = try await bench.add()
            let error = await #expect(throws: QueueError.self) {
                _ = try await bench.queue.enqueue(NewJob(kind: try JobKind("k"), options: try .once("a")))
            }
            #expect(error?.code == .queueFull)
            try await bench.queue.setDepthMax(nil)
            _ = try await bench.queue.enqueue(NewJob(kind: try JobKind("k"), options: try .once("a")))
        }
    }
}
