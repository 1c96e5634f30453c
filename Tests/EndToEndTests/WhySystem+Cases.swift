import Glibc
import PondCore
import PondFleet
import PondInsight
import PondQueue
import PondRedis
import PondScaling
import PondTestKit
import Testing

/// A state that an operator asks about.
struct WhyCase: Sendable {
    let reason: Reason
    /// What is special about it.
    var note = ""
    /// What the answer says besides.
    var says = ""
    /// Whether it is over by itself after a while, so that a slow machine may miss it.
    var passes = false
    /// Brings it about, and names the job.
    let id: @Sendable () async throws -> String

    init(
        _ reason: Reason,
        _ note: String = "",
        says: String = "",
        passes: Bool = false,
        _ id: @escaping @Sendable () async throws -> String
    ) {
        (self.reason, self.note, self.says) = (reason, note, says)
        (self.passes, self.id) = (passes, id)
    }

    init(_ reason: Reason, _ note: String = "", says: String = "", of id: String) {
        self.init(reason, note, says: says) { id }
    }
}

extension WhySystem {
    /// What is to be said, of which job.
    func cases(_ workers: WhyWorkers) async throws -> [WhyCase] {
        for name in ["paused", "kinds", "undo", "silent", "calm", "braked"] { try await queue(name).register() }
        async let scaled = scaledCases()
        async let tried = triedCases()
        async let undone = undoneCases()
        async let large = largeCases()
        // What fails is forgotten after a minute, so that is asked first.
        // A bare id of two queues is that of two jobs, and who adds at the same time may be given the same.
        let all = try await scaled + large + tried + undone + untouchedCases() + sagaCases() + limitedCases()
        try await follow()
        return try all + stoppedCases(workers)
    }

    private func plain(
        _ kind: String,
        _ text: String = "",
        _ options: EnqueueOptions = EnqueueOptions()
    ) throws -> NewJob {
        NewJob(kind: try JobKind(kind), data: Array(text.utf8), options: options)
    }

    private func first(_ command: RedisCommand) async throws -> String {
        let reply = try await place.pond.redis.send(command).array?.first
        return try #require(reply?.string ?? reply?.array?.first?.string)
    }

    // MARK: In the large queue, and where nobody works

    private func largeCases() async throws -> [WhyCase] {
        let big = place.queue
        let last = try await first(RedisCommand("XREVRANGE", .text(big.keys.ready(.normal)), "+", "-", "COUNT", 1))
        let held = try await first(RedisCommand("ZREVRANGE", .text("\(big.keys.base):due"), 0, 0))
        let runner = try await first(RedisCommand("XPENDING", .text(big.keys.ready(.high)), "mp", "-", "+", 1))
        let dead = try #require(try await big.dead(limit: 1).first?.id)
        return [
            WhyCase(.behindOthers, of: last), WhyCase(.scheduled, of: held), WhyCase(.dead, of: dead.text),
            WhyCase(.running, of: runner + "h"), WhyCase(.done, "long ago", of: "\(try await oldest() + 777)-1"),
            WhyCase(.unknown, of: "0-99"),
        ]
    }

    private func untouchedCases() async throws -> [WhyCase] {
        let paused = try queue("paused"), idle = try queue("idle"), full = try queue("full")
        try await paused.pause(reason: "a drill")
        let gone = try await first(RedisCommand("XRANGE", .text(idle.keys.ready(.normal)), "-", "+", "COUNT", 1))
        _ = try await place.pond.redis.send(RedisCommand("XDEL", .text(idle.keys.ready(.normal)), .text(gone)))
        let cancelled = try await idle.enqueue(plain("pond.sleep")).id
        _ = try await idle.cancel(cancelled)
        let dropped = try #require(try await full.dropped())
        return [
            WhyCase(.brake, says: "exit_127", of: try await brakedJob()),
            WhyCase(.queuePaused, of: try await paused.enqueue(plain("a")).id.text),
            WhyCase(.noWorker, of: try await idle.enqueue(plain("a")).id.text),
            WhyCase(.cancelled, of: cancelled.text), WhyCase(.lostPayload, of: gone), WhyCase(.dropped, of: dropped),
        ]
    }

    /// A job of a queue whose only worker has stopped fetching by itself, and beats for a long time to come.
    private func brakedJob() async throws -> String {
        let braked = try queue("braked")
        let about = #"{"slots":1,"brake":{"cause":"exit_127","count":20}}"#
        let now = try await braked.beat(as: Consumer("stopped-1"), about: about).now
        let ahead = now.advanced(by: .seconds(3_600)).milliseconds
        _ = try await place.pond.redis.send(
            RedisCommand("ZADD", .text(braked.keys.beats), .integer(ahead), "stopped-1")
        )
        return try await braked.enqueue(plain("a")).id.text
    }

    // MARK: Tried by workers

    /// What `pond.sleep` gives up at.
    private static let refused = "{\"seconds\":-1}"

    private func triedCases() async throws -> [WhyCase] {
        let kinds = try queue("kinds")
        let retrying = try await kinds.enqueue(plain("pond.fail", "{}")).id
        let alien = try await kinds.enqueue(plain("alien")).id
        let echo = try await kinds.enqueue(plain("pond.echo")).id
        let discarded = try await kinds.enqueue(plain("pond.sleep", Self.refused, try .once("order-7"))).id
        var late = EnqueueOptions()
        late.expires = Limits.earliestTime
        let expired = try await kinds.enqueue(plain("pond.echo", "", late)).id
        let fields: [RedisArgument] = ["*", "kind", "pond.sleep", "data", .text(Self.refused), "key", "order-7"]
        // A plain XADD, since the library itself would answer that the key is taken.
        let same = try await place.pond.redis.send(RedisCommand("XADD", [.text(kinds.keys.ready(.normal))] + fields))
        let duplicate = JobID(try #require(same.string))
        let ids = [retrying, alien, echo, discarded, expired, duplicate]
        let wanted: [JobReport.State] = [.held, .held, .unknown, .dead, .unknown, .unknown]
        var states: [JobReport.State] = []
        try await eventually("the small jobs are tried", within: .seconds(60), says: { "\(states)" }) {
            states = []
            for id in ids { states.append(try await kinds.job(id).state) }
            return states == wanted
        }
        #expect(try await kinds.discard([discarded]) == [true])
        return [
            WhyCase(.noWorkerForKind, of: alien.text), WhyCase(.retryBackoff, of: retrying.text),
            WhyCase(.done, "just now", of: echo.text), WhyCase(.discarded, of: discarded.text),
            WhyCase(.expired, of: expired.text), WhyCase(.duplicate, says: discarded.text, of: duplicate.text),
        ]
    }

    private func undoneCases() async throws -> [WhyCase] {
        let undo = try queue("undo")
        let ids = [
            try await undo.enqueue(plain("bank.charge", "7\n")).id,
            try await undo.enqueue(plain("bank.charge", "hang\n")).id,
        ]
        try await eventually("the work is dead", within: .seconds(60)) { try await undo.depth().dead == 2 }
        #expect(try await undo.compensate(ids) == [.enqueued, .enqueued])
        var states: [JobReport.State] = []
        try await eventually("one is undone and one is at it", within: .seconds(60), says: { "\(states)" }) {
            states = [try await undo.job(ids[0]).state, try await undo.job(ids[1]).state]
            return states == [.unknown, .running]
        }
        return [
            WhyCase(.compensated, of: ids[0].text),
            WhyCase(.running, "being undone", says: "what it did is to be undone", of: ids[1].text),
        ]
    }

    // MARK: As the supervisor decides

    private func scaledCases() async throws -> [WhyCase] {
        let limit = try queue("limit"), hold = try queue("hold"), slow = try queue("slow")
        for queue in [limit, hold, slow] {
            try await untilDecided(queue) { _ in true }
            try await eventually("\(queue.name) has a worker", within: .seconds(60)) {
                try await queue.depth().workers > 0
            }
        }
        let limited = try await crowd(limit, 20)
        // What it can read a rate of failures from: more than it asks for.
        for _ in 0..<12 { _ = try await hold.enqueue(plain("pond.fail", "{}")) }
        try await untilDecided(hold) { $0.failedShare >= 0.5 }
        let failing = try await crowd(hold, 20)
        try await untilDecided(hold) { $0.limit == .failing }
        try await untilDecided(limit) { $0.limit == .max }
        return [
            WhyCase(.downstreamHold, of: failing), WhyCase(.atLimit, of: limited),
            WhyCase(.scalingUp, passes: true) {
                let growing = try await crowd(slow, 3)
                try await untilDecided(slow) { $0.to > 1 }
                return growing
            },
        ]
    }

    /// Gives a queue's worker more than it can begin, and names the last of it.
    private func crowd(_ queue: Queue, _ count: Int) async throws -> String {
        var last = ""
        for _ in 0...count { last = try await queue.enqueue(sleeper()).id.text }
        // What a worker says of itself is as old as its last beat.
        try await eventually("the worker of \(queue.name) says that it is busy", within: .seconds(60)) {
            try await queue.workers().contains { (WorkerAbout(json: $0.about)?.running ?? 0) > 0 }
        }
        return last
    }

    private func untilDecided(_ queue: Queue, _ holds: (ScalingDecision) -> Bool) async throws {
        var last: ScalingDecision?
        let store = try place.pond.fleet(fleet)
        try await eventually(
            "the supervisor decides so about \(queue.name)",
            within: .seconds(60),
            says: { "\(last, default: "nothing")" }
        ) {
            last = try await store.view().plan?.decisions[queue.name.text]
            return last.map(holds) ?? false
        }
    }

    // MARK: With a worker that stands still

    private func stoppedCases(_ workers: WhyWorkers) throws -> [WhyCase] {
        let silent = try queue("silent")
        return [
            WhyCase(.starting, passes: true) { try await starting(workers.calm) },
            WhyCase(.runningSilent, passes: true) { try await silence(workers.silent, since: .milliseconds(2_100)) },
            WhyCase(.leaseExpired) {
                try await untilSilent(silent, for: Limits.lease + .milliseconds(100))
                return try #require(try await silent.running()).text
            },
        ]
    }

    /// A job that a worker with room has not fetched yet: the worker stands still between two looks at a paused queue.
    private func starting(_ worker: Child) async throws -> String {
        let calm = try queue("calm")
        worker.send(SIGCONT)
        try await calm.pause(reason: "until its worker is stopped")
        // A read that it had begun before is over after this time, and it begins none while the queue is paused.
        try await LocalClock.system.sleep(Limits.fetchBlock + Limits.beatInterval)
        try await untilFresh(calm)
        worker.send(SIGSTOP)
        let id = try await calm.enqueue(plain("pond.echo")).id
        try await calm.resume()
        return id.text
    }

    /// Stops a worker that has a job, and waits until it has been silent for so long.
    private func silence(_ worker: Child, since time: Duration) async throws -> String {
        let silent = try queue("silent")
        worker.send(SIGCONT)
        if try await silent.running() == nil { _ = try await silent.enqueue(sleeper()) }
        try await eventually("it has a job", within: .seconds(60)) { try await silent.running() != nil }
        try await untilFresh(silent)
        worker.send(SIGSTOP)
        try await untilSilent(silent, for: time)
        return try #require(try await silent.running()).text
    }

    private func untilFresh(_ queue: Queue) async throws {
        try await eventually("\(queue.name) has a fresh beat", within: .seconds(60)) {
            try await silence(of: queue) < .milliseconds(500)
        }
    }

    private func untilSilent(_ queue: Queue, for time: Duration) async throws {
        try await eventually("\(queue.name) is silent", within: .seconds(60)) { try await silence(of: queue) > time }
    }

    /// The age of the beat of a queue's only worker.
    private func silence(of queue: Queue) async throws -> Duration {
        let beats = try await queue.workers().compactMap(\.lastBeat)
        let now = ServerTime(milliseconds: try await place.now())
        return beats.map { now.since($0) }.min() ?? .seconds(3_600)
    }
}

extension Queue {
    /// The first job that a worker has.
    fileprivate func running() async throws -> JobID? {
        for stream in [ReadyStream.normal, .front] {
            let reply = try await pond.redis.send(
                RedisCommand("XPENDING", .text(keys.stream(stream)), "mp", "-", "+", 1)
            )
            if let entry = reply.array?.first?.array?.first?.string { return stream.ownID(entry: entry) }
        }
        return nil
    }

    /// The first job that the journal names as dropped.
    fileprivate func dropped() async throws -> String? {
        let reply = try await pond.redis.send(RedisCommand("XREVRANGE", .text(keys.journal), "+", "-", "COUNT", 5))
        for entry in reply.array ?? [] {
            let words = entry.array?.last?.array?.compactMap(\.string) ?? []
            if let index = words.firstIndex(of: "dropped"), index + 1 < words.count { return words[index + 1] }
        }
        return nil
    }
}
