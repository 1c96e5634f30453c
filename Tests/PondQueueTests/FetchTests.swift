import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct FetchTests {
    @Test func `front comes before high before normal before low`() async throws {
        try await Bench.run { bench in
            let low = try await bench.add(priority: .low)
            let normal = try await bench.add(priority: .normal)
            let high = try await bench.add(priority: .high)
            let delivery = try #require(try await bench.fetch().last)
            #expect(delivery.id == low)
            try await bench.settle(delivery, .released)
            let again = try await bench.add(priority: .high)
            #expect(try await bench.fetch().map(\.id) == [low, again])
            try await bench.expectWhole([low, normal, high, again])
        }
    }

    @Test func `a fetch brings no more than asked, over all streams`() async throws {
        try await Bench.run { bench in
            var ids: [JobID] = []
            for priority in Priority.allCases { for _ in 0..<3 { ids.append(try await bench.add(priority: priority)) } }
            #expect(try await bench.fetch(4).map(\.id) == Array(ids[0..<4]))
            #expect(try await bench.fetch(as: .bob, 4).map(\.id) == Array(ids[4..<8]))
            #expect(try await bench.fetch(0).isEmpty)
            #expect(try await bench.fetch(as: .eve, 4).map(\.id) == [ids[8]])
            #expect(try await bench.fetch(4).isEmpty)
            try await bench.expect(ids[5], in: .running(.bob))
        }
    }

    @Test func `jobs added before the first worker came are delivered`() async throws {
        try await Bench.run { bench in
            try await bench.redis("XADD", bench.key("ready"), "*", "kind", "a")
            #expect(try await bench.queue.open().isEmpty)
            #expect(try await bench.fetch().count == 1)
        }
    }

    @Test func `a group that was lost is made again at the beginning`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            #expect(try await bench.fetch().count == 1)
            try await bench.redis("XGROUP", "DESTROY", bench.key("ready"), "mp")
            #expect(try await bench.fetch(as: .bob).map(\.id) == [id])
        }
    }

    @Test func `a broken stream is named and the others are read`() async throws {
        try await Bench.run { bench in
            try await bench.redis("SET", bench.key("ready:high"), "a string")
            let id = try await bench.add()
            let fetched = try await bench.queue.fetch(as: .ann, atMost: 10)
            #expect(fetched.deliveries.map(\.id) == [id])
            #expect(fetched.faults[.high]?.hasPrefix("WRONGTYPE") == true)
            #expect(fetched.faults.count == 1)
            #expect(try await bench.queue.open().keys.map(\.rawValue) == ["h"])
        }
    }

    @Test func `a fetch promotes what is due and tells the next due time`() async throws {
        try await Bench.run { bench in
            let due = try await bench.addHeld()
            let later = try await bench.addHeld()
            try await bench.makeDue(due)
            let fetched = try await bench.queue.fetch(as: .ann, atMost: 10)
            #expect(fetched.deliveries.map(\.id) == [due])
            #expect(fetched.nextDue == (try await bench.queue.job(later).due))
            #expect(try #require(fetched.now).milliseconds <= (try await bench.now()))
        }
    }

    @Test func `a paused queue delivers nothing until it is resumed`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let running = try await bench.fetchOne()
            let waiting = try await bench.add()
            try await bench.queue.pause(reason: "the API is down")
            let fetched = try await bench.queue.fetch(as: .ann, atMost: 10)
            #expect(fetched.isPaused)
            #expect(fetched.deliveries.isEmpty)
            #expect(try await bench.queue.pauseReason() == "the API is down")
            #expect(try await bench.queue.depth().isPaused)
            #expect(try await bench.queue.beat(as: .ann, about: "{}").isPaused)
            // What runs goes on, what is due still becomes ready.
            #expect(try await bench.settle(running, .done) == .done)
            let held = try await bench.addHeld()
            try await bench.makeDue(held)
            #expect(try await bench.queue.fetch(as: .ann, atMost: 0).isPaused)
            try await bench.expect(held, in: .ready(.normal))
            try await bench.queue.resume()
            #expect(try await bench.queue.pauseReason() == nil)
            #expect(try await bench.fetch().map(\.id) == [waiting, held])
            try await bench.expectWhole([id, waiting, held])
        }
    }

    @Test func `a pause takes a reason of 1 KiB and no other word`() async throws {
        try await Bench.run { bench in
            try await bench.queue.pause(reason: String(repeating: "é", count: 600))
            #expect(try await bench.queue.pauseReason() == String(repeating: "é", count: 512))
            #expect(try await bench.refusal("pond_pause", "stop").hasPrefix("INVALID pause: got \"stop\""))
        }
    }

    @Test(arguments: ["", "-1", "many", "1e9"]) func `a count is a whole number`(count: String) async throws {
        try await Bench.run { bench in
            let text = try await bench.refusal("pond_fetch", "ann", count, "")
            #expect(text.hasPrefix("INVALID count"))
        }
    }

    @Test func `a malformed entry is delivered as what it is`() async throws {
        try await Bench.run { bench in
            try await bench.redis("XADD", bench.key("ready"), "*", "junk", "1")
            try await bench.redis("XADD", bench.key("ready"), "*", "kind", "a", "kind", "b")
            try await bench.redis("XADD", bench.key("ready"), "*", "kind", "a", "key", "")
            try await bench.redis(
                "XADD",
                bench.key("ready"),
                "*",
                "kind",
                "a",
                String(repeating: "n", count: 1_000_000),
                "v"
            )
            let good = try await bench.add()
            let deliveries = try await bench.fetch()
            #expect(deliveries.count == 5)
            #expect(deliveries.last?.id == good)
            for delivery in deliveries.dropLast() {
                guard case .failure = delivery.job else {
                    Issue.record("\(delivery.id) is a job")
                    continue
                }
                let answer = try await bench.settle(delivery, .dead(cause: .malformed, error: "no job"))
                #expect(answer == .dead(cause: "malformed"))
            }
            try await bench.expectWhole(deliveries.map(\.id))
        }
    }

    @Test func `an id that a producer forged is not believed by the server`() async throws {
        try await Bench.run { bench in
            let victim = try await bench.add()
            let held = try await bench.fetchOne(as: .bob)
            #expect(try await bench.queue.cancel(victim) == .cancelling)
            let entry = try await bench.redis("XADD", bench.key("ready"), "*", "kind", "a", "id", victim.text).string
            let forged = JobID(try #require(entry))
            try await bench.expectWhole([victim, forged])
            // Whatever becomes of the forged job, the victim's flag and record stay.
            let delivery = try await bench.fetchOne()
            #expect(try await bench.settle(delivery, .done) == .done)
            try await bench.expect(forged, endedAs: "done")
            try await bench.expect(victim, in: .running(.bob))
            #expect(try await bench.settle(held, .released, as: .bob) == .cancelled)
            try await bench.expect(victim, endedAs: "cancelled")
        }
    }

    @Test func `a listener is woken by a job and takes it`() async throws {
        try await Bench.run { bench in
            let reader = bench.pond.makeReader()
            _ = try await bench.queue.open()
            async let heard = bench.queue.listen(as: .ann, on: reader, to: ReadyStream.allCases, block: .seconds(20))
            let id = try await bench.add()
            #expect(try await heard.deliveries.map(\.id) == [id])
            try await bench.expect(id, in: .running(.ann))
            let nothing = try await bench.queue.listen(as: .ann, on: reader, to: [.normal], block: .milliseconds(1))
            #expect(nothing.deliveries.isEmpty && nothing.wakeUp == nil)
            await reader.close()
        }
    }

    @Test func `what a consumer owns is known to Redis, wakeUps included`() async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.open()
            _ = try await bench.add(priority: .high)
            try await bench.add()
            let deliveries = try await bench.fetch()
            try await bench.add("a", "", .after(.milliseconds(1_000)))
            let reader = bench.pond.makeReader()
            let heard = try await bench.queue.listen(as: .ann, on: reader, to: [], block: .seconds(20))
            await reader.close()
            let owned = try await bench.queue.owned(by: .ann)
            #expect(Set(owned.receipts) == Set(deliveries.map(\.receipt)))
            #expect(owned.wakeUps == [try #require(heard.wakeUp)])
            #expect(try await bench.queue.owned(by: .bob).receipts.isEmpty)
        }
    }
}
