import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// Only the owner settles; a result that comes late changes nothing and is written down as lost.
@Suite(.redis) struct FenceTests {
    static let outcomes: [Outcome] = [
        .done, .retry(after: .seconds(60), error: "e"), .dead(cause: .failed, error: "e"), .released, .cancelled,
        .expired, .duplicate(of: JobID("1-1")), .postponed(for: .seconds(60)),
        .deferred(for: .seconds(60), grace: .seconds(600)),
    ]

    @Test(arguments: outcomes) func `somebody who never had the job settles nothing`(outcome: Outcome) async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let delivery = try await bench.fetchOne()
            #expect(try await bench.settle(delivery, outcome, as: .bob) == .lost)
            try await bench.expect(id, in: .running(.ann))
            #expect(try await bench.journal().map(\.event) == ["lost"])
        }
    }

    @Test(arguments: outcomes) func `after a takeover the first owner settles nothing`(outcome: Outcome) async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let late = try await bench.fetchOne()
            #expect(try await bench.reclaimAll(from: .ann) == (1, 0))
            #expect(try await bench.settle(late, outcome) == .lost)
            try await bench.expect(id, in: .ready(.front))
            let second = try await bench.fetchOne(as: .bob)
            #expect(second.id == id)
            #expect(try await bench.settle(late, outcome) == .lost)
            try await bench.expect(id, in: .running(.bob))
            #expect(try await bench.settle(second, .done, as: .bob) == .done)
            #expect(try await bench.settle(late, outcome) == .lost)
            try await bench.expect(id, endedAs: "done")
        }
    }

    @Test(arguments: outcomes) func `a claim by hand moves the fence`(outcome: Outcome) async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let delivery = try await bench.fetchOne()
            try await bench.redis("XCLAIM", bench.key("ready"), "mp", "bob", "0", delivery.receipt.entry)
            #expect(try await bench.settle(delivery, outcome) == .lost)
            try await bench.expect(id, in: .running(.bob))
            #expect(try await bench.settle(delivery, .done, as: .bob) == .done)
            try await bench.expect(id, endedAs: "done")
        }
    }

    @Test(arguments: outcomes, outcomes)
    func `an entry settled twice in one batch is settled once`(first: Outcome, second: Outcome) async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let delivery = try await bench.fetchOne()
            let answers = try await bench.queue.settle(
                [first, second].map { Settlement(receipt: delivery.receipt, id: id, outcome: $0) },
                as: .ann
            )
            #expect(answers[0] != .lost)
            #expect(answers[1] == .lost)
            try await bench.expectWhole([id])
        }
    }

    @Test(arguments: outcomes) func `a settle that is repeated changes nothing`(outcome: Outcome) async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let delivery = try await bench.fetchOne()
            try await bench.settle(delivery, outcome)
            let census = try await bench.census()
            #expect(try await bench.settle(delivery, outcome) == .lost)
            let after = try await bench.census()
            #expect(after.places == census.places)
            #expect(after.ends == census.ends)
            try await bench.expectWhole([id])
        }
    }

    @Test(arguments: outcomes) func `after a release the old receipt settles nothing`(outcome: Outcome) async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let old = try await bench.fetchOne()
            try await bench.settle(old, .released)
            let new = try await bench.fetchOne()
            #expect(new.id == id)
            #expect(new.receipt != old.receipt)
            #expect(try await bench.settle(old, outcome) == .lost)
            try await bench.expect(id, in: .running(.ann))
            #expect(try await bench.settle(new, .done) == .done)
        }
    }

    @Test func `an entry that nobody fetched cannot be settled`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            _ = try await bench.queue.open()
            let settlement = Settlement(receipt: Receipt(stream: .normal, entry: id.text), id: id, outcome: .done)
            #expect(try await bench.queue.settle([settlement], as: .ann) == [.lost])
            try await bench.expect(id, in: .ready(.normal))
        }
    }

    @Test func `a queue that nobody has opened answers lost`() async throws {
        try await Bench.run { bench in
            let settlement = Settlement(
                receipt: Receipt(stream: .low, entry: "1-1"),
                id: JobID("1-1l"),
                outcome: .released
            )
            #expect(try await bench.queue.settle([settlement], as: .ann) == [.lost])
            try await bench.expectWhole([])
        }
    }

    @Test(arguments: outcomes) func `an entry deleted behind our back ends without a trace`(
        outcome: Outcome
    ) async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let delivery = try await bench.fetchOne()
            #expect(try await bench.queue.cancel(id) == .cancelling)
            try await bench.redis("XDEL", bench.key("ready"), delivery.receipt.entry)
            #expect(try await bench.settle(delivery, outcome) == (outcome == .done ? .done : .lost))
            let census = try await bench.census()
            #expect(census.places.isEmpty)
            #expect(census.faults == [])
            #expect(try await bench.queue.depth().inFlight == 0)
        }
    }

    @Test func `the fence compares ids as numbers of any length`() async throws {
        try await Bench.run { bench in
            var entries = [
                "9-1", "10-1", "10-9", "10-10", "99999999999999-1", "18446744073709551615-18446744073709551614",
            ]
            for entry in entries { try await bench.redis("XADD", bench.key("ready"), entry, "kind", "a") }
            let deliveries = try await bench.fetch()
            #expect(deliveries.map(\.receipt.entry) == entries)
            entries.shuffle()
            let settlements = entries.map {
                Settlement(receipt: Receipt(stream: .normal, entry: $0), id: JobID($0), outcome: .done)
            }
            let answers = try await bench.queue.settle(settlements, as: .ann)
            #expect(answers == [SettleAnswer](repeating: .done, count: 6))
            try await bench.expectWhole(entries.map { JobID($0) })
        }
    }
}
