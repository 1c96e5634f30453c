import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct DepthTests {
    private func expectDepth(
        _ bench: Bench,
        ready: Int = 0,
        inFlight: Int = 0,
        held: Int = 0,
        dead: Int = 0,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        let depth = try await bench.queue.depth()
        #expect(
            [depth.ready, depth.inFlight, depth.held, depth.dead] == [ready, inFlight, held, dead],
            sourceLocation: location
        )
        #expect(depth.fault == nil, sourceLocation: location)
    }

    @Test func `a queue that nobody has used is empty`() async throws {
        try await Bench.run { bench in
            let depth = try await bench.queue.depth()
            #expect(depth.ready == 0 && depth.added == 0 && depth.done == 0 && depth.dropped == 0 && depth.workers == 0)
            #expect(depth.oldestReady == .zero && depth.nextDue == nil && !depth.isPaused && depth.fault == nil)
            #expect(try await bench.redis("KEYS", "\(bench.queue.keys.base)*") == .array([]))
        }
    }

    @Test func `depth is exact through every stage, over all priorities`() async throws {
        try await Bench.run { bench in
            for number in 0..<9 { _ = try await bench.add(priority: Priority.allCases[number % 3]) }
            try await expectDepth(bench, ready: 9)
            var deliveries = try await bench.fetch(7)
            try await expectDepth(bench, ready: 2, inFlight: 7)
            // Out of order.
            deliveries.shuffle()
            try await bench.settle(deliveries[0], .done)
            try await bench.settle(deliveries[1], .retry(after: .seconds(60), error: "e"))
            try await bench.settle(deliveries[2], .dead(cause: .failed, error: "e"))
            try await bench.settle(deliveries[3], .released)
            try await expectDepth(bench, ready: 3, inFlight: 3, held: 1, dead: 1)
            #expect(try await bench.queue.cancel(deliveries[1].id) == .cancelled)
            #expect(try await bench.queue.cancel(deliveries[4].id) == .cancelling)
            try await expectDepth(bench, ready: 3, inFlight: 3, dead: 1)
            try await bench.settle(deliveries[4], .cancelled)
            try await bench.reclaimAll(from: .ann)
            try await expectDepth(bench, ready: 5, dead: 1)
            #expect(try await bench.queue.discard([deliveries[2].id]) == [true])
            // Drained.
            for delivery in try await bench.fetch() { try await bench.settle(delivery, .done) }
            try await expectDepth(bench)
            // And filled again.
            try await bench.add()
            try await expectDepth(bench, ready: 1)
            let depth = try await bench.queue.depth()
            #expect(depth.done == 6)
            #expect(depth.added == 13)
        }
    }

    @Test func `cancelled ready jobs before and behind the cursor are not counted`() async throws {
        try await Bench.run { bench in
            var ids: [JobID] = []
            for _ in 0..<6 { ids.append(try await bench.add()) }
            _ = try await bench.fetch(2)
            #expect(try await bench.queue.cancel(ids[3]) == .cancelled)
            #expect(try await bench.queue.cancel(ids[5]) == .cancelled)
            try await expectDepth(bench, ready: 2, inFlight: 2)
        }
    }

    @Test func `jobs that were appended before any group exists are ready`() async throws {
        try await Bench.run { bench in
            for _ in 0..<3 { try await bench.redis("XADD", bench.key("ready:low"), "*", "kind", "a") }
            try await expectDepth(bench, ready: 3)
        }
    }

    @Test func `the oldest ready job's age is told, and jobs in flight do not count`() async throws {
        try await Bench.run { bench in
            let now = try await bench.now()
            try await bench.redis("XADD", bench.key("ready"), "\(now - 90_000)-0", "kind", "a")
            try await bench.redis("XADD", bench.key("ready"), "\(now - 30_000)-0", "kind", "a")
            try await bench.redis("XADD", bench.key("ready:high"), "\(now - 60_000)-0", "kind", "a")
            let all = try await bench.queue.depth()
            #expect(all.oldestReady >= .seconds(90) && all.oldestReady < .seconds(150))
            // High first, then the oldest of normal.
            _ = try await bench.fetch(2)
            let rest = try await bench.queue.depth()
            #expect(rest.oldestReady >= .seconds(30) && rest.oldestReady < .seconds(60))
            _ = try await bench.fetch(1)
            #expect(try await bench.queue.depth().oldestReady == .zero)
        }
    }

    @Test func `an entry from the future is not older than now`() async throws {
        try await Bench.run { bench in
            try await bench.redis("XADD", bench.key("ready"), "18446744073709551615-18446744073709551615", "kind", "a")
            let depth = try await bench.queue.depth()
            #expect(depth.oldestReady == .zero && depth.ready == 1)
        }
    }

    @Test(arguments: [
        "ready", "ready:high", "ready:front", "held", "due", "dead", "dead:at", "causes", "meta", "beats", "workers",
        "moved",
        "cancel", "journal", "bell", "waiting", "waits", "sagas",
    ])
    func `a key of the wrong type is named, and everything else is told`(name: String) async throws {
        try await Bench.run { bench in
            let isNormal = name == "ready"
            _ = try await bench.add(priority: isNormal ? .low : .normal)
            try await bench.redis("SET", bench.key(name), "a string")
            let depth = try await bench.queue.depth()
            #expect(depth.ready == 1)
            #expect(depth.fault?.hasPrefix("\(bench.key(name)): WRONGTYPE") == true, "\(depth.fault ?? "no fault")")
        }
    }

    @Test func `workers whose beat is fresh are counted`() async throws {
        try await Bench.run { bench in
            // From the future, so that a slow machine does not make them old.
            try await bench.setBeat(.ann, millisecondsAgo: -60_000)
            try await bench.setBeat(.bob, millisecondsAgo: -60_000)
            try await bench.setBeat(.eve, millisecondsAgo: 10_000)
            #expect(try await bench.queue.depth().workers == 2)
        }
    }

    @Test func `a job that ended because another had its key is counted, and apart when that one is dead`() async throws
    {
        try await Bench.run { bench in
            try await bench.add("a.b", "{}", try .once("order-1"))
            let first = try await bench.fetchOne()
            // Plain appends, whose keys nobody has looked at.
            for _ in 0..<2 {
                try await bench.redis("XADD", bench.key("ready"), "*", "kind", "a.b", "data", "{}", "key", "order-1")
            }
            try await bench.settle(try await bench.fetchOne(), .duplicate(of: first.id))
            try await bench.settle(first, .dead(cause: .failed, error: "e"))
            try await bench.settle(try await bench.fetchOne(), .duplicate(of: first.id))
            let depth = try await bench.queue.depth()
            #expect(depth.duplicates == 2 && depth.duplicatesOfDead == 1)
        }
    }

    @Test func `the function's answer is the one that the wire format lists`() async throws {
        try await Bench.run { bench in
            let reply = try #require(try await bench.call("pond_depth").array)
            let names = stride(from: 0, to: reply.count, by: 2).map { reply[$0].string }
            #expect(
                names == [
                    "ready", "in_flight", "held", "dead", "oldest_ready_ms", "next_due_ms", "added", "workers",
                    "paused",
                    "done", "dropped", "now_ms", "fault", "duplicates", "duplicates_of_dead",
                    "waiting", "limited",
                ]
            )
        }
    }
}
