import PondCore
import PondFleet
import PondQueue
import PondRedis
import PondScaling
import PondTestKit
import Testing

/// What the hosts of a fleet share.
@Suite(.redis) struct FleetStoreTests {
    private static let lease = Duration.seconds(10)

    private func store(_ bench: Bench) throws -> FleetStore { try bench.pond.fleet(bench.name) }

    private func status(_ host: String, running: Int = 0) -> HostStatus {
        let report = HostReport(id: host, workersMax: 4, pools: ["emails": PoolReport(running: running)])
        return HostStatus(report: report, cores: 2, memoryAvailable: 1 << 30)
    }

    @discardableResult
    private func beat(_ store: FleetStore, _ host: String, willing: Bool = true) async throws -> FleetAnswer {
        try await store.beat(as: host, status(host), lease: Self.lease, isWilling: willing)
    }

    private func plan(_ answer: FleetAnswer, _ workers: Int) -> FleetPlan {
        FleetPlan(token: answer.token, at: answer.now, hosts: ["a": ["emails": workers]])
    }

    /// Makes the lead run out.
    private func expireLead(_ bench: Bench) async throws {
        try await bench.redis("HSET", "mp:fleet:{\(bench.name)}:lead", "until_ms", "1")
    }

    @Test func `the first willing host leads, and the others hear who`() async throws {
        try await Bench.run { bench in
            let store = try store(bench)
            let unwilling = try await beat(store, "z", willing: false)
            #expect(unwilling.leader == nil)
            let first = try await beat(store, "a")
            #expect(first.lead != nil)
            let second = try await beat(store, "b")
            #expect(second.lead == nil)
            #expect(second.leader == "a")
            #expect(second.token == first.token)
            let again = try await beat(store, "a")
            #expect(again.token == first.token)
            #expect(again.lead?.members.map(\.host) == ["z", "b", "a"] || again.lead?.members.count == 3)
        }
    }

    @Test func `every change of hands raises the token, and the old one's plan is refused`() async throws {
        try await Bench.run { bench in
            let store = try store(bench)
            let old = try await beat(store, "a")
            #expect(try await store.publish(plan(old, 1), memory: FleetScaler(), worthKeeping: [], as: "a"))
            try await expireLead(bench)
            let new = try await beat(store, "b")
            #expect(new.token == old.token + 1)
            #expect(try await store.publish(plan(new, 2), memory: FleetScaler(), worthKeeping: [], as: "b"))
            #expect(!(try await store.publish(plan(old, 9), memory: FleetScaler(), worthKeeping: [], as: "a")))
            #expect(try await beat(store, "a").plan?.workers(of: "emails") == 2)
        }
    }

    @Test func `a leader whose lease ran out may not write even when nobody took over`() async throws {
        try await Bench.run { bench in
            let store = try store(bench)
            let old = try await beat(store, "a")
            try await expireLead(bench)
            #expect(!(try await store.publish(plan(old, 9), memory: FleetScaler(), worthKeeping: [], as: "a")))
            // Leading again is leading anew.
            #expect(try await beat(store, "a").token == old.token + 1)
        }
    }

    @Test func `a lead that reaches further ahead than it was given is none`() async throws {
        // Redis' clock was turned back.
        try await Bench.run { bench in
            let store = try store(bench)
            try await beat(store, "a")
            let far = try await bench.now() + 3_600_000
            try await bench.redis("HSET", "mp:fleet:{\(bench.name)}:lead", "until_ms", "\(far)")
            #expect(try await beat(store, "b").lead != nil)
        }
    }

    @Test func `who leaves gives the lead back at once`() async throws {
        try await Bench.run { bench in
            let store = try store(bench)
            try await beat(store, "a")
            try await beat(store, "b")
            try await store.leave(as: "a")
            let answer = try await beat(store, "b")
            #expect(answer.lead?.members.map(\.host) == ["b"])
            // Who is no member leaves nothing.
            try await store.leave(as: "a")
            #expect(try await beat(store, "b").lead != nil)
        }
    }

    @Test func `a silent host is a member no more after its lease, and not when everybody was silent`() async throws {
        try await Bench.run { bench in
            let store = try store(bench)
            let key = "mp:fleet:{\(bench.name)}:seen"
            try await beat(store, "a")
            try await beat(store, "b")
            try await bench.redis("ZADD", key, "\(try await bench.now() - 11_000)", "b")
            #expect(try await beat(store, "a").lead?.members.map(\.host) == ["a"])
            // A server that was away, or a clock that jumped, makes all look silent.
            try await beat(store, "b")
            for host in ["a", "b"] { try await bench.redis("ZADD", key, "\(try await bench.now() - 99_000)", host) }
            #expect(try await beat(store, "a").lead?.members.count == 2)
            for host in ["a", "b"] { try await bench.redis("ZADD", key, "\(try await bench.now() + 99_000)", host) }
            #expect(try await beat(store, "a").lead?.members.count == 2)
        }
    }

    @Test func `orders count until their time, and say so`() async throws {
        try await Bench.run { bench in
            let store = try store(bench)
            let order = ScalingOrder(
                kind: .pin,
                workers: 3,
                until: ServerTime(milliseconds: 0),
                by: "me@here",
                reason: "a \"sale\""
            )
            let until = try await store.order(order, about: .queue("emails"), for: .seconds(60))
            let view = try await store.view()
            #expect(view.orders.queues["emails"]?.workers == 3)
            #expect(view.orders.queues["emails"]?.until == until)
            #expect(view.orders.queues["emails"]?.reason == "a \"sale\"")
            #expect(try await beat(store, "a").lead?.orders == view.orders)
            _ = try await store.order(order, about: .fleet, for: .milliseconds(1))
            #expect(try await Waiting.until { try await store.view().orders.fleet == nil })
            #expect(try await store.endOrder(about: .queue("emails")))
            #expect(!(try await store.endOrder(about: .queue("emails"))))
        }
    }

    @Test func `decisions are kept, newest first, and found by their queue`() async throws {
        try await Bench.run { bench in
            let store = try store(bench)
            let answer = try await beat(store, "a")
            let decisions = (1...7).map { number in
                ScalingDecision(
                    queue: number.isMultiple(of: 2) ? "emails" : "images",
                    at: answer.now,
                    token: answer.token,
                    from: number - 1,
                    to: number,
                    demand: number,
                    wanted: number
                )
            }
            #expect(try await store.publish(plan(answer, 1), memory: FleetScaler(), worthKeeping: decisions, as: "a"))
            #expect(try await store.decisions(limit: 3).map(\.to) == [7, 6, 5])
            #expect(try await store.decisions(of: "emails", limit: 9).map(\.to) == [6, 4, 2])
            // What another version wrote is passed over.
            try await bench.redis("XADD", "mp:fleet:{\(bench.name)}:decisions", "*", "queue", "emails", "decision", "{")
            #expect(try await store.decisions(limit: 1).map(\.to) == [7])
        }
    }

    @Test func `a plan or a host of another version is no plan and no report`() async throws {
        try await Bench.run { bench in
            let store = try store(bench)
            let base = "mp:fleet:{\(bench.name)}"
            try await beat(store, "a")
            try await bench.redis("SET", "\(base):plan", "{\"version\":9}")
            try await bench.redis("HSET", "\(base):hosts", "a", "not json")
            let view = try await store.view()
            #expect(view.plan == nil)
            #expect(view.members.map(\.status) == [nil])
        }
    }

    @Test func `what is too large or of another form is refused`() async throws {
        try await Bench.run { bench in
            try await bench.pond.installLibrary()
            func refusal(_ words: String...) async throws -> String {
                do {
                    let reply = try await bench.redis(
                        words[0],
                        words[1],
                        "1",
                        "mp:fleet:{f}",
                        words[2],
                        words[3],
                        words[4],
                        words[5]
                    )
                    return "\(reply)"
                } catch let error as RedisError { return error.message }
            }
            let long = String(repeating: "x", count: 129)
            #expect(
                try await refusal("FCALL", "pond_fleet_beat", long, "{}", "10000", "").contains("INVALID fleet beat")
            )
            #expect(try await refusal("FCALL", "pond_fleet_beat", "a", "{}", "10", "").contains("INVALID fleet beat"))
            #expect(try await refusal("FCALL", "pond_fleet_plan", "a", "x", "{}", "{}").contains("INVALID fleet plan"))
            #expect(
                try await refusal("FCALL", "pond_fleet_order", "queue:", "5", "{}", "").contains("INVALID fleet order")
            )
            #expect(
                try await refusal("FCALL", "pond_fleet_order", "fleet", "2592000001", "{}", "").contains(
                    "INVALID fleet order"
                )
            )
            #expect(throws: PondError.self) { try bench.pond.fleet("Not A Name") }
        }
    }

    @Test func `two hundred hosts race for the lead and one has it`() async throws {
        try await Bench.run { bench in
            let store = try store(bench)
            try await bench.pond.installLibrary()
            let leaders = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<200 {
                    group.addTask { try await beat(store, "host-\(number)").lead != nil }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(leaders == 1)
            #expect(try await store.view().members.count == 200)
        }
    }
}
