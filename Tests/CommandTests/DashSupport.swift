import PondCore
import PondInsight
import PondQueue
import PondScaling

@testable import pond

/// Looks and pictures for the tests of the dashboard.
enum DashFixture {
    static let start = ServerTime(milliseconds: 1_800_000_000_000)
    static let instant = LocalClock.system.now()

    static func queue(
        _ name: String,
        at second: Int = 0,
        ready: Int = 0,
        oldest: Duration = .zero,
        workers: Int = 0,
        decided: Bool = false
    ) -> QueueSample {
        var queue = QueueSample(name: name, at: start.advanced(by: .seconds(second)))
        (queue.ready, queue.oldest) = (ready, oldest)
        queue.workers = (0..<workers).map {
            QueueSample.Worker(
                name: "host-\($0)",
                slot: $0,
                pid: 100,
                running: 2,
                slots: 4,
                ended: 7,
                sinceBeat: .milliseconds(300)
            )
        }
        if decided { queue.decision = decision(name, from: workers, to: workers + 2) }
        return queue
    }

    static func decision(_ queue: String, from: Int, to: Int) -> ScalingDecision {
        var decision = ScalingDecision(queue: queue, at: start, token: 1, from: from, to: to, demand: to, wanted: to)
        (decision.waitTarget, decision.waiting, decision.serviceTime, decision.arrivalRate) = (2, 41, 0.2, 14)
        (decision.workersMin, decision.workersMax, decision.slots) = (1, 8, 4)
        return decision
    }

    static func look(_ queues: [QueueSample], decisions: [ScalingDecision] = [], fleet: Bool = true) -> DashLook {
        var look = DashLook(at: queues.first?.at ?? start, health: "ok", verdict: "All well.", queues: queues)
        if fleet {
            let host = FleetSample.Host(name: "host-a", leads: true, running: 3, room: 8, cpuWait: 0.25)
            look.fleet = FleetSample(name: "f", verdict: "Fleet f stands.", hosts: [host], decisions: decisions)
        } else {
            look.fleetNote = "there is no fleet default"
        }
        return look
    }

    /// Two limits, one of them with jobs that wait.
    static func limits() -> LimitListing {
        let lane = LimitLane(
            queue: "emails",
            lane: "openai,tenant:acme",
            waiting: 412,
            limit: "openai",
            reason: "rate_limited",
            due: start.advanced(by: .seconds(41))
        )
        let minutes = (0..<60).map {
            LimitView.Minute(at: start.advanced(by: .seconds(-60 * $0)), admitted: 60 - $0, refused: $0, failed: 0)
        }
        let openai = LimitView(
            name: "openai",
            definition: "60/m burst 10, 8 at a time",
            state: .throttled,
            learned: 0.7,
            until: start.advanced(by: .seconds(20)),
            running: 3,
            admitted: 3_600,
            refused: 412,
            failed: 7,
            minutes: minutes,
            lanes: [lane],
            at: start
        )
        return LimitListing(limits: [openai, LimitView(name: "tenant:*", definition: "10/s", at: start)], at: start)
    }

    /// A model that has looked at three queues for some seconds.
    static func model(seconds: Int = 30, fleet: Bool = true) -> DashModel {
        var model = DashModel()
        for second in 0..<seconds {
            var emails = queue(
                "emails",
                at: second,
                ready: second * 3,
                oldest: .seconds(second),
                workers: 3,
                decided: fleet
            )
            (emails.arrivals, emails.done) = (second * 10, second * 7)
            let reports = queue("reports", at: second, ready: 1, oldest: .milliseconds(200), workers: 1)
            let images = queue("images", at: second)
            let decisions = (0..<40).map { decision("emails", from: $0, to: $0 + 1) }
            model.take(look([emails, images, reports], decisions: decisions, fleet: fleet), at: instant)
        }
        if seconds > 0 {
            model.take(.jobs(jobs()))
            model.take(.dead(DashDead(groups: groups())))
            model.take(.limits(limits()))
        }
        return model
    }

    static let queueName = (try? QueueName("emails"))!

    /// Three jobs that run, and forty that have ended.
    static func jobs(_ text: String = "asleep") -> DashJobs {
        var jobs = DashJobs(told: 3, inFlight: 5)
        jobs.running = (0..<3).map { number in
            RunningJob(
                queue: "emails",
                id: JobID("180000000000\(number)-0"),
                kind: "email.send",
                attempt: 2,
                run: .seconds(90 - number),
                progress: 0.25,
                note: text,
                worker: "host-\(number)"
            )
        }
        jobs.events = (0..<40).map { number in
            let facts = JobFacts(kind: "email.send", attempt: 2, run: .milliseconds(350))
            let event = JournalEvent(
                .dead,
                JobID("17-\(number)"),
                words: ["failed", "0a0b0c0d"],
                text: text,
                facts: facts
            )
            let time = start.advanced(by: .seconds(-number))
            return TailEvent(queue: queueName, entry: "\(time.milliseconds)-0", time: time, by: "w", event: event)
        }
        return jobs
    }

    static func report(
        _ reason: Reason = .noWorkerForKind,
        _ text: String = "3 workers serve emails, none of them knows it"
    )
        -> WhyReport
    {
        WhyReport(
            queue: "emails",
            id: JobID("1800000000000-0"),
            kind: "email.send",
            reason: reason,
            since: start.advanced(by: .seconds(-252)),
            detail: text,
            next: "a worker that fetches it hands it on",
            actions: [.words("pond worker list emails"), .words("deploy a worker that registers email.send")],
            facts: (0..<20).map { WhyReport.Fact("fact \($0)", "value \($0) " + text) },
            unseen: ["there is no history: ended jobs and correlation ids are not known"],
            now: start
        )
    }

    /// Three root causes; the second killed last.
    static func groups(_ text: String = "connect bank refused") -> [DeadGroupSum] {
        ["0a0b0c0d", "1a1b1c1d", "2a2b2c2d"].enumerated().map { index, name in
            let id = GroupID(name)!
            let last = start.advanced(by: .seconds(index == 1 ? -5 : -100))
            var group = DeadGroup(
                id: id,
                first: start.advanced(by: .seconds(-3_000)),
                last: last,
                cause: "failed",
                title: "\(text) \(index)",
                lastID: JobID("1-1")
            )
            (group.count, group.ever, group.lastError) = (300 - index, 400, "\(text) after 3 tries")
            (group.trend, group.kinds) = (
                [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 5, 20], [.init(name: text, count: 300 - index)]
            )
            group.state = index == 0 ? .regressed : .open
            return DeadGroupSum(id: id, parts: [(queueName, group)])
        }
    }

    static func group(_ sum: DeadGroupSum) -> DashGroup {
        let newest = (0..<5).map { DashGroup.Job(queue: "emails", id: JobID("17-\($0)"), diedAt: start) }
        return DashGroup(sum: sum, newest: newest)
    }

    /// Two jobs of one intent.
    static func intent() -> IntentReader.Answer {
        let jobs = ["17-1", "17-2"].map { id in
            IntentJob(
                queue: "emails",
                id: JobID(id),
                kind: "email.send",
                causationID: id == "17-2" ? "17-1" : nil,
                state: "done",
                tries: 1,
                segments: [IntentSegment(.run, from: start, to: start.advanced(by: .seconds(1)))]
            )
        }
        return IntentReader.Answer(correlationID: "order-4711", tree: IntentTree(jobs), now: start)
    }

    static func draw(_ model: DashModel, _ columns: Int, _ rows: Int, isASCII: Bool = false) -> DashCanvas {
        let setting = DashFrame.Setting(place: "redis://127.0.0.1:6379", isASCII: isASCII)
        return DashFrame.draw(model, columns: columns, rows: rows, setting, at: instant)
    }
}

extension DashCanvas {
    var texts: [String] { (0..<rows).map { text($0) } }
    var whole: String { texts.joined(separator: "\n") }
}

extension DashModel {
    /// Presses keys, given as letters.
    @discardableResult
    mutating func type(_ text: String) -> DashAction? {
        var last: DashAction?
        for letter in text { last = apply(.character(letter)) }
        return last
    }
}
