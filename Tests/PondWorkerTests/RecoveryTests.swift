import Logging
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
import Testing

@Suite(.redis)
struct RecoveryTests {
    @Test func `entries whose delivery was lost on its way are handed back and run`() async throws {
        let harness = try Harness()
        let ran = Event()
        try await harness.withWorker(JobList { JobRegistration(kind: "job") { _ in ran.fire() } }) { worker in
            try await harness.queue.pause()
            try await harness.eventually { $0.isPaused }
            // The worker hears of the pause at its next beat, and a blocking read may bring one job before.
            try await Task.sleep(for: .milliseconds(1_200))
            for _ in 0..<3 { try await harness.enqueue("job") }
            try await harness.eventually { $0.ready == 3 }
            _ = try await harness.redis.send(
                RedisCommand(
                    "XREADGROUP",
                    "GROUP",
                    "mp",
                    .text(worker.consumer.name),
                    "COUNT",
                    10,
                    "STREAMS",
                    .text(harness.queue.keys.ready(.normal)),
                    ">"
                )
            )
            try await harness.queue.resume()
            try await harness.eventually { $0.done == 3 && $0.inFlight == 0 }
        }
        #expect(ran.fired == 3)
    }

    @Test func `jobs that do not fit in one reply together are fetched in smaller parts`() async throws {
        let harness = try Harness { $0.replyBytesMax = 100_000 }
        let ran = Event()
        let payload = #"{"text":""# + String(repeating: "x", count: 4_000) + #""}"#
        for _ in 0..<200 { try await harness.enqueue("job", payload) }
        try await harness.withWorker(
            JobList { JobRegistration(kind: "job") { _ in ran.fire() } },
            { $0.prefetch = 200 }
        ) { _ in
            try await harness.eventually { $0.done == 200 && $0.inFlight == 0 && $0.ready == 0 }
        }
        #expect(ran.fired == 200)
    }

    @Test func `an entry that no reply can hold is dead as malformed, and the jobs beside it run at once`() async throws
    {
        let harness = try Harness { $0.replyBytesMax = 3_000_000 }
        let ran = Event()
        let stream = RedisArgument.text(harness.queue.keys.ready(.normal))
        let huge = RedisArgument.bytes([UInt8](repeating: 0x78, count: 4_000_000))
        for _ in 0..<50 { try await harness.enqueue("job") }
        _ = try await harness.redis.send(RedisCommand("XADD", stream, "*", "kind", "job", "data", huge))
        for _ in 0..<50 { try await harness.enqueue("job") }
        try await harness.withWorker(JobList { JobRegistration(kind: "job") { _ in ran.fire() } }) { _ in
            try await harness.eventually { $0.done == 100 && $0.dead == 1 && $0.inFlight == 0 && $0.ready == 0 }
        }
        #expect(ran.fired == 100)
        #expect(try await harness.queue.dead().map(\.cause) == ["malformed"])
    }

    @Test func `pause stops fetching and resume goes on`() async throws {
        let harness = try Harness()
        let ran = Event()
        try await harness.queue.pause(reason: "the API is down")
        try await harness.enqueue("job")
        try await harness.withWorker(JobList { JobRegistration(kind: "job") { _ in ran.fire() } }) { _ in
            // That nothing is fetched shows in time only.
            try await Task.sleep(for: .milliseconds(500))
            #expect(ran.fired == 0)
            #expect(try await harness.queue.pauseReason() == "the API is down")
            try await harness.queue.resume()
            try await ran.wait(within: .seconds(3))
        }
    }

    @Test func `a key of another type stops its own stream only, and is named`() async throws {
        let harness = try Harness()
        let ran = Event()
        _ = try await harness.redis.send(RedisCommand("SET", .text(harness.queue.keys.ready(.high)), "a string"))
        try await harness.withWorker(JobList { JobRegistration(kind: "job") { _ in ran.fire() } }) { _ in
            try await harness.enqueue("job")
            try await ran.wait(within: .seconds(5))
            let depth = try await harness.queue.depth()
            #expect(depth.fault?.contains("ready:high") == true)
            _ = try await harness.redis.send(RedisCommand("DEL", .text(harness.queue.keys.ready(.high))))
            var high = EnqueueOptions()
            high.priority = .high
            try await harness.enqueue("job", "{}", high)
            try await ran.wait(for: 2, within: .seconds(8))
        }
    }
}

@Suite
struct OutageTests {
    @Test
    func `while Redis takes nothing back of what was delivered in a lost reply, the worker rests between its tries`()
        async throws
    {
        try await RedisServer.withServer { server in
            let log = LineLog()
            let harness = try Harness(server: server, log: log)
            let ran = Event()
            try await harness.withWorker(JobList { JobRegistration(kind: "job") { _ in ran.fire() } }) { worker in
                // One job is delivered without the worker's knowledge, the next one wakes it up, and from then on no
                // function that writes may be called, as on a server that has become a replica.
                let stream = RedisArgument.text(harness.queue.keys.ready(.normal))
                let add = RedisCommand("XADD", stream, "*", "kind", "job")
                let consumer = RedisArgument.text(worker.consumer.name)
                let steal = RedisCommand("XREADGROUP", "GROUP", "mp", consumer, "COUNT", 1, "STREAMS", stream, ">")
                let forbid = RedisCommand("ACL", "SETUSER", "default", "-fcall")
                for reply in try await harness.redis.pipeline([
                    RedisCommand("MULTI"), add, steal, add, forbid, RedisCommand("EXEC"),
                ]) { _ = try reply.get() }
                let asked = try await harness.calls("fcall_ro", are: { $0 >= 1 })
                let before = log.texts(from: .warning).count
                // Each try asks what the worker owns.
                _ = try await harness.calls("fcall_ro", are: { $0 >= asked + 4 })
                #expect(log.texts(from: .warning).count - before < 7, "\(log.texts(from: .warning))")
                _ = try await harness.redis.send(RedisCommand("ACL", "SETUSER", "default", "+fcall"))
                try await harness.eventually { $0.done == 2 && $0.inFlight == 0 }
            }
            #expect(ran.fired == 2)
        }
    }

    @Test func `jobs flow again after Redis was killed and started on the same data, nothing acknowledged is lost`()
        async throws
    {
        try await RedisServer.withServer(RedisServer.Options(appendOnly: true)) { server in
            let harness = try Harness(server: server)
            let ran = Record<String>()
            let job = JobRegistration(kind: "job") { ran.add($0.id.text) }
            try await harness.withWorker(JobList { job }) { _ in
                var acknowledged: Set<String> = []
                for _ in 0..<3 {
                    for _ in 0..<50 { acknowledged.insert(try await harness.enqueue("job").text) }
                    server.kill()
                    try await server.start()
                    let back = ContinuousClock.now
                    acknowledged.insert(try await harness.enqueue("job").text)
                    try await harness.eventually { $0.ready == 0 && $0.inFlight == 0 }
                    #expect(ContinuousClock.now - back < .seconds(3))
                }
                #expect(acknowledged.isSubset(of: Set(ran.all)))
            }
        }
    }

    @Test func `FLUSHALL under a worker is survived`() async throws {
        try await RedisServer.withServer { server in
            let harness = try Harness(server: server)
            let ran = Event()
            try await harness.withWorker(JobList { JobRegistration(kind: "job") { _ in ran.fire() } }) { _ in
                try await harness.enqueue("job")
                try await ran.wait()
                _ = try await harness.redis.send(RedisCommand("FLUSHALL"))
                try await harness.enqueue("job")
                try await ran.wait(for: 2, within: .seconds(5))
                _ = try await harness.redis.send(RedisCommand("FUNCTION", "FLUSH"))
                try await harness.enqueue("job")
                try await ran.wait(for: 3, within: .seconds(5))
            }
        }
    }
}

@Suite(.redis)
struct SharedConnectionTests {
    @Test func `handlers cancelled in the middle of their own Redis calls cut off no settle`() async throws {
        let harness = try Harness()
        let busy = JobRegistration(kind: "busy") { job in
            // Always in the middle of a call when its time is up.
            while true {
                try await job.enqueue(NewJob(kind: try JobKind("child")), to: "children-\(harness.queue.name)")
            }
        }.timeout(.milliseconds(50)).retrying(
            times: 2,
            backoff: Backoff(base: .milliseconds(5), cap: .milliseconds(5), jitter: 0)
        )
        for _ in 0..<20 { try await harness.enqueue("busy") }
        for _ in 0..<200 { try await harness.enqueue("quick") }
        let ran = Record<JobID>()
        let jobs = JobList {
            busy
            JobRegistration(kind: "quick") { ran.add($0.id) }
        }
        try await harness.withWorker(jobs) { _ in
            try await harness.eventually(within: .seconds(60)) { $0.dead == 20 && $0.done == 200 && $0.inFlight == 0 }
        }
        #expect(ran.all.count == 200 && Set(ran.all).count == 200)
    }
}

extension Harness {
    /// How often a command was called, as soon as that is so often.
    func calls(_ command: String, are isSo: (Int) -> Bool) async throws -> Int {
        var calls = 0
        let isReached = try await Waiting.until(within: .seconds(20), every: .milliseconds(10)) {
            let info = try await redis.send(RedisCommand("INFO", "commandstats")).string ?? ""
            let line = info.split(separator: "\r\n").first { $0.hasPrefix("cmdstat_\(command):") } ?? ""
            calls = Int(line.split(separator: "calls=").dropFirst().first?.prefix { $0.isNumber } ?? "0") ?? 0
            return isSo(calls)
        }
        if isReached { return calls }
        throw NotReached(text: command)
    }
}
