import PondCore
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

/// Random sagas with every kind of part, run by workers that die at every moment.
///
/// The seed is printed; put it in to repeat.
@Suite(.redis) struct SagaModelTests {
    @Test(arguments: [1, 2, UInt64.random(in: 3 ... .max)])
    func `whatever happens, every saga ends once, and what it did is kept or undone`(seed: UInt64) async throws {
        print("saga model seed: \(seed)")
        try await Bench.run { bench in
            // Many workers die in a short time here.
            try await bench.redis("HSET", bench.key("meta"), "recoveries_max", "1000")
            var crowd = try await SagaCrowd(bench, seed: seed, count: 40)
            let hasEnded = try await Waiting.until(within: .seconds(60), every: .milliseconds(1)) {
                if try await crowd.step() { return false }
                let depth = try await bench.queue.depth()
                return depth.ready + depth.inFlight + depth.held + depth.waiting == 0
            }
            let depth = try await bench.queue.depth()
            #expect(hasEnded, "seed \(seed): \(depth)")
            let sagas = Set(crowd.effects.map(\.saga)).union(crowd.roots)
            for id in sagas { try await expectBalance(of: id, crowd, bench) }
            try await expectNothingOpen(bench, "seed \(seed)")
        }
    }

    /// Kept, or undone in order and followed by nothing.
    private func expectBalance(of id: JobID, _ crowd: SagaCrowd, _ bench: Bench) async throws {
        let effects = crowd.effects.filter { $0.saga == id }
        guard let record = try await bench.queue.saga(id) else {
            #expect(effects.isEmpty, "\(id) did something and remembers nothing")
            return
        }
        #expect(record.state.isFinal, "\(id) is \(record.state)")
        let undone = effects.filter(\.isUndo).map(\.step)
        let armed = Set(record.steps.filter { $0.undo != .none }.map(\.name))
        let did = Set(effects.filter { !$0.isUndo }.map(\.step)).intersection(armed)
        switch record.state {
        case .done: #expect(undone.isEmpty, "\(id) is done, and undid \(undone)")
        case .failed: #expect(did.isEmpty, "\(id) failed, and did \(did)")
        default:
            #expect(did.subtracting(undone).isEmpty, "\(id) is \(record.state), and did \(did), undid \(undone)")
            let order = undone.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }.map {
                record[$0]?.sequence ?? 0
            }
            #expect(order == order.sorted(by: >), "\(id) undid \(undone)")
            let afterFirstUndo = effects.drop { !$0.isUndo }.filter { !$0.isUndo }
            #expect(afterFirstUndo.isEmpty, "\(id) went forward after it had turned")
        }
    }

    private func expectNothingOpen(_ bench: Bench, _ comment: Comment) async throws {
        let counts = try await bench.queue.sagaCounts()
        #expect(SagaRecord.State.allCases.filter { !$0.isFinal && counts[$0] ?? 0 > 0 } == [], comment)
        for name in ["moved", "waiting", "cancel"] { #expect(try await bench.hash(name).isEmpty, comment) }
        #expect(try await bench.redis("ZCARD", bench.key("waits")).int == 0, comment)
        let joins = try await bench.redis("KEYS", bench.key("join:*")).array?.compactMap(\.string) ?? []
        for join in joins {
            #expect(try await bench.redis("HEXISTS", join, "closed").int == 1, "\(join) never closed: \(comment)")
        }
        let ends = try await bench.census().ends
        #expect(ends.values.allSatisfy { $0.count == 1 }, comment)
    }
}
