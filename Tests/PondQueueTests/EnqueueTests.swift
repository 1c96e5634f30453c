import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct EnqueueTests {
    @Test func `a job is ready at once, under its entry's id`() async throws {
        try await Bench.run { bench in
            let answer = try await bench.queue.enqueue(NewJob(kind: .test, data: Array("{}".utf8)))
            let id = answer.id
            #expect(answer == .enqueued(id))
            try await bench.expect(id, in: .ready(.normal))
            let entries = try await bench.entries(of: bench.key("ready"))
            #expect(entries.map(\.entry) == [id.text])
            #expect(entries[0].fields.map(\.name) == ["kind", "data"])
        }
    }

    @Test func `a plain append by anybody is a job`() async throws {
        try await Bench.run { bench in
            let entry = try await bench.redis("XADD", bench.key("ready"), "*", "kind", "email.send", "data", "{}")
                .string
            let delivery = try await bench.fetchOne()
            #expect(delivery.id.text == entry)
            #expect(try delivery.job.get().kind.text == "email.send")
        }
    }

    @Test(arguments: [(Priority.high, ReadyStream.high), (.normal, .normal), (.low, .low)])
    func `a priority has its stream, by append and by function`(priority: Priority, stream: ReadyStream) async throws {
        try await Bench.run { bench in
            let plain = try await bench.add(priority: priority)
            try await bench.expect(plain, in: .ready(stream))
            let reply = try await bench.call("pond_enqueue", "kind", "a.b", "priority", priority.rawValue)
            #expect(reply.array?.first?.string == "enqueued")
            let called = JobID(try #require(reply.array?.last?.string))
            try await bench.expect(called, in: .ready(stream))
            #expect(try await bench.fetch().map(\.id) == [plain, called])
        }
    }

    @Test func `the function answers as the wire format says`() async throws {
        try await Bench.run { bench in
            let enqueued = try await bench.call("pond_enqueue", "kind", "a.b", "data", "{}", "tenant", "acme")
            #expect(enqueued.array?.count == 2)
            #expect(enqueued.array?[0].string == "enqueued")
            let before = try await bench.now()
            let held = try #require(try await bench.call("pond_enqueue", "kind", "a", "delay_ms", "5000").array)
            let after = try await bench.now()
            #expect(held.count == 3)
            #expect(held[0].string == "held")
            #expect(((before + 5_000)...(after + 5_000)).contains(held[2].int ?? 0))
        }
    }

    @Test func `a delay of nothing and a time that has passed run now`() async throws {
        try await Bench.run { bench in
            let zero = try await bench.add("a", "", .after(.zero))
            let negative = try await bench.add("a", "", .after(.seconds(-5)))
            var options = EnqueueOptions()
            options.runAt = Limits.earliestTime
            let past = try await bench.add("a", "", options)
            for id in [zero, negative, past] { try await bench.expect(id, in: .ready(.normal)) }
        }
    }

    @Test func `a time to come holds the job until then`() async throws {
        try await Bench.run { bench in
            var options = EnqueueOptions()
            let due = ServerTime(milliseconds: try await bench.now() + 600_000)
            options.runAt = due
            let answer = try await bench.queue.enqueue(NewJob(kind: .test, options: options))
            #expect(answer == .held(answer.id, due: due))
            try await bench.expect(answer.id, in: .held)
            #expect(try await bench.queue.job(answer.id).due == due)
        }
    }

    @Test func `a delay together with a time is refused`() async throws {
        try await Bench.run { bench in
            var options = EnqueueOptions.after(.seconds(1))
            options.runAt = Limits.earliestTime
            let error = await #expect(throws: QueueError.self) {
                try await bench.queue.enqueue(NewJob(kind: .test, options: options))
            }
            #expect(error?.code == .invalid)
            #expect(error?.message.contains("run_at_ms: given together with delay_ms") == true)
        }
    }

    @Test func `a full queue refuses only those who ask`() async throws {
        try await Bench.run { bench in
            try await bench.redis("HSET", bench.key("meta"), "max_depth", "3")
            var options = EnqueueOptions()
            options.checksDepth = true
            var ids: [JobID] = [try await bench.add("a", "", options), try await bench.addHeld()]
            ids.append(try await bench.add("a", "", options))
            let error = await #expect(throws: QueueError.self) { try await bench.add("a", "", options) }
            #expect(error?.code == .queueFull)
            #expect(error?.message.contains("holds 3 jobs and its max_depth is 3") == true)
            await #expect(throws: QueueError.self) { try await bench.addHeld() }
            ids.append(try await bench.add())
            try await bench.expectWhole(ids)
        }
    }

    @Test func `many jobs are one round trip, each with its own answer`() async throws {
        try await Bench.run { bench in
            var high = NewJob(kind: .test)
            high.options.priority = .high
            let jobs = [NewJob(kind: .test), NewJob(kind: .test, options: .after(.seconds(60))), high]
            let answers = try await bench.queue.enqueue(jobs).map { try $0.get() }
            try await bench.expect(answers[0].id, in: .ready(.normal))
            try await bench.expect(answers[1].id, in: .held)
            try await bench.expect(answers[2].id, in: .ready(.high))
            #expect(try await bench.queue.enqueue([NewJob]()).isEmpty)
        }
    }

    @Test func `one invalid job of many stops all of them before anything is sent`() async throws {
        try await Bench.run { bench in
            let wrong = NewJob(kind: .test, data: [UInt8](repeating: 0, count: Limits.payloadBytesMax + 1))
            let error = await #expect(throws: QueueError.self) {
                try await bench.queue.enqueue([NewJob(kind: .test), wrong])
            }
            #expect(error?.code == .invalid)
            try await bench.expectWhole([])
        }
    }

    @Test func `one that the server refuses stops no other`() async throws {
        try await Bench.run { bench in
            try await bench.redis("SET", bench.key("ready:high"), "a string")
            var high = NewJob(kind: .test)
            high.options.priority = .high
            let answers = try await bench.queue.enqueue([NewJob(kind: .test), high, NewJob(kind: .test)])
            #expect(throws: QueueError.self) { try answers[1].get() }
            try await bench.redis("DEL", bench.key("ready:high"))
            try await bench.expectWhole([try answers[0].get().id, try answers[2].get().id])
        }
    }

    @Test(arguments: [10_000, 40_000]) func `tens of thousands of jobs in one call are all there`(
        count: Int
    ) async throws {
        try await Bench.run { bench in
            let answers = try await bench.queue.enqueue([NewJob](repeating: NewJob(kind: .test), count: count))
            #expect(Set(try answers.map { try $0.get().id }).count == count)
            #expect(try await bench.queue.depth().ready == count)
        }
    }

    @Test func `ids are unique in a queue though entry ids are unique in a stream only`() async throws {
        try await Bench.run { bench in
            let jobs = (0..<3_000).map { number in
                var job = NewJob(kind: .test)
                job.options.priority = Priority.allCases[number % 3]
                return job
            }
            let ids = try await bench.queue.enqueue(jobs).map { try $0.get().id }
            #expect(Set(ids).count == 3_000)
            // The test means something only if entry ids did collide.
            let entries = Set(ids.map { $0.text.filter { !$0.isLetter } })
            #expect(entries.count < 3_000)
            let fetched = try await bench.fetch(4_000).map(\.id)
            #expect(Set(fetched) == Set(ids))
        }
    }

    @Test func `held jobs of one millisecond have ids of their own`() async throws {
        try await Bench.run { bench in
            let jobs = [NewJob](repeating: NewJob(kind: .test, options: .after(.seconds(60))), count: 500)
            let ids = try await bench.queue.enqueue(jobs).map { try $0.get().id }
            #expect(Set(ids).count == 500)
            try await bench.expectWhole(ids)
        }
    }

    @Test func `a registered queue is listed, and what is no queue name is not`() async throws {
        try await Bench.run { bench in
            #expect(try await !bench.pond.queues().contains(bench.queue.name))
            try await bench.queue.register()
            try await bench.redis("SADD", "mp:queues", "No Queue!")
            #expect(try await bench.pond.queues().contains(bench.queue.name))
        }
    }

    @Test(.redis) func `whatever is added to becomes known, and by one command a queue`() async throws {
        try await Bench.run { bench in
            let other = try bench.pond.queue(bench.name + "-children")
            _ = try await bench.queue.enqueue(NewJob(kind: .test))
            _ = try await other.enqueue([NewJob(kind: .test)])
            #expect(try await Set(bench.pond.queues()).isSuperset(of: [bench.queue.name, other.name]))
            try await bench.redis("DEL", "mp:queues")
            _ = try await bench.pond.ship([(other.name.text, NewJob(kind: .test))])
            _ = try await bench.pond.queue(bench.name).enqueue(NewJob(kind: .test))
            #expect(try await bench.pond.queues() == [])
        }
    }

    @Test(
        .redis(
            RedisServer.Options(aclUsers: [
                "user default on nopass ~* &* +@all", "user narrow on >secret ~mp:{* resetchannels +@all",
            ])
        )
    )
    func `a server that will not list the queue takes the job all the same`() async throws {
        let url = "unix://narrow:secret@\(RedisServer.current.socketPath)"
        try await Bench.run(url: url) { bench in
            try await bench.queue.register()
            let id = try await bench.add()
            #expect(try await bench.queue.job(id).state == .ready)
        }
    }

    @Test(.redis) func `a lost answer is an unknown outcome, not a second job`() async throws {
        try await Bench.run { bench in
            try await bench.pond.installLibrary()
            var configuration = try RedisConfiguration(url: RedisServer.current.url)
            configuration.commandTimeout = .seconds(1)
            let hasty = Pond(configuration)
            let queue = try hasty.queue(bench.name)
            // The server takes the command and holds it back until its client gave up.
            try await bench.redis("CLIENT", "PAUSE", "60000", "WRITE")
            let error = await #expect(throws: QueueError.self) { try await queue.enqueue(NewJob(kind: .test)) }
            #expect(error?.outcomeUnknown == true)
            #expect(error?.isTransient == true)
            try await bench.redis("CLIENT", "UNPAUSE")
            await hasty.close()
            #expect(try await bench.queue.depth().ready <= 1)
        }
    }
}
