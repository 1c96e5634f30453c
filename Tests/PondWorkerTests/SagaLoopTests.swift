import PondCore
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import PondWorker
import Synchronization
import Testing

/// Handlers that come from one wait to the next, and workers beside older function libraries.
@Suite(.redis) struct SagaLoopTests {
    private func harness(_ run: @escaping @Sendable (JobContext) async throws -> Void) throws -> (Harness, JobList) {
        (try Harness(), JobList { JobRegistration(kind: "flow", run: run).retrying(times: 1) })
    }

    @Test func `a handler takes many signals that are there without beginning again for each`() async throws {
        let (runs, sum) = (Record<Int>(), Record<Int>())
        let (harness, jobs) = try harness { job in
            runs.add(1)
            var total = 0
            for _ in 0..<50 { total += try await job.signal("go") as Int }
            sum.add(total)
        }
        let id = try await harness.enqueue("flow")
        for number in 1...50 { _ = try await harness.queue.signal("go", to: id, Array("\(number)".utf8)) }
        try await harness.withWorker(jobs) { _ in
            try await harness.eventually { $0.ready + $0.inFlight + $0.waiting == 0 }
        }
        #expect(sum.all == [1275])
        #expect(runs.all.count == 2)
    }

    @Test func `a handler whose time is up begins no other run, though what it waits for is there`() async throws {
        let runs = Record<Int>()
        let (harness, jobs) = try harness { job in
            runs.add(1)
            // Until its time is up; then it waits for what is there.
            try? await Waiting.untilCancelled()
            _ = try await job.signal("go") as Int
            Issue.record("it went on")
        }
        var options = EnqueueOptions()
        options.timeout = .milliseconds(200)
        let id = try await harness.enqueue("flow", "{}", options)
        _ = try await harness.queue.signal("go", to: id, Array("1".utf8))
        try await harness.withWorker(jobs) { _ in try await harness.eventually { $0.dead == 1 } }
        #expect(runs.all == [1])
    }

    @Test func `a step that a replay has from the old saga is undone by the key that it ran with`() async throws {
        let seen = Record<String>()
        let (harness, jobs) = try harness { job in
            try await job.step("charge") {
                seen.add($0.key)
            } undo: {
                seen.add("\($0.stepKey) \($0.key)")
            }
            _ = try await job.signal("go") as Int
            throw GiveUp("no stock")
        }
        try await harness.withWorker(jobs) { _ in
            let old = try await harness.enqueue("flow")
            try await harness.eventually { $0.waiting == 1 }
            #expect(try await harness.queue.pauseSaga(old, because: "look") == .moved)
            let answer = try await harness.queue.fork(old, from: "go", keys: .new, because: "mended")
            guard case .enqueued(let replay) = answer else { throw NotReached(text: "\(answer)") }
            _ = try await harness.queue.signal("go", to: replay, Array("1".utf8))
            let isUndone = try await Waiting.until { try await harness.queue.saga(replay)?.state == .compensated }
            #expect(isUndone)
            #expect(seen.all == ["\(old):charge", "\(old):charge \(old):charge:undo"])
        }
    }

    @Test func `a worker brings the function library up to its own at its start, and not again`() async throws {
        try await RedisServer.withServer { server in
            let harness = try Harness(server: server)
            let old = LuaLibrary.text.replacing(
                "local REVISION = \(LuaLibrary.revision) ",
                with: "local REVISION = \(LuaLibrary.revision - 1) "
            )
            _ = try await harness.redis.send(RedisCommand("FUNCTION", "LOAD", .text(old)))
            #expect(try await harness.pond.libraryVersion()?.revision == LuaLibrary.revision - 1)
            let jobs = JobList { JobRegistration(kind: "plain") { _ in } }
            try await harness.withWorker(jobs) { _ in
                try await harness.enqueue("plain")
                try await harness.eventually { $0.ready + $0.inFlight == 0 }
            }
            #expect(try await harness.pond.libraryVersion() == .own)
            // The worker has its own account of that; this one looks once, too.
            try await harness.pond.seeToLibrary()
            _ = try await harness.redis.send(RedisCommand("FUNCTION", "LOAD", "REPLACE", .text(old)))
            try await harness.pond.seeToLibrary()
            #expect(try await harness.pond.libraryVersion()?.revision == LuaLibrary.revision - 1)
            await harness.redis.close()
            await harness.pond.close()
        }
    }

    @Test func `a worker that may not load functions serves with an older library`() async throws {
        try await RedisServer.withServer { server in
            let harness = try Harness(server: server)
            let old = LuaLibrary.text.replacing(
                "local REVISION = \(LuaLibrary.revision) ",
                with: "local REVISION = \(LuaLibrary.revision - 1) "
            )
            _ = try await harness.redis.send(RedisCommand("FUNCTION", "LOAD", .text(old)))
            _ = try await harness.redis.send(
                RedisCommand("ACL", "SETUSER", "default", "-function|load")
            )
            let jobs = JobList { JobRegistration(kind: "plain") { _ in } }
            try await harness.withWorker(jobs) { _ in
                try await harness.enqueue("plain")
                try await harness.eventually { $0.ready + $0.inFlight == 0 }
            }
            #expect(try await harness.pond.libraryVersion()?.revision == LuaLibrary.revision - 1)
            await harness.redis.close()
            await harness.pond.close()
        }
    }
}
