import PondCore
import PondInsight
import PondQueue
import PondRedis
import PondSQLite
import PondTestKit
import Testing

/// What workers say of themselves decides, not what is usual: their lease, their patience, their brake, their progress.
@Suite(.redis) struct WhyByWorkersTests {
    /// A worker that beat once, and so long ago.
    private func worker(
        _ about: String,
        named name: String = "ann",
        beaten ago: Duration = .zero,
        in place: WhyPlace
    ) async throws -> Consumer {
        let consumer = Consumer(name)
        let now = try await place.queue.beat(as: consumer, about: about).now
        let time = now.advanced(by: .zero - ago).milliseconds
        _ = try await place.pond.redis.send(
            RedisCommand("ZADD", .text(place.queue.keys.beats), .integer(time), .text(name))
        )
        return consumer
    }

    @Test func `a worker with a long lease that has not beaten for twenty seconds has its job still`() async throws {
        try await WhyPlace.run { place in
            let id = try await place.add()
            let ann = try await worker(#"{"lease_ms":60000}"#, in: place)
            #expect(try await place.queue.fetch(as: ann, atMost: 1).deliveries.count == 1)
            _ = try await worker(#"{"lease_ms":60000}"#, beaten: .seconds(20), in: place)
            #expect(try await place.why(id).reason == .running)
            _ = try await worker(#"{"lease_ms":60000}"#, beaten: .seconds(40), in: place)
            let silent = try await place.why(id)
            #expect(
                silent.reason == .runningSilent && silent.next.contains(/takes the job over in 1\ds/),
                "\(silent.next)"
            )
            _ = try await worker("{}", beaten: .seconds(20), in: place)
            #expect(try await place.why(id).reason == .leaseExpired)
        }
    }

    @Test func `a queue whose only worker beats rarely has a worker`() async throws {
        try await WhyPlace.run { place in
            let id = try await place.add()
            _ = try await worker(#"{"lease_ms":60000,"slots":2}"#, beaten: .seconds(20), in: place)
            #expect(try await place.why(id).reason == .starting)
            _ = try await worker(#"{"slots":2}"#, beaten: .seconds(20), in: place)
            #expect(try await place.why(id).reason == .noWorker)
        }
    }

    @Test func `how long a job of an unknown kind lives is told as its workers have it`() async throws {
        try await WhyPlace.run { place in
            let id = try await place.add()
            let about = #"{"kinds":["other"],"kindsTotal":1,"unknown_kind_grace_ms":7200000}"#
            _ = try await worker(about, in: place)
            let report = try await place.why(id)
            #expect(report.reason == .noWorkerForKind && report.next.contains("after 2h00m of that it is dead"))
            _ = try await worker(#"{"kinds":["other"],"kindsTotal":1}"#, in: place)
            #expect(try await place.why(id).next.contains("after 1m00s of that it is dead"))
        }
    }

    @Test func `brake: the workers have stopped fetching, and why`() async throws {
        try await WhyPlace.run { place in
            let id = try await place.add()
            let brake = #"{"slots":2,"brake":{"cause":"exit_127","since_ms":1795752533217,"count":20}}"#
            _ = try await worker(brake, in: place)
            let report = try await place.why(id)
            #expect(report.reason == .brake && report.state == .waiting)
            #expect(
                report.detail.hasPrefix("the worker that could run it has stopped fetching because the last 20 jobs")
            )
            #expect(report.detail.contains("all ended as exit_127"))
            #expect(report.since == ServerTime(milliseconds: 1_795_752_533_217))
            #expect(report.actions.map(\.text).contains("pond dead groups --queue \(place.queue.name)"))
            // Another one that fetches is enough.
            _ = try await worker(#"{"slots":2}"#, named: "bob", in: place)
            #expect(try await place.why(id).reason == .starting)
        }
    }

    @Test func `running: the progress is what the worker said last, not what the history heard before`() async throws {
        try await WhyPlace.run { place in
            let id = try await place.add()
            // A lease that no slow machine lets run out.
            let ann = try await worker(#"{"lease_ms":600000}"#, in: place)
            #expect(try await place.queue.fetch(as: ann, atMost: 1).deliveries.count == 1)
            try await place.tell("ann", "progress", "\(id) 0.1\nstep 2")
            let jobs = #"[{"id":"\#(place.queue.name)/\#(id)","progress":0.3,"note":"step 6"}]"#
            _ = try await worker(#"{"lease_ms":600000,"jobs":\#(jobs)}"#, in: place)
            try await withHistory(of: place.pond) { history in
                let report = try await place.why(id, history: history)
                #expect(report.detail.hasSuffix("it last said: 30%, step 6"), "\(report.detail)")
            }
            _ = try await worker(#"{"lease_ms":600000}"#, in: place)
            try await withHistory(of: place.pond) { history in
                let report = try await place.why(id, history: history)
                #expect(report.detail.hasSuffix("it last said: 10%, step 2"), "\(report.detail)")
            }
        }
    }
}

/// Without a history the journal in Redis tells, and a walk through the keys.
@Suite(.redis) struct WhyWithoutHistoryTests {
    @Test(arguments: [
        ("expired", Reason.expired), ("done", .done), ("cancelled", .cancelled), ("dropped", .dropped),
        ("discarded", .discarded), ("duplicate", .duplicate),
    ])
    func `an ended job is explained by the journal in Redis`(event: String, reason: Reason) async throws {
        try await WhyPlace.run { place in
            let id = place.end()
            try await place.tell("ann", event, event == "duplicate" ? "\(id) 7-0" : id.text)
            let report = try await place.why(id)
            #expect(report.reason == reason && report.state == .ended)
            #expect(report.unseen == ["there is no history: all of this is from the journal in Redis"])
            // A bare id is found as well. On a busy machine the time for all journals may be up before this one is read.
            var reasons: [Reason] = []
            _ = try await Waiting.until {
                reasons = try await WhyReader(place.pond, history: nil).answer(id.text).jobs.map(\.reason)
                return reasons == [reason]
            }
            #expect(reasons == [reason])
        }
    }

    @Test(arguments: [nil, "h.sqlite is the history of redis://other:6379"])
    func `an end that the history has not heard of is explained by the journal`(doubt: String?) async throws {
        try await WhyPlace.run { place in
            let (unheard, halfHeard) = (place.end(), place.end())
            try await place.tell("ann", "started", halfHeard.text)
            try await withHistory(of: place.pond) { history in
                for id in [unheard, halfHeard] { try await place.tell("ann", "done", id.text) }
                let reader = WhyReader(place.pond, history: history, doubt: doubt)
                for id in [unheard, halfHeard] {
                    let report = try #require(try await reader.answer("\(place.queue.name)/\(id)").jobs.first)
                    #expect(report.reason == .done && report.state == .ended, "\(report)")
                    let note = doubt ?? "the history has not read so far"
                    #expect(report.unseen == ["\(note): all of this is from the journal in Redis"])
                    var reasons: [Reason] = []
                    _ = try await Waiting.until {
                        reasons = try await reader.answer(id.text).jobs.map(\.reason)
                        return reasons == [.done]
                    }
                    #expect(reasons == [.done])
                }
                let nobody = try await reader.answer("\(place.queue.name)/\(place.end())")
                #expect(nobody.total == 0 && nobody.jobs.first?.unseen == (doubt.map { [$0] } ?? []))
            }
        }
    }

    @Test func `the end is found behind thousands of other events`() async throws {
        try await WhyPlace.run { place in
            let id = place.end()
            try await place.tell("ann", "started", id.text)
            for _ in 0..<15 {
                let commands = (0..<200).map { number in
                    place.entry("ann", "progress", "1-\(number) 0.5")
                }
                _ = try await place.pond.redis.pipeline(commands)
            }
            try await place.tell("ann", "expired", id.text)
            let report = try await place.why(id)
            #expect(report.reason == .expired)
            let jobHistory = try #require(report.facts.first { $0.name == "story" }).value
            #expect(jobHistory.contains("started") && jobHistory.contains("expired"))
        }
    }

    @Test func `a job in a queue that nobody has registered is found by its bare id`() async throws {
        try await WhyPlace.run { place in
            let queue = try place.pond.queue(RedisServer.uniqueName("stray"))
            let reply = try await place.pond.redis.send(
                RedisCommand("XADD", .text(queue.keys.ready(.normal)), "*", "kind", "a", "data", "{}")
            )
            let answer = try await WhyReader(place.pond, history: nil).answer(try #require(reply.string))
            let report = try #require(answer.jobs.first)
            #expect(answer.total == 1 && report.reason == .noWorker && report.queue == queue.name.text)
            #expect(report.detail.contains("is not in the list of known queues"))
            #expect(report.actions.map(\.text).contains("pond worker --queue \(queue.name) --exec COMMAND"))
        }
    }

    @Test func `a journal that may not be read is no obstacle`() async throws {
        try await WhyPlace.run { place in
            _ = try await place.pond.redis.send(RedisCommand("DEL", .text(place.queue.keys.journal)))
            _ = try await place.pond.redis.send(RedisCommand("SET", .text(place.queue.keys.journal), "oops"))
            let answer = try await WhyReader(place.pond, history: nil).answer("\(place.queue.name)/1795752533217-0")
            #expect(answer.total == 0 && answer.jobs.map(\.reason) == [.unknown])
        }
    }
}

extension WhyPlace {
    /// An entry of the queue's journal, as a command.
    func entry(_ by: String, _ event: String, _ detail: String) -> RedisCommand {
        RedisCommand("XADD", .text(queue.keys.journal), "*", "by", .text(by), .text(event), .text(detail))
    }

    /// Writes an event into the queue's journal.
    func tell(_ by: String, _ event: String, _ detail: String) async throws {
        _ = try await pond.redis.send(entry(by, event, detail))
    }

    /// A job that is nowhere any more, and of which the journal says nothing yet; of a time that no other test has.
    func end() -> JobID {
        JobID("\(Int.random(in: 1_600_000_000_000..<1_700_000_000_000))-0")
    }
}
