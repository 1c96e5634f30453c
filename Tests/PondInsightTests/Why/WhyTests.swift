import PondCore
import PondInsight
import PondQueue
import PondRedis
import PondSQLite
import PondScaling
import PondTestKit
import PondWorker
import Testing

/// Every reason, provoked on a real server.
@Suite(.redis) struct WhyTests {
    private static let blocker = JobRegistration(kind: "block") { _ in try await Waiting.untilCancelled() }
    private static let charge = JobRegistration(kind: "order.charge") { _ in }

    // MARK: Held

    @Test func `scheduled: not due yet`() async throws {
        try await WhyPlace.run { place in
            let id = try await place.add("order.charge", .after(.seconds(600)))
            let report = try await place.why(id)
            #expect(report.reason == .scheduled && report.state == .held)
            #expect(report.kind == "order.charge")
            #expect(report.next.hasPrefix("ready in 9m") || report.next.hasPrefix("ready in 10m"))
            #expect(report.actions.map(\.text) == ["pond job cancel \(place.queue.name)/\(id)"])
        }
    }

    @Test func `retry_backoff: which try failed, and why`() async throws {
        try await WhyPlace.run { place in
            let flaky = JobRegistration(kind: "order.charge") { _ in
                throw RetryLater(after: .seconds(300), "HTTP 503\nbody")
            }
            let id = try await place.add()
            try await place.withWorker(JobList { flaky }) {
                let report = try await place.eventually(.retryBackoff, of: id)
                #expect(report.state == .held)
                #expect(report.detail == "try 1 failed: HTTP 503")
                #expect(report.next.contains("for try 2"))
            }
        }
    }

    @Test func `a due job that nobody makes ready waits for a worker`() async throws {
        try await WhyPlace.run { place in
            let id = try await place.add("order.charge", .after(.milliseconds(1)))
            let report = try await place.eventually(.noWorker, of: id)
            #expect(report.state == .waiting)
            #expect(report.detail.contains("has been due for"))
        }
    }

    // MARK: Waiting

    @Test func `queue_paused: since when, and why`() async throws {
        try await WhyPlace.run { place in
            let id = try await place.add()
            try await place.queue.pause(reason: "bank is down")
            let report = try await place.why(id)
            #expect(report.reason == .queuePaused && report.detail.hasSuffix(": bank is down"))
            #expect(report.actions.map(\.text) == ["pond queue resume \(place.queue.name)"])
        }
    }

    @Test func `no_worker: nobody serves the queue`() async throws {
        try await WhyPlace.run { place in
            try await place.add()
            let report = try await place.why(try await place.add())
            #expect(report.reason == .noWorker)
            #expect(report.next.contains("1 job is before it"))
            #expect(report.unseen == ["there is no history: ended jobs and correlation ids are not known"])
        }
    }

    @Test func `no_worker: workers that die as soon as they start are told of`() async throws {
        try await WhyPlace.run { place in
            let id = try await place.add()
            try await place.decide { ($0.limit, $0.to) = (.crashLoop, 0) }
            let report = try await place.why(id)
            #expect(report.reason == .noWorker && report.detail.contains("die as soon as they start"))
        }
    }

    @Test func `no_worker_for_kind: workers serve the queue, and none knows the kind`() async throws {
        try await WhyPlace.run { place in
            try await place.withWorker(JobList { Self.blocker }) {
                let id = try await place.add()
                let report = try await place.eventually(.noWorkerForKind, of: id)
                #expect(report.detail.contains("none with a handler for order.charge; they know block"))
            }
        }
    }

    @Test func `behind_n: how many are before it, and for how long`() async throws {
        try await WhyPlace.run { place in
            let quick = JobRegistration(kind: "quick") { _ in try await Waiting.work(for: .milliseconds(100)) }
            try await place.withWorker(
                JobList {
                    Self.blocker; Self.charge; quick
                },
                { ($0.slots, $0.prefetch) = (1, 0) }
            ) {
                let first = try await place.add("quick")
                _ = try await place.eventually(.done, of: first)
                let running = try await place.add("block")
                _ = try await place.eventually(.running, of: running)
                for _ in 0..<30 { try await place.add() }
                let ids = try await [place.add(), place.add()]
                // What a worker says of itself is as old as its last beat.
                let far = try await place.eventually(.behindOthers, of: ids[1]) {
                    $0.detail.contains("1 of 1 slot busy")
                }
                #expect(far.detail.contains("about "))
                #expect(far.next.hasPrefix("it begins in about "))
            }
        }
    }

    @Test func `scaling_up, at_limit, downstream_hold: as the fleet's law says`() async throws {
        try await WhyPlace.run { place in
            try await place.withWorker(
                JobList {
                    Self.blocker; Self.charge
                },
                { ($0.slots, $0.prefetch) = (1, 0) }
            ) {
                _ = try await place.eventually(.running, of: try await place.add("block"))
                let id = try await place.add()
                _ = try await place.eventually(.behindOthers, of: id)
                try await place.decide { ($0.limit, $0.to) = (.none, 3) }
                let growing = try await place.eventually(.scalingUp, of: id)
                #expect(growing.next.hasPrefix("2 workers are starting"))
                try await place.decide { $0.limit = .max }
                #expect(try await place.eventually(.atLimit, of: id).detail.contains("limited by its maximum"))
                try await place.decide { $0.limit = .verifyHold }
                #expect(try await place.eventually(.downstreamHold, of: id).detail.contains("jobs run slower"))
            }
        }
    }

    // MARK: Running

    @Test func `running: by whom and for how long, and what a wish to cancel will do`() async throws {
        try await WhyPlace.run { place in
            let id = try await place.add("block")
            try await place.withWorker(JobList { Self.blocker }, { $0.beatInterval = .seconds(1) }) {
                let report = try await place.eventually(.running, of: id)
                #expect(report.state == .running && report.detail.contains("has had it for"))
                let limit = #/cut off in \d+s/#
                _ = try await place.eventually(.running, of: id) { $0.next.contains(limit) }
                #expect(try await place.queue.cancel(id) == .cancelling)
            }
        }
    }

    @Test func `running_silent, then lease_expired: a worker that stops beating`() async throws {
        try await WhyPlace.run { place in
            let ann = Consumer("ann")
            let id = try await place.add()
            // A lease that a slow machine does not let run out before anybody has looked; so time passes by the beat's own.
            _ = try await place.queue.beat(as: ann, about: #"{"lease_ms":600000}"#)
            #expect(try await place.queue.fetch(as: ann, atMost: 1).deliveries.count == 1)
            #expect(try await place.why(id).reason == .running)
            try await place.age(ann, by: 400_000)
            let silent = try await place.why(id)
            #expect(silent.reason == .runningSilent)
            #expect(silent.detail.contains("ann has had it for") && silent.next.contains("takes the job over in"))
            try await place.age(ann, by: 300_000)
            let lost = try await place.why(id)
            #expect(lost.reason == .leaseExpired)
            #expect(lost.next.contains("nobody is there to take it over"))
        }
    }

    // MARK: Ended

    @Test func `dead: the cause, and the commands that help`() async throws {
        try await WhyPlace.run { place in
            let id = try await place.add()
            let fatal = JobRegistration(kind: "order.charge") { _ in throw GiveUp("card stolen", cause: "fraud") }
            try await place.withWorker(JobList { fatal }) {
                let report = try await place.eventually(.dead, of: id)
                #expect(report.detail == "fraud after 1 failed try: card stolen")
                #expect(report.actions.map(\.text).contains("pond dead retry \(place.queue.name)/\(id)"))
            }
        }
    }

    @Test func `unknown: nobody has heard of it`() async throws {
        try await WhyPlace.run { place in
            let report = try await WhyReader(place.pond, history: nil).answer("nobody's id")
            #expect(report.total == 0)
            #expect(report.jobs.map(\.reason) == [.unknown])
            #expect(report.jobs.first?.unseen.isEmpty == false)
        }
    }

    @Test func `an id of one queue is found among many, and an address in its own`() async throws {
        try await WhyPlace.run { place in
            let id = try await place.add("order.charge", .after(.seconds(60)))
            let address = "\(place.queue.name)/\(id)"
            let answer = try await WhyReader(place.pond, history: nil).answer(address)
            #expect(answer.jobs.map(\.reason) == [.scheduled])
            #expect(answer.jobs.first?.queue == place.queue.name.text)
            // A correlation id may look like an address of a queue that does not exist.
            #expect(try await WhyReader(place.pond, history: nil).answer("no/such").total == 0)
        }
    }

    @Test func `a correlation id that looks like an address is one all the same`() async throws {
        try await WhyPlace.run { place in
            let intent = "shop/order-7-\(place.queue.name)"
            var options = EnqueueOptions()
            options.correlationID = intent
            let id = try await place.add("order.charge", options)
            try await withHistory(of: place.pond) { history in
                let answer = try await WhyReader(place.pond, history: history).answer(intent)
                #expect(answer.isCorrelation && answer.jobs.map(\.id) == [id])
                #expect(answer.jobs.map(\.reason) == [.noWorker])
                let tree = try await IntentReader(place.pond, history: history).answer("\(place.queue.name)/\(id)")
                #expect(tree.correlationID == intent && tree.tree.rows.map(\.job.id) == [id])
            }
        }
    }

    @Test func `duplicate, expired, discarded and lost_payload: how it ended, by the history`() async throws {
        try await WhyPlace.run { place in
            let kept = try await place.add("order.charge", .once("key-1"))
            var late = EnqueueOptions()
            late.expires = Limits.earliestTime
            let expired = try await place.add("order.charge", late)
            let gone = try await place.add()
            let same = try await place.pond.redis.send(
                RedisCommand(
                    "XADD",
                    .text(place.queue.keys.ready(.normal)),
                    "*",
                    "kind",
                    "order.charge",
                    "data",
                    "{}",
                    "key",
                    "key-1"
                )
            )
            let duplicate = JobID(try #require(same.string))
            try await withHistory(of: place.pond) { history in
                _ = try await place.pond.redis.send(
                    RedisCommand("XDEL", .text(place.queue.keys.ready(.normal)), .text(gone.text))
                )
                let report = try await place.why(gone, history: history)
                #expect(report.reason == .lostPayload && report.detail.contains("gone without an end"))
            }
            let fatal = JobRegistration(kind: "order.charge") { _ in throw GiveUp("no") }
            try await place.withWorker(JobList { fatal }) {
                _ = try await place.eventually(.dead, of: kept)
                _ = try await place.eventually(.expired, of: expired)
                _ = try await place.eventually(.duplicate, of: duplicate)
            }
            #expect(try await place.queue.discard([kept]) == [true])
            try await withHistory(of: place.pond) { history in
                #expect(try await place.why(expired, history: history).reason == .expired)
                let report = try await place.why(duplicate, history: history)
                #expect(report.reason == .duplicate && report.detail.contains(kept.text))
                #expect(try await place.why(kept, history: history).reason == .discarded)
            }
        }
    }

    @Test(.redis) func `dropped: the oldest of more dead than a queue may have`() async throws {
        try await WhyPlace.run { place in
            // The bound is the library's own, so one with a small bound is loaded under the same name.
            let small = LuaLibrary.text.replacing("local DEAD_MAX = \(Limits.deadMax)", with: "local DEAD_MAX = 2")
            _ = try await place.pond.redis.send(RedisCommand("FUNCTION", "LOAD", "REPLACE", .text(small)))
            // Otherwise the queue is paused before it comes so far.
            _ = try await place.pond.redis.send(
                RedisCommand("HSET", .text(place.queue.keys.meta), "dead_overflow", "drop")
            )
            let fatal = JobRegistration(kind: "order.charge") { _ in throw GiveUp("no") }
            try await place.withWorker(JobList { fatal }) {
                var ids: [JobID] = []
                for _ in 0..<3 {
                    let id = try await place.add()
                    _ = try await place.eventually(.dead, of: id)
                    ids.append(id)
                }
                try await withHistory(of: place.pond) { history in
                    let report = try await place.why(ids[0], history: history)
                    #expect(report.reason == .dropped && report.detail.hasPrefix("it was dead, and was dropped"))
                    #expect(report.state == .ended)
                    #expect(try await place.why(ids[2], history: history).reason == .dead)
                }
            }
        }
    }

    @Test func `compensated: what it had done is undone, and before that the state says so`() async throws {
        try await WhyPlace.run { place in
            let id = try await place.add()
            let fatal = JobRegistration(kind: "order.charge") { _ in throw GiveUp("no") }
            // A kind with a handler of its own is not what the one for every other kind undoes.
            let others = JobRegistration.everyOtherKind { _ in }.compensate { _ in }
            let jobs = JobList {
                fatal
                others
            }
            try await place.withWorker(jobs) {
                let dead = try await place.eventually(.dead, of: id)
                #expect(dead.actions.map(\.text).contains("pond dead compensate \(place.queue.name)/\(id)"))
                #expect(try await place.queue.compensate([id]) == [.enqueued])
                let left = try await place.eventually(.noWorkerForKind, of: id)
                #expect(left.detail.hasPrefix("what it did is to be undone: 1 worker serves"))
                #expect(left.detail.contains("none with a compensation for order.charge"))
                #expect(left.next.contains("no_compensation"))
            }
            try await place.withWorker(JobList { fatal.compensate { _ in } }) {
                _ = try await place.eventually(.compensated, of: id)
            }
            try await withHistory(of: place.pond) { history in
                let report = try await place.why(id, history: history)
                #expect(report.reason == .compensated && report.detail.hasPrefix("what it had done is undone in "))
                #expect(report.state == .ended)
            }
        }
    }

    @Test func `hostile ids change nothing and are found nowhere`() async throws {
        try await WhyPlace.run { place in
            try await place.add()
            for text in [
                "", " ", "*", "0-0", "18446744073709551615-18446744073709551615", "a\u{0}b", "-", "+", "1-1-1n",
            ] {
                let answer = try await WhyReader(place.pond, history: nil).answer(text)
                #expect(answer.total == 0, "\(text)")
            }
        }
    }
}
