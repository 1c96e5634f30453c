import PondCore
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

/// The places of a job and the moves between them, row by row as the guarantees list them.
@Suite(.redis) struct PlaceTests {
    struct Move: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let place: Census.Place
        let act: @Sendable (Bench) async throws -> JobID

        init(_ name: String, to place: Census.Place, _ act: @escaping @Sendable (Bench) async throws -> JobID) {
            testDescription = name
            self.place = place
            self.act = act
        }
    }

    struct End: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let event: String
        let act: @Sendable (Bench) async throws -> JobID

        init(_ name: String, as event: String, _ act: @escaping @Sendable (Bench) async throws -> JobID) {
            testDescription = name
            self.event = event
            self.act = act
        }
    }

    /// The moves of the rows below, as `from → to`, by the states' names in the library.
    static var tried: Set<String> {
        var tried: Set<String> = []
        for move in moves {
            let to =
                switch move.place {
                case .ready: "ready"
                case .running(.limited): "limited"
                case .running: "running"
                case .held: "held"
                case .dead: "dead"
                case .waiting: "waiting"
                }
            let from = state(before: move.testDescription)
            // A job that is taken over is ready in between.
            tried.formUnion(from == to ? ["\(from) → ready", "ready → \(to)"] : ["\(from) → \(to)"])
        }
        for end in ends { tried.insert("\(state(before: end.testDescription)) → ended") }
        return tried
    }

    /// What a row's name begins with, as the library calls it.
    private static func state(before name: String) -> String {
        switch name.split(separator: ",").first {
        case "ready": "ready"
        case "in flight": "running"
        case "held": "held"
        case "dead": "dead"
        case "waiting": "waiting"
        case "limited": "limited"
        default: "new"
        }
    }

    private static let moves = [
        Move("enqueue → ready", to: .ready(.normal)) { try await $0.add() },
        Move("enqueue with a due time → held", to: .held) { try await $0.addHeld() },
        Move("ready, fetch → in flight", to: .running(.ann)) { try await $0.running().id },
        Move("in flight, throws, may retry → held", to: .held) { bench in
            try await bench.settled(.retry(after: .seconds(60), error: "e"))
        },
        Move("in flight, throws, may not → dead", to: .dead) { bench in
            try await bench.settled(.dead(cause: .attemptsExhausted, error: "e"))
        },
        Move("in flight, malformed → dead", to: .dead) { bench in
            try await bench.redis("XADD", bench.key("ready"), "*", "junk", "1")
            let delivery = try await bench.fetchOne()
            try await bench.settle(delivery, .dead(cause: .malformed, error: "e"))
            return delivery.id
        },
        Move("in flight, unknown kind within its grace → held", to: .held) { bench in
            try await bench.settled(.deferred(for: .seconds(60), grace: .seconds(60)))
        },
        Move("in flight, unknown kind after its grace → dead", to: .dead) { bench in
            try await bench.settled(.deferred(for: .seconds(60), grace: .zero))
        },
        Move("in flight, poison → dead", to: .dead) { bench in
            let id = try await bench.add()
            for _ in 0..<Limits.recoveriesMax {
                _ = try await bench.fetchAndStart()
                try await bench.reclaimAll(from: .ann)
            }
            return id
        },
        Move("in flight, owner's beat is gone → in flight of another", to: .running(.bob)) { bench in
            let id = try await bench.running().id
            try await bench.reclaimAll(from: .ann)
            let delivery = try await bench.fetchOne(as: .bob)
            #expect(try delivery.job.get().recoveries == 1)
            return id
        },
        Move("in flight, owner is stopping → ready, at the front", to: .ready(.front)) { bench in
            try await bench.settled(.released)
        },
        Move("held, due → ready", to: .ready(.normal)) { bench in
            let id = try await bench.addHeld()
            try await bench.makeDue(id)
            _ = try await bench.queue.promote(as: .ann)
            return id
        },
        Move("held, unreadable → dead", to: .dead) { bench in
            let id = try await bench.addHeld()
            try await bench.redis("HSET", bench.key("held"), id.text, "no MessagePack")
            try await bench.makeDue(id)
            _ = try await bench.queue.promote(as: .ann)
            return id
        },
        Move("in flight, a saga waits → waiting", to: .waiting) { bench in
            let delivery = try await bench.running()
            #expect(try await bench.park(delivery) == .parked)
            return delivery.id
        },
        Move("ready, a limit has no room → limited", to: .running(.limited)) { try await $0.limited() },
        Move("limited, its limit has room → in flight", to: .running(.ann)) { bench in
            let id = try await bench.limited()
            #expect(try await bench.pond.limits.clear(try LimitName(defined: bench.limitName)))
            #expect(try await bench.fetchOne().id == id)
            return id
        },
        Move("ready, a saga turns while a child runs → waiting", to: .waiting) { bench in
            try await bench.turned(.released)
        },
        Move("held, a saga turns while a child runs → waiting", to: .waiting) { bench in
            try await bench.turned(.retry(after: .seconds(60), error: "e"))
        },
        Move("waiting, due → ready, at the front", to: .ready(.front)) { bench in
            let delivery = try await bench.running()
            #expect(try await bench.park(delivery) == .parked)
            try await bench.redis("ZADD", bench.key("waits"), "XX", "1", delivery.id.text)
            _ = try await bench.queue.promote(as: .ann)
            return delivery.id
        },
        Move("dead, retry → ready", to: .ready(.normal)) { bench in
            let id = try await bench.settled(.dead(cause: .failed, error: "e"))
            _ = try await bench.queue.revive([id])
            return id
        },
    ]

    private static let ends = [
        End("in flight, done → ended", as: "done") { try await $0.settled(.done) },
        End("in flight, cancelled → ended", as: "cancelled") { try await $0.settled(.cancelled) },
        End("in flight, expired before its start → ended", as: "expired") { try await $0.settled(.expired) },
        End("ready, cancel → ended", as: "cancelled") { bench in
            let id = try await bench.add()
            _ = try await bench.queue.cancel(id)
            return id
        },
        End("waiting, cancel → ended", as: "cancelled") { bench in
            let delivery = try await bench.running()
            #expect(try await bench.park(delivery) == .parked)
            #expect(try await bench.queue.cancel(delivery.id) == .cancelled)
            return delivery.id
        },
        End("limited, cancel → ended", as: "cancelled") { bench in
            let id = try await bench.limited()
            #expect(try await bench.queue.cancel(id) == .cancelled)
            #expect(try await bench.queue.depth().limited == 0)
            return id
        },
        End("held, cancel → ended", as: "cancelled") { bench in
            let id = try await bench.addHeld()
            _ = try await bench.queue.cancel(id)
            return id
        },
        End("held, expiry → ended", as: "expired") { bench in
            var options = EnqueueOptions.after(.seconds(60))
            options.expires = Limits.earliestTime
            let id = try await bench.add("a.b", "", options)
            try await bench.makeDue(id)
            _ = try await bench.queue.promote(as: .ann)
            return id
        },
        End("dead, discard → ended", as: "discarded") { bench in
            let id = try await bench.settled(.dead(cause: .failed, error: "e"))
            _ = try await bench.queue.discard([id])
            return id
        },
    ]

    @Test(arguments: moves) func `a move leads to one place`(move: Move) async throws {
        try await Bench.run { bench in
            let id = try await move.act(bench)
            try await bench.expect(id, in: move.place)
            let child = try await bench.redis("HGET", bench.key("join:\(id.text):kids"), "c:0").string
            try await bench.expectWhole([id] + (child.map { [JobID($0)] } ?? []))
        }
    }

    @Test(arguments: ends) func `an end is one end, and leaves nothing behind`(end: End) async throws {
        try await Bench.run { bench in
            let id = try await end.act(bench)
            try await bench.expect(id, endedAs: end.event)
            try await bench.expectWhole([id])
            #expect(try await bench.state(of: id) == .unknown)
            for name in ["held", "dead", "causes", "moved", "cancel"] { #expect(try await bench.hash(name).isEmpty) }
        }
    }
}

extension Bench {
    /// A job that `ann` runs.
    fileprivate func running() async throws -> Delivery {
        try await add()
        return try await fetchOne()
    }

    /// A limit of this test's own: they are shared by all queues.
    var limitName: String { "limit-\(queue.name)" }

    /// A job whose limit has no room: another had it a moment ago, and has ended.
    func limited(_ options: EnqueueOptions = EnqueueOptions()) async throws -> JobID {
        try await pond.limits.set(try LimitName(defined: limitName), try LimitSpec("1/d"))
        try await queue.setLimitNeeds(["a.b": try LimitNeed(limitName)])
        try await settle(try await running(), .done)
        let id = try await add("a.b", "{}", options)
        #expect(try await fetch().isEmpty)
        return id
    }

    /// A saga that is cancelled after this outcome, while a child of it runs.
    fileprivate func turned(_ outcome: Outcome) async throws -> JobID {
        let delivery = try await running()
        let store = store(delivery)
        try await store.run("a", undo: true)
        _ = try await store.children(SagaChildren("kids", kind: try JobKind("child"), payloads: [[]], limit: 1))
        _ = try await fetchOne(as: .bob)
        let settlement = Settlement(receipt: delivery.receipt, id: delivery.id, outcome: outcome, isSaga: true)
        _ = try await queue.settle([settlement], as: .ann)
        #expect(try await queue.cancel(delivery.id) == .cancelling)
        return delivery.id
    }

    /// A job that `ann` ran and settled.
    fileprivate func settled(_ outcome: Outcome) async throws -> JobID {
        let delivery = try await running()
        try await settle(delivery, outcome)
        return delivery.id
    }
}
