import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Synchronization
import Testing

/// Thousands of random verbs by workers that die, come back and settle what is no longer theirs, on a queue whose keys
/// break now and then.
///
/// Afterwards every job is in one place or ended once. The seed is printed; put it in to repeat.
@Suite(.redis) struct ModelTests {
    @Test(arguments: [1, 2, 3, UInt64.random(in: 4 ... .max)])
    func `whatever happens, every job is in one place or ended once`(seed: UInt64) async throws {
        print("model seed: \(seed)")
        try await Bench.run { bench in
            var crowd = Crowd(bench, seed: seed, workers: 5)
            for step in 1...3_000 {
                try await crowd.step()
                if step.isMultiple(of: 500) { try await bench.expectWhole(crowd.ids, "seed \(seed), step \(step)") }
            }
            try await crowd.drain()
            // While the key of the counters was broken, some were not counted.
            try await bench.expectDrained(crowd.ids, "seed \(seed)", done: .partly)
            try await bench.expectOnce(crowd.keys, "seed \(seed)")
        }
    }

    @Test(arguments: [UInt64.random(in: 0 ... .max)])
    func `the same with eight crowds at once`(seed: UInt64) async throws {
        print("model seed: \(seed)")
        try await Bench.run { bench in
            typealias Added = (ids: [JobID], keys: [JobID: IdempotencyKey])
            let added = try await withThrowingTaskGroup(of: Added.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        var crowd = Crowd(bench, seed: seed &+ UInt64(number), workers: 3, breaksKeys: false)
                        for _ in 0..<400 { try await crowd.step() }
                        return (crowd.ids, crowd.keys)
                    }
                }
                return try await group.reduce(into: Added([], [:])) { all, some in
                    all.ids += some.ids
                    all.keys.merge(some.keys) { first, _ in first }
                }
            }
            try await bench.expectWhole(added.ids, "seed \(seed)")
            var last = Crowd(bench, seed: seed, workers: 3)
            try await last.drain()
            try await bench.expectDrained(added.ids, "seed \(seed)", done: .exactly)
            try await bench.expectOnce(added.keys, "seed \(seed)")
        }
    }
}

/// How well a counter was kept.
private enum Counted {
    case exactly, partly
}

extension Bench {
    /// Expects that of all jobs with a key at most one is done, and that every key was let go.
    fileprivate func expectOnce(_ keys: [JobID: IdempotencyKey], _ comment: Comment) async throws {
        let ends = try await census().ends
        let done = Dictionary(grouping: keys.keys.filter { ends[$0] == ["done"] }, by: { keys[$0] })
        for (key, ids) in done { #expect(ids.count == 1, "\(comment): \(key?.text ?? "") by \(ids)") }
        #expect(done.count > 5, comment)
        #expect(try await hash("keys:live").isEmpty, comment)
    }

    /// Expects that each of these jobs ended, once, and that nothing is left of any.
    fileprivate func expectDrained(_ ids: [JobID], _ comment: Comment, done counted: Counted) async throws {
        try await expectWhole(ids, comment)
        let census = try await census()
        #expect(census.places.isEmpty, comment)
        #expect(Set(census.ends.keys) == Set(ids), comment)
        let depth = try await queue.depth()
        #expect([depth.ready, depth.inFlight, depth.held, depth.dead] == [0, 0, 0, 0], comment)
        let done = census.ends.values.count { $0 == ["done"] }
        #expect(counted == .exactly ? depth.done == done : (1...done).contains(depth.done), comment)
        for name in ["moved", "held", "dead", "causes", "cancel"] { #expect(try await hash(name).isEmpty, comment) }
    }
}
