import PondCore
import PondQueue
import PondTestKit
import Testing

/// The typed calls of named limits against a real server.
@Suite(.redis)
struct LimitCallTests {
    private func name(_ word: String = "limit") throws -> LimitName { try LimitName(RedisServer.uniqueName(word)) }

    @Test func `a limit is set, changed, shown, listed and cleared`() async throws {
        try await Bench.run { bench in
            let (limits, name) = (bench.pond.limits, try name())
            let spec = try LimitSpec("60/m burst 10, 8 at a time")
            #expect(try await limits.show(name) == nil)
            #expect(try await limits.set(name, .open) == false)
            #expect(try await limits.show(name)?.spec == .open)
            #expect(try await limits.set(name, spec))
            let shown = try #require(try await limits.show(name))
            #expect(shown.spec == spec)
            #expect((shown.state, shown.learned, shown.running, shown.until) == (.ok, 1_000, 0, nil))
            #expect(try await limits.list().first { $0.name == name.text } == shown)
            #expect(try await limits.clear(name))
            #expect(try await limits.clear(name) == false)
            #expect(try await limits.show(name) == nil)
        }
    }

    @Test func `a running job takes what there is, is told how long to wait, and gives back`() async throws {
        try await Bench.run { bench in
            let (limits, name) = (bench.pond.limits, try name())
            try await limits.set(name, try LimitSpec("2 at a time"))
            for _ in 0..<3 { try await bench.add() }
            let jobs = try await bench.queue.fetch(as: .ann, atMost: 3).deliveries.map { try $0.job.get() }
            let need = try LimitNeed(name: name.text, cost: 1)
            #expect(try await limits.take(need, for: jobs[0]) == .granted)
            #expect(try await limits.take(need, for: jobs[1]) == .granted)
            guard case .wait(let time, .concurrency, name.text) = try await limits.take(need, for: jobs[2]) else {
                Issue.record("a third was granted of two")
                return
            }
            #expect(time > .zero)
            #expect(try await limits.show(name)?.running == 2)
            #expect(try await limits.give(name, of: jobs[0]))
            #expect(try await limits.give(name, of: jobs[0]) == false)
            #expect(try await limits.take(need, for: jobs[2]) == .granted)
        }
    }

    @Test func `what was admitted and refused is counted by the minute`() async throws {
        try await Bench.run { bench in
            let (limits, name) = (bench.pond.limits, try name())
            try await limits.set(name, try LimitSpec("1/h"))
            for _ in 0..<2 { try await bench.add() }
            let receipts = try await bench.queue.fetch(as: .ann, atMost: 2).deliveries.map(\.receipt)
            try await bench.queue.setLimitNeeds(["a.b": try LimitNeed(name.text)])
            #expect(try await bench.queue.admit(receipts, as: .ann) == [.run, .limited])
            #expect(try await bench.queue.admit([receipts[1]], as: .ann) == [.lost])
            try await limits.tell(try LimitNeed(name.text), .throttled(.seconds(60)))
            let shown = try #require(try await limits.show(name))
            #expect((shown.admitted, shown.refused, shown.failed) == (1, 1, 1))
            #expect(shown.minutes.map(\.admitted).reduce(0, +) == 1)
            #expect(shown.state == .throttled)
            #expect(shown.until != nil)
            let lanes = try await bench.queue.limitLanes()
            #expect(lanes.kinds == ["a.b": name.text])
            #expect(lanes.lanes.map(\.names) == [name.text])
            #expect(lanes.lanes.map(\.reason) == [.throttled])
            #expect(try await bench.queue.setLimitNeeds(["a.b": .none]) == 1)
            #expect(try await bench.queue.limitLanes().kinds.isEmpty)
        }
    }

    @Test func `a cost that was less in truth makes room`() async throws {
        try await Bench.run { bench in
            let (limits, name) = (bench.pond.limits, try name())
            try await limits.set(name, try LimitSpec("100/h burst 100"))
            try await bench.add()
            let job = try #require(try await bench.queue.fetch(as: .ann, atMost: 1).deliveries.first).job.get()
            let need = try LimitNeed(name: name.text, cost: 80)
            #expect(try await limits.take(need, for: job) == .granted)
            guard case .wait(_, .rate, _) = try await limits.take(need, for: job) else {
                Issue.record("160 were granted of 100")
                return
            }
            try await limits.adjust(name, from: 80, to: 10)
            #expect(try await limits.take(need, for: job) == .granted)
        }
    }
}
