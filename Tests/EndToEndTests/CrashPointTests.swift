import Glibc
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// A worker that dies at each named place of the code, as if by `kill -9`, with keyed, retrying and delayed jobs in hand.
///
/// Afterwards another worker ends what it left: every job once, every key once, nothing left over.
@Suite(.serialized, .redis) struct CrashPointTests {
    /// Reached in the ordinary course of work.
    private static let atWork: [CrashPoint] = [
        .afterFetch, .afterClaim, .beforeRun, .afterRun, .beforeSettle, .afterSettle, .afterPromote, .afterBeat,
    ]

    @Test(arguments: atWork) func `a worker that dies at work leaves nothing undone and nothing done twice`(
        point: CrashPoint
    ) async throws {
        let place = try Place()
        let ids = try await addMixture(to: place)
        // The second time, so that some of its work was done before.
        try await dies(at: point, "\(point.rawValue):2", in: place)
        try await isEnded(ids, in: place)
    }

    @Test(arguments: [CrashPoint.beforeReclaim, .afterReclaim])
    func `a worker that dies while it takes over from a dead one`(point: CrashPoint) async throws {
        let place = try Place()
        let sleepers = [try await place.sleeper(0.5), try await place.sleeper(0.5)]
        try await Child.run(["worker", "--slots", "2"] + place.options) { first in
            try await place.eventually("the first worker has both") { $0.inFlight == 2 }
            first.send(SIGKILL)
            try await first.exit()
        }
        try await dies(at: point, point.rawValue, in: place)
        try await isEnded(sleepers, in: place)
    }

    @Test func `a worker that dies before it says goodbye is forgotten all the same`() async throws {
        let place = try Place()
        let ids = try await addMixture(to: place)
        let environment = ["MILLPOND_CRASH_AT": CrashPoint.beforeLeave.rawValue]
        let ended = try await Child.run(["worker"] + place.options, environment: environment) { worker in
            try await worker.line("worker ready")
            worker.send(SIGTERM)
            try await worker.exit()
        }
        #expect(ended.signal == SIGKILL)
        try await isEnded(ids, in: place)
    }

    @Test func `a crash point that does not exist is refused`() async throws {
        let place = try Place()
        let ended = try await Child.run(["worker"] + place.options, environment: ["MILLPOND_CRASH_AT": "nowhere"])
        #expect(ended.code == 64)
        #expect(ended.error.contains { $0.contains("MILLPOND_CRASH_AT names nowhere, which is no crash point") })
    }

    /// Jobs with keys, each of them twice; jobs that fail once; jobs for later.
    private func addMixture(to place: Place) async throws -> [JobID] {
        var ids: [JobID] = []
        for number in 0..<20 {
            let echo = NewJob(kind: try JobKind("pond.echo"), options: try .once("order-\(number)"))
            ids.append(try await place.queue.enqueue(echo).id)
            guard case .duplicate = try await place.queue.enqueue(echo) else {
                throw TimedOut(description: "not known")
            }
        }
        for number in 0..<4 {
            let data = Array("{\"times\":1}".utf8)
            var options = EnqueueOptions.after(.milliseconds(Int64(number) * 300))
            options.attemptsMax = 3
            ids.append(
                try await place.queue.enqueue(NewJob(kind: try JobKind("pond.fail"), data: data, options: options)).id
            )
        }
        return ids
    }

    private func dies(at point: CrashPoint, _ plan: String, in place: Place) async throws {
        let ended = try await Child.run(
            ["worker", "--slots", "3"] + place.options,
            environment: ["MILLPOND_CRASH_AT": plan]
        )
        #expect(ended.signal == SIGKILL, "\(point.rawValue) was not reached")
    }

    private func isEnded(_ ids: [JobID], in place: Place) async throws {
        try await Child.run(["worker", "--slots", "3"] + place.options) { worker in
            try await place.eventually("every job ends", within: .seconds(40)) {
                $0.ready + $0.inFlight + $0.held + $0.dead == 0
            }
            worker.send(SIGTERM)
            try await worker.exit()
        }
        let done = try await place.journal("done").map { JobID($0) }
        #expect(done.count == Set(done).count, "ended twice")
        #expect(Set(done) == Set(ids))
        for name in ["keys:live", "moved", "started", "cancel", "spent"] {
            let key = "\(place.queue.keys.base):\(name)"
            let count = try await place.pond.redis.send(RedisCommand("HLEN", .text(key))).int
            #expect(count == 0, "\(name) is not empty")
        }
    }
}
