import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct GroupTests {
    /// Buries as many jobs of a kind.
    @discardableResult
    private func bury(
        _ bench: Bench,
        _ kind: String,
        _ count: Int = 1,
        cause: String = "failed",
        error: String = "no route"
    ) async throws -> [JobID] {
        let kind = try JobKind(kind)
        let jobs = [NewJob](repeating: NewJob(kind: kind), count: count)
        let ids = try await bench.queue.enqueue(jobs).map { try $0.get().id }
        try await buryReady(bench, cause: cause, error: error)
        return ids
    }

    private func buryReady(_ bench: Bench, cause: String = "failed", error: String = "no route") async throws {
        while true {
            let settlements = try await bench.fetch(500).map {
                Settlement(receipt: $0.receipt, id: $0.id, outcome: .dead(cause: Cause(cause), error: error))
            }
            if settlements.isEmpty { return }
            _ = try await bench.queue.settle(settlements, as: .ann)
        }
    }

    private func group(_ bench: Bench) async throws -> DeadGroup {
        let groups = try await bench.queue.groups()
        #expect(groups.count == 1)
        return try #require(groups.first)
    }

    @Test func `a group counts its dead through every change`() async throws {
        try await Bench.run { bench in
            let ids = try await bury(bench, "a.b", 6)
            var group = try await group(bench)
            #expect(group.count == 6 && group.ever == 6 && group.state == .open && group.cause == "failed")
            #expect(group.lastError == "no route" && group.kinds == [DeadGroup.Kind(name: "a.b", count: 6)])
            #expect(group.trend.count == 12 && group.trend.reduce(0, +) == 6 && group.trend.suffix(2).reduce(0, +) == 6)
            #expect(group.first <= group.last && ids.contains(group.lastID))
            _ = try await bench.queue.discard([ids[0], ids[0]])
            _ = try await bench.queue.revive([ids[1], ids[2], ids[1]])
            group = try await self.group(bench)
            #expect(group.count == 3 && group.ever == 6 && group.kinds.map(\.count) == [3])
            try await bench.expectWhole(ids)
            try await buryReady(bench, error: "again")
            group = try await self.group(bench)
            #expect(group.count == 5 && group.ever == 8 && group.lastError == "again")
            _ = try await bench.queue.discard(Array(ids.dropFirst()))
            group = try await self.group(bench)
            #expect(group.count == 0 && group.ever == 8 && group.kinds.isEmpty)
            try await bench.expectWhole(ids)
            #expect(try await bench.redis("EXISTS", bench.key("group:\(group.id.text)")).int == 0)
        }
    }

    @Test(.redis) func `what is dropped leaves its group too`() async throws {
        try await Bench.run { bench in
            let small = LuaLibrary.text.replacing("local DEAD_MAX = \(Limits.deadMax)", with: "local DEAD_MAX = 5")
            try await bench.redis("FUNCTION", "LOAD", "REPLACE", small)
            let ids = try await bury(bench, "a", 4) + bury(bench, "b", 4)
            let groups = try await bench.queue.groups()
            #expect(groups.reduce(0) { $0 + $1.count } == 5 && groups.reduce(0) { $0 + $1.ever } == 8)
            try await bench.expectWhole(ids)
        }
    }

    @Test func `of 600 root causes 500 have a group, and the rest share one`() async throws {
        try await Bench.run { bench in
            for number in 0..<600 { _ = try await bench.queue.enqueue(NewJob(kind: try JobKind("k\(number)"))) }
            try await buryReady(bench)
            var groups = try await bench.queue.groups()
            #expect(groups.count == 501)
            #expect(groups[0].id == .other && groups[0].count == 100 && groups[0].kinds.count == 9)
            #expect(groups[0].kinds[0] == DeadGroup.Kind(name: "*", count: 92))
            #expect(groups[0].title == "root causes beyond the first 500")
            #expect(groups.dropFirst().allSatisfy { $0.count == 1 })
            // A group without dead gives its place, the one that has been so the longest first.
            _ = try await bench.queue.discard([groups[1].lastID, groups[2].lastID])
            let before = Set(groups.map(\.id))
            try await bury(bench, "late.1", 2)
            groups = try await bench.queue.groups()
            #expect(groups.count == 501 && groups[1].count == 2 && !before.contains(groups[1].id))
            try await bury(bench, "late.2", 1)
            try await bury(bench, "late.3", 1)
            groups = try await bench.queue.groups()
            #expect(groups.count == 501 && groups[0].count == 101)
            try await bench.expectWhole(try await bench.queue.deadIDs() + endedIDs(bench))
        }
    }

    private func endedIDs(_ bench: Bench) async throws -> [JobID] { Array(try await bench.census().ends.keys) }

    @Test(.redis) func `the kinds of a group are counted one by one as long as they are few`() async throws {
        try await Bench.run { bench in
            // One root for many kinds, as a worker may give it.
            let text = LuaLibrary.text.replacing(
                "return cause .. ' | kind ' .. kind, cause",
                with: "return cause, cause"
            )
            #expect(text != LuaLibrary.text)
            try await bench.redis("FUNCTION", "LOAD", "REPLACE", text)
            var ids: [JobID] = []
            for number in 0..<12 { ids += try await bury(bench, "k\(number)", number == 3 ? 4 : 2) }
            let group = try await group(bench)
            #expect(group.count == 26 && group.kinds.count == 9)
            #expect(group.kinds[0] == .init(name: "*", count: 8) && group.kinds[1] == .init(name: "k3", count: 4))
            _ = try await bench.queue.discard(Array(ids.prefix(20)))
            #expect(try await self.group(bench).kinds.reduce(0) { $0 + $1.count } == 6)
            try await bench.expectWhole(ids)
        }
    }

    @Test func `jobs of several kinds that say the same root cause are one group, and the journal names it`()
        async throws
    {
        try await Bench.run { bench in
            let root = RootCause(.init(type: "Down", message: "http://10.0.0.7:80/a: refused\tnow"), kind: "x")
            var ids: [JobID] = []
            for kind in ["mail.send", "bill.pay", "x"] { ids.append(try await bench.add(kind)) }
            let settlements = try await bench.fetch().map {
                Settlement(
                    receipt: $0.receipt,
                    id: $0.id,
                    outcome: .dead(cause: .attemptsExhausted, error: "e"),
                    root: root
                )
            }
            _ = try await bench.queue.settle(settlements, as: .ann)
            let group = try await group(bench)
            #expect(group.count == 3 && group.kinds.map(\.name) == ["bill.pay", "mail.send", "x"])
            #expect(group.title == "Down: http://10.0.0.7:80: refused now" && group.cause == "attempts_exhausted")
            let deaths = try await bench.journal().filter { $0.event == "dead" }
            #expect(deaths.map(\.detail) == ids.map { "\($0) attempts_exhausted \(group.id.text)\ne" })
            let id = try await bench.add("y")
            let delivery = try await bench.fetchOne()
            let retry = Settlement(
                receipt: delivery.receipt,
                id: id,
                outcome: .retry(after: .seconds(60), error: "e"),
                root: root
            )
            guard case .held(let due)? = try await bench.queue.settle([retry], as: .ann).first else {
                throw Unexpected("not held")
            }
            let retried = try await bench.journal().filter { $0.event == "retried" }
            #expect(retried.map(\.detail) == ["\(id) \(due.milliseconds) \(group.id.text)\ne"])
        }
    }

    @Test func `what people think of a group ends when it kills again`() async throws {
        try await Bench.run { bench in
            try await bury(bench, "a")
            let id = try await group(bench).id
            #expect(try await bench.queue.setState(of: id, .resolved) == .open)
            try await bury(bench, "a")
            #expect(try await group(bench).state == .regressed)
            #expect(try await bench.queue.setState(of: id, .ignored) == .regressed)
            try await bury(bench, "a")
            let ignored = try await group(bench)
            #expect(ignored.state == .ignored && ignored.ignoredUntil == nil)
            let now = try await bench.now()
            try await bench.queue.setState(of: id, .ignored, until: ServerTime(milliseconds: now + 3_600_000))
            #expect(try await group(bench).ignoredUntil?.milliseconds == now + 3_600_000)
            try await bench.queue.setState(of: id, .ignored, until: ServerTime(milliseconds: now - 1))
            #expect(try await group(bench).state == .open)
            try await bury(bench, "a")
            #expect(try await group(bench).state == .open)
            #expect(try await bench.queue.setState(of: try #require(GroupID("00000000")), .resolved) == nil)
        }
    }

    @Test func `the ids of a group are named over pages, oldest first, up to a time`() async throws {
        try await Bench.run { bench in
            let ids = try await bury(bench, "a", 25)
            let group = try await group(bench)
            for (score, id) in ids.enumerated() {
                try await bench.redis("ZADD", bench.key("group:\(group.id.text)"), "XX", "\(score + 1)", id.text)
            }
            let first = try await bench.queue.groupIDs(of: group.id, limit: 10)
            #expect(first.jobs.map(\.id) == Array(ids.prefix(10)) && first.next == 10)
            let rest = try await bench.queue.groupIDs(of: group.id, from: 20, limit: 10)
            #expect(rest.jobs.map(\.id) == Array(ids.suffix(5)) && rest.next == nil)
            let early = try await bench.queue.groupIDs(of: group.id, limit: 10, diedBy: ServerTime(milliseconds: 3))
            #expect(early.jobs.map(\.id) == Array(ids.prefix(3)) && early.next == nil)
        }
    }

    @Test(arguments: [
        ["pond_group_ids", "zz", "0", "1", ""], ["pond_group_ids", "00000000", "0", "1001", ""],
        ["pond_group_ids", "00000000", "0", "1", "x"], ["pond_group_state", "00000000", "regressed", ""],
        ["pond_group_state", "../dead", "open", ""], ["pond_group_state", "00000000", "ignored", "soon"],
        ["pond_audit", "by"], ["pond_audit"],
    ])
    func `a call that asks for nothing that there is, is refused`(words: [String]) async throws {
        try await Bench.run { bench in
            let text = try await bench.refusal(words[0], words.dropFirst().map { .text($0) })
            #expect(text.hasPrefix("INVALID"))
        }
    }

    @Test func `what somebody else wrote into the groups stops nobody`() async throws {
        try await Bench.run { bench in
            let ids = try await bury(bench, "a", 3)
            let id = try await group(bench).id.text
            for junk in ["junk", "\u{94}", "", String(repeating: "\u{81}", count: 5_000)] {
                try await bench.redis("HSET", bench.key("groups"), id, junk)
                try await bench.redis("HSET", bench.key("groups"), "a name that is none", junk)
                #expect(try await bench.queue.groups().isEmpty)
                #expect(try await bench.queue.revive([ids[0]]) == [.enqueued])
                try await buryReady(bench)
                #expect(try await bench.queue.groups().map(\.count) == [3])
            }
            try await bench.redis("HDEL", bench.key("groups"), id)
            #expect(try await bench.queue.discard(ids) == [true, true, true])
            #expect(try await bench.queue.depth().dead == 0)
        }
    }

    @Test(.redis) func `a dead job of an older library has no group and can be changed all the same`() async throws {
        try await Bench.run { bench in
            let old = LuaLibrary.text.replacing("int(now), group }", with: "int(now) }")
            #expect(old != LuaLibrary.text)
            try await bench.redis("FUNCTION", "LOAD", "REPLACE", old)
            let ids = try await bury(bench, "a", 2)
            // It kept none, either.
            try await bench.redis("DEL", bench.key("groups"), bench.key("group:26efa3cb"))
            try await bench.redis("FUNCTION", "LOAD", "REPLACE", LuaLibrary.text)
            #expect(try await bench.queue.groups().isEmpty)
            #expect(try await bench.queue.revive([ids[0]]) == [.enqueued])
            #expect(try await bench.queue.discard([ids[1]]) == [true])
            try await buryReady(bench)
            #expect(try await bench.queue.groups().map(\.count) == [1])
        }
    }

    @Test(.redis) func `what was done to the dead is written down, and the record is cut`() async throws {
        try await Bench.run { bench in
            let long = String(repeating: "ä", count: 2_000)
            let entry = AuditEntry(
                by: "ann@desk",
                action: "discard",
                target: "E-1f3a9c2e",
                jobs: 12,
                result: "ok",
                reason: long
            )
            try await bench.queue.audit(entry)
            let found = try #require(try await bench.queue.auditEntries().first)
            #expect(found.by == entry.by && found.action == entry.action && found.target == entry.target)
            #expect(found.jobs == 12 && found.result == "ok" && found.reason == String(repeating: "ä", count: 512))
            #expect(abs(found.time.milliseconds - (try await bench.now())) < 10_000)
            let small = LuaLibrary.text.replacing(
                "local AUDIT_ENTRIES_MAX = 10000",
                with: "local AUDIT_ENTRIES_MAX = 100"
            )
            try await bench.redis("FUNCTION", "LOAD", "REPLACE", small)
            for _ in 0..<300 { try await bench.queue.audit(entry) }
            #expect(try await bench.queue.auditEntries(limit: 1_000).count <= 200)
        }
    }

    @Test(arguments: ["1f3a9c2e", "E-1f3a9c2e", "e-1F3A9C2E", "other", "E-other"]) func `a group's name is read`(
        name: String
    ) throws {
        let id = try #require(GroupID(name))
        #expect(id.description == (name.hasSuffix("other") ? "E-other" : "E-1f3a9c2e"))
    }

    @Test(arguments: ["", "E-", "1f3a9c2", "1f3a9c2eg", "attempts_exhausted", "E-1f3a9c2e0", "1699999999999-0"])
    func `what is no group's name is none`(name: String) { #expect(GroupID(name) == nil) }
}
