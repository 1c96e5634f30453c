package import PondCore
import PondQueue
import PondSQLite
import PondScaling

/// A reason with its sentence, what comes next, and what to do.
package struct Judgement: Sendable, Hashable {
    /// Why.
    package var reason: Reason
    /// In a sentence.
    package var detail: String
    /// What will happen next.
    package var next: String
    /// Commands to act with.
    package var actions: [String]
    /// Since when, where the evidence's own time is not it.
    package var since: ServerTime?

    init(_ reason: Reason, _ detail: String, next: String, do actions: [String] = [], since: ServerTime? = nil) {
        self.reason = reason
        self.detail = detail
        self.next = next
        self.actions = actions
        self.since = since
    }

    /// Judges where a job is and why: a pure function of what was read.
    package static func of(_ evidence: JobEvidence) -> Judgement {
        var judgement = plain(evidence)
        if evidence.isCompensation { judgement.detail = "what it did is to be undone: \(judgement.detail)" }
        return judgement
    }

    private static func plain(_ evidence: JobEvidence) -> Judgement {
        switch evidence.situation.report.state {
        case .held: evidence.held
        case .ready: evidence.waiting
        case .running: evidence.running
        case .dead: evidence.dead
        case .unknown: evidence.gone
        }
    }
}

// MARK: Held

extension JobEvidence {
    /// Past its due time by more, a held job waits for a worker to promote it.
    private static let promotionTime = Duration.seconds(2)

    fileprivate var held: Judgement {
        let due = situation.report.due ?? situation.now
        let left = due.since(situation.now)
        if left < .zero - Self.promotionTime { return overdue(by: .zero - left) }
        let next = "ready \(left > .zero ? "in \(left.human)" : "at once"), at \(due.iso8601)"
        if number(.unhandledSince) != nil { return unhandled(next: next) }
        let cancel = "pond job cancel \(address)"
        if situation.report.attempts > 0 {
            return Judgement(
                .retryBackoff,
                retrying,
                next: "\(next), for try \(situation.report.attempts + 1)",
                do: [cancel]
            )
        }
        return Judgement(.scheduled, "it is scheduled for \(due.iso8601)", next: next, do: [cancel])
    }

    private var retrying: String {
        let most = number(.attemptsMax).map { " of at most \($0)" } ?? ""
        let error = situation.report.field(WireField.lastError.rawValue).map { ": \(firstLine(of: $0))" } ?? ""
        return "try \(situation.report.attempts)\(most) failed\(error)"
    }

    private func overdue(by time: Duration) -> Judgement {
        let late = "it has been due for \(time.human) and nobody made it ready"
        if situation.workers == 0 { return noWorker(late + ": ") }
        return Judgement(
            .starting,
            late + ", although \(situation.workers.of("worker", ("serves", "serve"))) \(queue)",
            next: "the next beat of a worker makes it ready",
            do: ["pond doctor", "pond worker list \(queue)"]
        )
    }
}

// MARK: Waiting

extension JobEvidence {
    fileprivate var waiting: Judgement {
        if let paused = situation.pausedAt { return queuePaused(since: paused) }
        if situation.workers == 0 { return noWorker("") }
        if let kind, !alive.isEmpty, alive.allSatisfy({ !$0.handles(kind, isCompensation: isCompensation) }) {
            return unhandled(next: nil)
        }
        guard let ahead = situation.ahead, ahead > 0 || !hasRoom else { return starting }
        if let held = scalingJudgement { return held }
        return Judgement(
            .behindOthers,
            crowd,
            next: estimate,
            do: ["pond queue get \(queue)", "pond scale explain \(queue)"]
        )
    }

    fileprivate var alive: [WorkerSighting] { workers.filter { $0.isAlive(at: situation.now) } }

    private var hasRoom: Bool { alive.isEmpty || alive.contains { $0.isFetching && $0.running < $0.slots } }

    private func queuePaused(since: ServerTime) -> Judgement {
        let reason = situation.pauseReason.map { ": \(firstLine(of: $0))" } ?? ", and nobody said why"
        let time = situation.now.since(since).human
        return Judgement(
            .queuePaused,
            "\(queue) has been paused for \(time)\(reason)",
            next: "nothing, until somebody resumes the queue; then \(position)",
            do: ["pond queue resume \(queue)"],
            since: situation.report.since
        )
    }

    fileprivate func noWorker(_ lead: String) -> Judgement {
        var detail = lead + "no worker serves \(queue)"
        var actions = ["pond worker list \(queue)"]
        if let decision {
            detail += decision.limit == .crashLoop ? "; its workers die as soon as they start" : ""
            detail += "; its fleet says: \(decision.sentence)"
            actions.append("pond scale explain \(queue)")
        } else {
            actions.append("pond worker --queue \(queue) --exec COMMAND")
        }
        return Judgement(.noWorker, detail, next: "it begins when a worker of \(queue) does; \(position)", do: actions)
    }

    fileprivate func unhandled(next: String?) -> Judgement {
        let known = Set(alive.flatMap { (isCompensation ? $0.compensates : $0.kinds) ?? [] }).sorted()
        let handler = isCompensation ? "compensation" : "handler"
        let names =
            known.isEmpty ? "" : "; they know \(known.prefix(8).joined(separator: ", "))\(known.count > 8 ? " …" : "")"
        let count = max(alive.count, situation.workers)
        return Judgement(
            .noWorkerForKind,
            "\(count.of("worker", ("serves", "serve"))) \(queue), none with a \(handler) for \(kind ?? "its kind")\(names)",
            next: graceEnd ?? next
                ?? "a worker that fetches it hands it on; after a minute of that it is dead as \(unhandledCause)",
            do: [
                "pond worker list \(queue)",
                "deploy a worker that registers \(isCompensation ? "a compensation for " : "")\(kind ?? "the kind")",
            ]
        )
    }

    /// When a job that nobody can run is given up, as workers do unless they are told otherwise.
    private var graceEnd: String? {
        guard let since = time(.unhandledSince) else { return nil }
        let left = Self.unknownKindGrace - situation.now.since(since)
        return left > .zero
            ? "workers look at it again and again; without a \(isCompensation ? "compensation" : "handler") it is dead as \(unhandledCause) in \(left.human) by default"
            : "it is dead as \(unhandledCause) at the next look"
    }

    private var unhandledCause: String { isCompensation ? "no_compensation" : "unknown_kind" }

    private static let unknownKindGrace = Duration.seconds(60)

    private var starting: Judgement {
        Judgement(
            .starting,
            "nothing is before it and \(alive.count.of("worker", ("has", "have"))) room",
            next: "it begins at the next fetch, which is a moment",
            do: ["pond why \(address)"]
        )
    }

    /// What the fleet's law says about too few workers; nil when it does not hold the queue up.
    private var scalingJudgement: Judgement? {
        guard let decision, decision.demand > situation.workers || decision.demand > decision.to else { return nil }
        let explain = ["pond scale explain \(queue)"]
        let detail = "\(crowd); \(decision.sentence)"
        switch decision.limit {
        case .verifyHold, .failing: return Judgement(.downstreamHold, detail, next: estimate, do: explain)
        case .max, .fleet, .hostMemory, .hostCPU, .pressure, .pinned, .paused:
            return Judgement(.atLimit, detail, next: estimate, do: explain)
        case .none, .crashLoop, .stale, .downWindow:
            guard decision.to > situation.workers else { return nil }
            let more = decision.to - situation.workers
            return Judgement(
                .scalingUp,
                detail,
                next: "\(more.of("worker", ("is", "are"))) starting; \(estimate)",
                do: explain
            )
        }
    }

    private var crowd: String {
        let slots = alive.reduce(0) { $0 + $1.slots }
        let busy = alive.reduce(0) { $0 + $1.running }
        return "\(position), \(alive.count.of("worker")) with \(busy) of \(slots.of("slot")) busy"
    }

    private var position: String {
        guard let ahead = situation.ahead else { return "nothing is before it" }
        if ahead == 0 { return "it is the next" }
        return (situation.isAheadExact ? "" : "about ") + ahead.of("job", ("is", "are")) + " before it"
    }

    /// When it begins, at the pace of the workers that are there.
    private var estimate: String {
        let ended = alive.reduce(0) { $0 + $1.ended }
        let slots = alive.reduce(0) { $0 + $1.slots }
        guard ended > 0, slots > 0, let ahead = situation.ahead else {
            return "it begins when those before it have; no job has ended yet that says how long that takes"
        }
        let busy = alive.reduce(Duration.zero) { $0 + $1.busy }
        let wait = busy / ended * (ahead + 1) / slots
        return
            "it begins in about \(wait.human) at the present pace (\((busy / ended).human) a job, \(slots.of("slot")))"
    }
}

// MARK: Running

extension JobEvidence {
    fileprivate var running: Judgement {
        let owner = situation.report.owner?.name ?? "a worker"
        let silence = situation.ownerBeat.map { situation.now.since($0) }
        let elapsed = situation.report.since.map { situation.now.since($0) } ?? .zero
        guard let silence, silence <= Limits.lease else { return leaseExpired(owner, silence) }
        if silence > Limits.lease / 2 { return silent(owner, silence, elapsed) }
        return Judgement(
            .running,
            "\(owner) has had it for \(elapsed.human)\(usual)\(progressText)",
            next: whenItEnds(elapsed),
            do: ["pond job cancel \(address)", "pond worker list \(queue)"]
        )
    }

    /// How long its kind takes, where the history knows.
    private var usual: String {
        guard let runTimes else { return "" }
        return "; of its kind half take \(runTimes.p50.human), 95% at most \(runTimes.p95.human)"
    }

    private var progressText: String {
        let told = story?.events.last { $0.what == .progress }
        guard let told else { return "" }
        let percent = told.words.first.flatMap { Double($0) }.map { "\(Int($0 * 100))%" }
        let words = [percent, told.text].compactMap { $0 }.joined(separator: ", ")
        return words.isEmpty ? "" : "; it last said: \(firstLine(of: words))"
    }

    private func whenItEnds(_ elapsed: Duration) -> String {
        if situation.isCancelling { return "its worker hears within a second that it is cancelled, and stops it" }
        guard let limit = number(.timeout).map({ Duration.milliseconds($0) }) else {
            return "it ends, or its try is cut off at its kind's timeout (60s by default)"
        }
        let left = limit - elapsed
        return left > .zero
            ? "it ends, or its try is cut off in \(left.human)" : "its try is cut off now, at its timeout"
    }

    private func silent(_ owner: String, _ silence: Duration, _ elapsed: Duration) -> Judgement {
        let left = Limits.lease - silence
        return Judgement(
            .runningSilent,
            "\(owner) has had it for \(elapsed.human) and has not beaten for \(silence.human)",
            next: "unless it beats again, another worker takes the job over in \(left.human)",
            do: ["pond worker list \(queue)"]
        )
    }

    private func leaseExpired(_ owner: String, _ silence: Duration?) -> Judgement {
        let time = silence.map { "has not beaten for \($0.human)" } ?? "has never beaten"
        let next: String
        if situation.workers == 0 {
            next = "nobody is there to take it over: it runs again when a worker of \(queue) begins"
        } else if let from = situation.reclaimFrom, from > situation.now {
            next = "redis itself was away, so nobody is declared lost for another \(from.since(situation.now).human)"
        } else {
            next = "another worker takes it over within a second or two, and counts one recovery"
        }
        return Judgement(
            .leaseExpired,
            "\(owner) had it and \(time)",
            next: next,
            do: ["pond worker list \(queue)", "pond doctor"]
        )
    }
}

// MARK: Ended

extension JobEvidence {
    fileprivate var dead: Judgement {
        let report = situation.report
        let cause = report.cause ?? "unknown"
        let error = report.error.map { ": \(firstLine(of: $0))" } ?? ""
        var actions = ["pond dead show \(address)", "pond dead retry \(address)"]
        if let group = situation.group { actions.insert("pond dead show E-\(group)", at: 0) }
        if !isCompensation { actions.append("pond dead compensate \(address)") }
        return Judgement(
            .dead,
            "\(cause) after \((report.attempts).of("failed try", plural: "failed tries"))\(error)",
            next: "nothing, until somebody retries, compensates or discards it",
            do: actions
        )
    }

    /// Redis has nothing of it any more: the history tells how it ended.
    fileprivate var gone: Judgement {
        guard let story else {
            return Judgement(
                .unknown,
                "no place of any known queue has it: it ended, or it never was",
                next: "nothing",
                do: ["pond queue list", "pond history follow"]
            )
        }
        guard let end = story.events.last(where: { $0.what.isEnd || $0.what == .ghost }), isLast(end, of: story) else {
            return lost(story)
        }
        return ended(by: end)
    }

    private func isLast(_ end: HistoryEvent, of story: HistoryStory) -> Bool {
        !story.events.contains { $0.what == .revived && $0.time > end.time }
    }

    private func lost(_ story: HistoryStory) -> Judgement {
        let last = story.events.last.map { "the last that is known is \($0.what.name) at \($0.time.iso8601)" } ?? ""
        return Judgement(
            .lostPayload,
            "its entry is gone without an end: it was deleted by hand, lost with redis' memory, or ended after "
                + "what the history has read; \(last)",
            next: "nothing",
            do: ["pond history job \(address)", "pond history status", "pond doctor"],
            since: story.events.last?.time
        )
    }

    private func ended(by end: HistoryEvent) -> Judgement {
        let ran = end.run.map { ", after a run of \($0.human)" } ?? ""
        let by = end.by.map { " in \($0)" } ?? ""
        let story = ["pond history job \(address)"]
        switch end.what {
        case .done: return Judgement(.done, "it ended well\(by)\(ran)", next: "nothing", do: story, since: end.time)
        case .compensated:
            let text = "what it had done is undone\(by)\(ran)"
            return Judgement(.compensated, text, next: "nothing", do: story, since: end.time)
        case .cancelled:
            return Judgement(.cancelled, "somebody cancelled it", next: "nothing", do: story, since: end.time)
        case .expired:
            let text = "it had not begun when its time was over"
            return Judgement(.expired, text, next: "nothing", do: story, since: end.time)
        case .duplicate:
            let other = end.words.first ?? "another job"
            let text = "job \(other) has its idempotency key, so it was not run"
            return Judgement(
                .duplicate,
                text,
                next: "nothing",
                do: ["pond why \(queue)/\(other)"] + story,
                since: end.time
            )
        case .dropped:
            let text = "it was dead, and the oldest of more than \(Limits.deadMax.grouped)"
            return Judgement(.dropped, text, next: "nothing", do: story, since: end.time)
        case .ghost:
            let text = "somebody deleted its entry behind Millpond's back"
            return Judgement(.lostPayload, text, next: "nothing", do: story, since: end.time)
        default:
            return Judgement(
                .discarded,
                "somebody discarded it when it was dead",
                next: "nothing",
                do: story,
                since: end.time
            )
        }
    }
}

private func firstLine(of text: String) -> String {
    let line = text.prefix { !$0.isNewline }
    return line.count > 200 ? "\(line.prefix(200))…" : String(line)
}
