import PondCore
import PondQueue
import PondRedis
import Testing

/// A state of a queue, a verb that changes it, and the jobs that must be whole afterwards, whatever fails on the way.
struct Situation: Sendable, CustomTestStringConvertible {
    let name: String
    /// Makes the state; gives the jobs.
    let prepare: @Sendable (Bench) async throws -> [JobID]
    /// Calls the verb; gives the jobs that it says it added.
    ///
    /// What it throws is the failure that is looked for.
    let act: @Sendable (Bench, [JobID]) async throws -> [JobID]

    var testDescription: String { name }

    static let all: [Situation] = adding + settling + moving + sagas
}

extension Situation {
    fileprivate static let adding = [
        Situation(name: "enqueue with a key") { _ in
            []
        } act: { bench, _ in
            [try await bench.add("a", "", try .once("order-1"))]
        },
        Situation(name: "enqueue with a key for later") { _ in
            []
        } act: { bench, _ in
            var options = try EnqueueOptions.once("order-2")
            options.delay = .seconds(600)
            return [try await bench.add("a", "", options)]
        },
        Situation(name: "enqueue") { _ in
            []
        } act: { bench, _ in
            [try await bench.add()]
        },
        Situation(name: "enqueue by function") { _ in
            []
        } act: { bench, _ in
            [JobID(try await bench.call("pond_enqueue", "kind", "a").array?.last?.string ?? "")]
        },
        Situation(name: "enqueue for later") { _ in
            []
        } act: { bench, _ in
            [try await bench.addHeld()]
        },
        Situation(name: "enqueue for soon") { _ in
            []
        } act: { bench, _ in
            [try await bench.add("a", "", .after(.milliseconds(1_400)))]
        },
    ]

    /// Each outcome, for a job that was never moved and for one that was, cancelled or not.
    fileprivate static let settling = FenceTests.outcomes.flatMap { outcome in
        [(false, false), (false, true), (true, false), (true, true)].map { isMoved, isCancelled in
            let kind = "\(isMoved ? ", moved" : "")\(isCancelled ? ", cancelled" : "")"
            return Situation(name: "settle \(outcome)\(kind)") { bench in
                // Half of them with a key, which has to end with its job.
                let id = try await bench.add("a", "", isCancelled == isMoved ? try .once("order-3") : .init())
                if isMoved { try await bench.settle(try await bench.fetchOne(), .released) }
                _ = try await bench.fetchOne()
                if isCancelled { _ = try await bench.queue.cancel(id) }
                return [id]
            } act: { bench, ids in
                let receipt = try await bench.receipt(of: ids[0])
                let settlement = Settlement(
                    receipt: receipt,
                    id: ids[0],
                    outcome: outcome,
                    hasKey: isCancelled == isMoved,
                    // What was never moved is settled by its key.
                    key: isCancelled || isMoved ? nil : try IdempotencyKey("order-3")
                )
                _ = try await bench.queue.settle([settlement], as: .ann)
                return []
            }
        }
    }

    private static func verb(
        _ name: String,
        _ prepare: @escaping @Sendable (Bench) async throws -> [JobID],
        _ act: @escaping @Sendable (Bench, [JobID]) async throws -> Void
    ) -> Situation {
        Situation(name: name, prepare: prepare) { bench, ids in
            try await act(bench, ids)
            return []
        }
    }

    fileprivate static let moving: [Situation] = [
        verb("fetch", { [try await $0.add()] }) { bench, _ in _ = try await bench.queue.fetch(as: .ann, atMost: 5) },
        verb("fetch what is due", dueJobs) { bench, _ in _ = try await bench.queue.fetch(as: .ann, atMost: 5) },
        verb("promote", dueJobs) { bench, _ in _ = try await bench.queue.promote(as: .ann) },
        verb("promote what expired", expiredJob) { bench, _ in _ = try await bench.queue.promote(as: .ann) },
        verb("reclaim", { try await runningJobs($0, recoveries: 0) }, reclaim),
        verb("reclaim poison", { try await runningJobs($0, recoveries: 2) }, reclaim),
        verb("reclaim what is cancelled", cancelledJob, reclaim),
        verb("cancel a ready job", { [try await $0.add()] }, cancel),
        verb("cancel a held job", { [try await $0.addHeld()] }, cancel),
        verb("cancel a running job", { try await runningJobs($0, recoveries: 0) }, cancel),
        verb("cancel a dead job", deadJob, cancel),
        verb("cancel a held job with a key", { [try await $0.addHeldOnce()] }, cancel),
        verb("discard a dead job with a key", deadJobOnce) { bench, ids in _ = try await bench.queue.discard(ids) },
        verb("revive a dead job with a key", deadJobOnce) { bench, ids in _ = try await bench.queue.revive(ids) },
        verb("claim", { try await runningJobs($0, recoveries: 1) }) { bench, ids in
            for id in ids {
                let receipt = try await bench.receipt(of: id)
                // A job in a stream that is broken has no receipt that anybody could know.
                guard receipt.entry.last?.isNumber == true else { continue }
                _ = try await bench.queue.claim(receipt, as: .ann)
            }
        },
        verb("revive", deadJob) { bench, ids in _ = try await bench.queue.revive(ids) },
        verb("compensate", deadJob) { bench, ids in _ = try await bench.queue.compensate(ids) },
        verb("compensate a dead job with a key", deadJobOnce) { bench, ids in _ = try await bench.queue.compensate(ids)
        },
        verb("discard", deadJob) { bench, ids in _ = try await bench.queue.discard(ids) },
        verb("beat", { try await runningJobs($0, recoveries: 0) }) { bench, _ in
            _ = try await bench.queue.beat(as: .bob, census: true, about: "{}")
        },
        verb("leave", { try await runningJobs($0, recoveries: 0) }) { bench, _ in
            _ = try await bench.queue.leave(as: .ann)
        },
        verb("open", { [try await $0.add()] }) { bench, _ in _ = try await bench.queue.open() },
        verb("pause", { [try await $0.add()] }) { bench, _ in try await bench.queue.pause(reason: "r") },
        verb("resume", { [try await $0.add()] }) { bench, _ in try await bench.queue.resume() },
    ]

    @Sendable private static func reclaim(_ bench: Bench, _ ids: [JobID]) async throws {
        _ = try await bench.queue.reclaim(from: .ann, by: .bob)
    }

    @Sendable private static func cancel(_ bench: Bench, _ ids: [JobID]) async throws {
        _ = try await bench.queue.cancel(ids[0])
    }

    @Sendable private static func dueJobs(_ bench: Bench) async throws -> [JobID] {
        let ids = [
            try await bench.addHeld(priority: .high), try await bench.addHeld(),
            try await bench.addHeld(priority: .low),
        ]
        for id in ids { try await bench.makeDue(id) }
        return ids
    }

    @Sendable private static func expiredJob(_ bench: Bench) async throws -> [JobID] {
        var options = EnqueueOptions.after(.seconds(600))
        options.expires = Limits.earliestTime
        let id = try await bench.add("a", "", options)
        try await bench.makeDue(id)
        return [id]
    }

    /// Jobs of a consumer that is long dead: one as it came, one that was moved before.
    @Sendable private static func runningJobs(_ bench: Bench, recoveries: Int) async throws -> [JobID] {
        let ids = [try await bench.add(priority: .low), try await bench.add()]
        for _ in 0..<recoveries {
            for delivery in try await bench.fetch() { _ = try await bench.queue.claim(delivery.receipt, as: .ann) }
            try await bench.reclaimAll(from: .ann)
        }
        if recoveries == 0 { try await bench.settle(try await bench.fetchOne(), .released) }
        for delivery in try await bench.fetch() where recoveries > 1 {
            _ = try await bench.queue.claim(delivery.receipt, as: .ann)
        }
        try await bench.setBeat(.ann, millisecondsAgo: 60_000)
        return ids
    }

    @Sendable private static func cancelledJob(_ bench: Bench) async throws -> [JobID] {
        let ids = try await runningJobs(bench, recoveries: 0)
        for id in ids { _ = try await bench.queue.cancel(id) }
        return ids
    }

    @Sendable private static func deadJobOnce(_ bench: Bench) async throws -> [JobID] {
        let id = try await bench.add("a", "", try .once("order-4"))
        try await bench.settle(try await bench.fetchOne(), .dead(cause: .failed, error: "e"))
        return [id]
    }

    @Sendable private static func deadJob(_ bench: Bench) async throws -> [JobID] {
        let id = try await bench.add()
        try await bench.settle(try await bench.fetchOne(), .dead(cause: .failed, error: "e"))
        return [id]
    }
}

extension Bench {
    fileprivate func addHeldOnce() async throws -> JobID {
        var options = try EnqueueOptions.once("order-5")
        options.delay = .seconds(600)
        return try await add("a", "", options)
    }

    /// Where a running job's entry is, read with plain commands.
    func receipt(of id: JobID) async throws -> Receipt {
        for stream in ReadyStream.allCases where try await redis("TYPE", queue.keys.stream(stream)).string == "stream" {
            for (entry, fields) in try await entries(of: queue.keys.stream(stream)) {
                let claimed = fields.first { $0.name == "id" }.map { JobID($0.value) }
                if claimed ?? stream.ownID(entry: entry) == id { return Receipt(stream: stream, entry: entry) }
            }
        }
        // Its stream is the one that was broken, so nobody can know the entry but from before.
        return Receipt(stream: .normal, entry: id.text)
    }
}
