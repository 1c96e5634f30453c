import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// Budgets: nothing is granted beyond what is left, and each reservation is settled once.
@Suite(.redis) struct LedgerTests {
    private let pond: Pond
    private var ledger: Ledger { pond.ledger }
    private let long = Duration.seconds(60)

    init() throws {
        pond = Pond(
            try RedisConfiguration(url: RedisServer.current.url),
            prefix: "t\(UInt32.random(in: 0 ... .max))"
        )
    }

    private func open(_ text: String, _ name: String = "intent:i") async throws -> String {
        #expect(try await ledger.open(name, IntentBudget(text)) == .ok)
        return name
    }

    private func sums(_ name: String, _ part: Usage.Part = .usd) async throws -> [Int64] {
        let line = try #require(try await ledger.show(name)?[part])
        return [line.committed, line.reserved, line.free ?? -1]
    }

    private func reserve(_ name: String, _ id: String, _ micros: Int64, undo: Bool = false) async throws -> LedgerAnswer
    {
        try await ledger.reserve(name, id, Usage(usd: USD(micros: micros)), for: long, isUndo: undo)
    }

    @Test func `a reservation is granted, committed and asked for again, and counts once`() async throws {
        let name = try await open("usd=0.45,calls=20")
        let usage = Usage(usd: 0.3, calls: 1)
        #expect(try await ledger.reserve(name, "j/1", usage, for: long) == .ok)
        #expect(try await ledger.reserve(name, "j/1", usage, for: long) == .same("held"))
        #expect(try await sums(name) == [0, 300_000, 150_000])
        #expect(try await ledger.commit(name, "j/1", Usage(usd: 0.31, calls: 1)) == .ok)
        #expect(try await ledger.commit(name, "j/1", Usage(usd: 0.31, calls: 1)) == .same("committed"))
        #expect(try await ledger.refund(name, "j/1") == .same("committed"))
        #expect(try await ledger.reserve(name, "j/1", usage, for: long) == .same("committed"))
        #expect(try await sums(name) == [310_000, 0, 140_000])
        #expect(try await sums(name, .calls) == [1, 0, 19])
        #expect(try await ledger.open(name, IntentBudget("usd=100")) == .same("open"))
        #expect(try await ledger.check(name) == .equal(entries: 3))
    }

    @Test func `what others hold is waited for, and what does not fit anyhow is exhausted`() async throws {
        let name = try await open("usd=1,on_exhausted=pause")
        #expect(try await reserve(name, "a", 700_000) == .ok)
        #expect(try await reserve(name, "b", 400_000) == .wait(.usd, free: 300_000, budget: name))
        let no = LedgerAnswer.Exhausted(.usd, free: 300_000, budget: name, policy: .pause)
        #expect(try await reserve(name, "b", 1_000_001) == .exhausted(no))
        #expect(try await ledger.refund(name, "a") == .ok)
        #expect(try await reserve(name, "b", 400_000) == .ok)
        #expect(try await ledger.extend(name, "b", by: Usage(usd: 0.6), for: long) == .ok)
        #expect(try await sums(name) == [0, 1_000_000, 0])
        #expect(try await ledger.extend(name, "b", by: Usage(usd: 0.000001), for: long).isWritten == false)
        #expect(try await reserve("intent:nobody", "a", 1) == .unknown(budget: "intent:nobody"))
    }

    @Test func `more than was reserved is a fact, and uses the budget up until it is topped up`() async throws {
        let name = try await open("usd=1")
        #expect(try await reserve(name, "a", 900_000) == .ok)
        #expect(try await ledger.commit(name, "a", Usage(usd: 1.25)) == .overrun(.usd, by: 250_000, budget: name))
        #expect(try await ledger.show(name)?.exhausted?.part == "usd")
        guard case .exhausted = try await reserve(name, "b", 1) else { return #expect(Bool(false), "it was granted") }
        #expect(try await ledger.topUp(name, "usd=0.5") == .ok)
        #expect(try await ledger.show(name)?.exhausted == nil)
        #expect(try await reserve(name, "b", 250_000) == .ok)
        guard case .wait = try await reserve(name, "c", 1) else { return #expect(Bool(false), "it was granted") }
    }

    @Test func `only undoing spends what is kept for it, also when the time is over`() async throws {
        let name = try await open("usd=1,undo_usd=0.3,wall=1ms")
        #expect(try await Waiting.until { try await ledger.show(name).map { $0.now > $0.deadline ?? $0.now } ?? false })
        guard case .deadline = try await reserve(name, "a", 1) else { return #expect(Bool(false), "it was granted") }
        #expect(try await reserve(name, "u", 200_000, undo: true) == .ok)
        let other = try await open("usd=1,undo_usd=0.3", "intent:o")
        guard case .exhausted = try await reserve(other, "a", 700_001) else { return #expect(Bool(false), "granted") }
        #expect(try await reserve(other, "a", 700_000) == .ok)
        #expect(try await ledger.commit(other, "a", Usage(usd: 0.7)) == .ok)
        #expect(try await reserve(other, "u", 300_000, undo: true) == .ok)
        #expect(try await reserve(other, "b", 1).isWritten == false)
        #expect(try await ledger.check(other) == .equal(entries: 5))
    }

    @Test func `what was sent is charged when nothing more is heard, and what was claimed goes back`() async throws {
        let name = try await open("usd=1")
        let soon = Duration.milliseconds(1)
        for (id, way) in [("sent", Ledger.Way.sent), ("claimed", .claimed), ("begun", .claimed)] {
            #expect(try await ledger.reserve(name, id, Usage(usd: 0.1), as: way, for: long) == .ok)
        }
        #expect(try await ledger.sent(name, "begun") == .ok)
        for id in ["sent", "claimed", "begun"] { #expect(try await ledger.extend(name, id, for: soon) == .ok) }
        #expect(try await Waiting.until { try await ledger.expire().open == 0 })
        #expect(try await sums(name) == [200_000, 0, 800_000])
        #expect(try await ledger.reserve(name, "claimed", Usage(usd: 0.1), for: long) == .same("lapsed"))
        // The truth comes late, and only the difference counts.
        #expect(try await ledger.commit(name, "sent", Usage(usd: 0.04)) == .ok)
        #expect(try await ledger.commit(name, "sent", Usage(usd: 0.04)) == .same("committed"))
        #expect(try await ledger.commit(name, "claimed", Usage(usd: 0.02)) == .ok)
        #expect(try await ledger.refund(name, "begun") == .ok)
        #expect(try await sums(name) == [60_000, 0, 940_000])
        #expect(try await ledger.adjust(name, "sent", to: Usage(usd: 0.05)) == .ok)
        #expect(try await ledger.adjust(name, "sent", to: Usage(usd: 0.05)) == .same("committed"))
        #expect(try await sums(name) == [70_000, 0, 930_000])
        guard case .equal = try await ledger.check(name) else { return #expect(Bool(false), "sums differ") }
    }

    @Test func `an intent's, its tenant's and all's budget have room together, or nothing is reserved`() async throws {
        #expect(try await ledger.define("tenant:*", "usd=0.5/day") == false)
        #expect(try await ledger.define("all", "usd=0.8/hour,on_exhausted=pause") == false)
        let one = try await open("usd=10,tenant=acme")
        let two = try await open("usd=10,tenant=other", "intent:two")
        #expect(try await reserve(one, "a", 400_000) == .ok)
        guard case .wait(.usd, free: 100_000, let budget) = try await reserve(one, "b", 200_000) else {
            return #expect(Bool(false), "it was granted")
        }
        #expect(budget.hasPrefix("tenant:acme@20"))
        #expect(try await sums(one) == [0, 400_000, 9_600_000])
        #expect(try await reserve(two, "a", 400_000) == .ok)
        #expect(try await ledger.commit(two, "a", Usage(usd: 0.4)) == .ok)
        guard case .exhausted(let no) = try await reserve(two, "b", 100_001) else {
            return #expect(Bool(false), "it was granted")
        }
        #expect(no.budget.hasPrefix("tenant:other@") && no.policy == .fail && no.until != nil)
        #expect(try await sums("all") == [400_000, 400_000, 0])
        // A definition that is raised raises the window that is open.
        #expect(try await ledger.define("tenant:*", "usd=2/day"))
        #expect(try await ledger.define("all", "usd=2/hour"))
        #expect(try await reserve(one, "b", 200_000) == .ok)
        for name in [one, two, "all", "tenant:acme", "tenant:other"] {
            guard case .equal = try await ledger.check(name) else { return #expect(Bool(false), "\(name) differs") }
        }
    }

    @Test func `the journal is bounded, and its sums are those of the budget`() async throws {
        let name = try await open("usd=1000")
        for number in 0..<1_300 {
            #expect(try await ledger.reserve(name, "\(number)", Usage(usd: 0.01), for: long) == .ok)
            #expect(try await ledger.commit(name, "\(number)", Usage(usd: USD(micros: Int64(number)))) == .ok)
        }
        guard case .equal(let entries) = try await ledger.check(name) else { return #expect(Bool(false), "differs") }
        #expect((2_048..<2_304).contains(entries))
        #expect(try await sums(name)[0] == (0..<1_300).reduce(0, +))
        let key = "\(pond.prefix):{budgets}:budget:\(name)"
        _ = try await pond.redis.send(RedisCommand("HINCRBY", .text(key), "com:usd", 1))
        guard case .differs(let found) = try await ledger.check(name) else { return #expect(Bool(false), "equal") }
        #expect(found.map(\.sum) == ["com:usd"] && found[0].budget == found[0].journal + 1)
    }

    @Test func `eight clients with fifty reservations each get exactly what there is`() async throws {
        let name = try await open("usd=0.1")
        let granted = try await withThrowingTaskGroup(of: Int.self) { group in
            for client in 0..<8 {
                let own = pond.withOwnConnection()
                group.addTask {
                    let ledger = own.ledger
                    var granted = 0
                    for number in 0..<50 {
                        let usage = Usage(usd: USD(micros: 1_000))
                        if try await ledger.reserve(name, "\(client)/\(number)", usage, for: .seconds(60)) == .ok {
                            granted += 1
                        }
                    }
                    await own.close()
                    return granted
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(granted == 100)
        #expect(try await sums(name) == [0, 100_000, 0])
    }

    @Test func `a frozen budget lets nothing but undoing pass, and a closed one nothing at all`() async throws {
        let name = try await open("usd=1,undo_usd=0.1")
        #expect(try await reserve(name, "a", 1) == .ok)
        #expect(try await ledger.freeze(name, because: "a look") == .ok)
        #expect(try await reserve(name, "b", 1) == .frozen(budget: name, reason: "a look"))
        #expect(try await reserve(name, "u", 1, undo: true) == .ok)
        #expect(try await ledger.unfreeze(name) == .ok)
        #expect(try await reserve(name, "b", 1) == .ok)
        #expect(try await ledger.close(name) == .ok)
        #expect(try await reserve(name, "c", 1) == .closed(budget: name))
        #expect(try await ledger.commit(name, "a", Usage(usd: USD(micros: 1))) == .ok)
    }

    @Test(arguments: [
        "usd=0.45,calls=20,tokens=100k,wall=1h,on_exhausted=pause,tenant=acme", "usd=$1.5,undo_usd=0.25",
        "cpu=10m,retries=3",
        "keep=30d", "usd", "usd=x", "usd=-1", "usd=0.0000001", "usd=1e3", "calls=1.5", "wall=0s",
        "on_exhausted=explode",
        "tenant=", "tenant=a@b", "undo_usd=1", "undo_wall=1h", "euro=1", "usd=50/day", "usd=9999999999", "tokens=1M",
    ])
    func `the library and Swift read the same texts as budgets, and as the same`(text: String) async throws {
        let swift = Result { try IntentBudget(text) }
        let words: [RedisArgument] = ["open", "intent:\(text)", .text(text)]
        let lua = await outcome { try await pond.call("pond_ledger", base: ledger.base, words) }
        guard let budget = try? swift.get() else {
            return #expect((try? lua.get()) == nil, "the library takes \(text)")
        }
        _ = try lua.get()
        let state = try #require(try await ledger.show("intent:\(text)"))
        for limit in IntentBudget.Limit.allCases {
            let line = Usage.Part(rawValue: limit.rawValue).flatMap { state[$0] }
            #expect(line?.limit == budget.limits[limit] && (line?.undoReserve ?? 0) == budget.undoReserve[limit] ?? 0)
        }
        #expect(state.policy == budget.onExhausted && state.tenant == budget.tenant)
        #expect(state.deadline.map { $0.since(state.opened ?? $0) } == budget.wall)
    }
}

private func outcome<Success>(_ body: () async throws -> Success) async -> Result<Success, any Error> {
    do { return .success(try await body()) } catch { return .failure(error) }
}
