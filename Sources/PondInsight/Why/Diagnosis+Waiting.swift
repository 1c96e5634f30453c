// What is judged of a job that waits.

import PondCore
import PondQueue
import PondScaling

extension JobSnapshot {
    var waiting: Diagnosis {
        if let paused = situation.pausedAt { return queuePaused(since: paused) }
        if workerCount == 0 { return noWorker("") }
        if let kind, !alive.isEmpty, alive.allSatisfy({ !$0.handles(kind, isCompensation: isCompensation) }) {
            return unhandled(next: nil)
        }
        if let braked { return braked }
        guard let ahead = situation.ahead, ahead > 0 || !hasRoom else { return starting }
        if let held = scalingDiagnosis { return held }
        return Diagnosis(
            .behindOthers,
            crowd,
            next: estimate,
            do: [.queue(queue), .explain(queue)]
        )
    }

    var alive: [WorkerSnapshot] { workers.filter { $0.isAlive(at: situation.now) } }

    /// How many workers are there, each judged by the lease that it says it has.
    var workerCount: Int { workers.isEmpty ? situation.workers : alive.count }

    /// How old the beat of the job's worker may get.
    var lease: Duration { owner?.lease ?? Limits.lease }

    private var hasRoom: Bool { alive.isEmpty || alive.contains { $0.isFetching && $0.running < $0.slots } }

    /// Whoever could run it has stopped fetching, because what was fetched before all failed the same way.
    private var braked: Diagnosis? {
        let able = alive.filter { worker in kind.map { worker.handles($0, isCompensation: isCompensation) } ?? true }
        let brakes = able.compactMap(\.brake)
        guard let brake = brakes.max(by: { $0.count ?? 0 < $1.count ?? 0 }), brakes.count == able.count else {
            return nil
        }
        let who =
            able.count == 1 ? "the worker that could run it has" : "all \(able.count) workers that could run it have"
        return Diagnosis(
            .brake,
            "\(who) stopped fetching because \(brake.words(at: situation.now))",
            next: "now and then a worker tries one job; as soon as one does not fail that way, it fetches again",
            do: [.groups(queue), .workers(queue)],
            since: brake.since ?? situation.report.since
        )
    }

    func queuePaused(since: ServerTime) -> Diagnosis {
        let reason = situation.pauseReason.map { ": \(firstLine(of: $0))" } ?? ", and nobody said why"
        let time = situation.now.since(since).human
        return Diagnosis(
            .queuePaused,
            "\(queue) has been paused for \(time)\(reason)",
            next: "nothing, until somebody resumes the queue; then \(position)",
            do: situation.pauseReason == "dead_full" ? [.groups(queue), .resume(queue)] : [.resume(queue)],
            since: situation.report.since
        )
    }

    func noWorker(_ lead: String) -> Diagnosis {
        var detail = lead + "no worker serves \(queue)"
        if !isListed {
            detail += ", which is not in the list of known queues: whoever added the job did not register it"
        }
        var actions = [Action.workers(queue)]
        if let decision {
            detail += decision.limit == .crashLoop ? "; its workers die as soon as they start" : ""
            detail += "; its fleet says: \(decision.sentence)"
            actions.append(.explain(queue))
        } else {
            actions.append(.startWorker(queue))
        }
        return Diagnosis(.noWorker, detail, next: "it begins when a worker of \(queue) does; \(position)", do: actions)
    }

    func unhandled(next: String?) -> Diagnosis {
        let known = Set(alive.flatMap { (isCompensation ? $0.compensates : $0.kinds) ?? [] }).sorted()
        let handler = isCompensation ? "compensation" : "handler"
        let names =
            known.isEmpty ? "" : "; they know \(known.prefix(8).joined(separator: ", "))\(known.count > 8 ? " …" : "")"
        return Diagnosis(
            .noWorkerForKind,
            "\(workerCount.of("worker", ("serves", "serve"))) \(queue), none with a \(handler) for \(kind ?? "its kind")\(names)",
            next: graceEnd ?? next
                ?? "workers that fetch it hand it on; after \(grace.time.human) of that it is dead as \(unhandledCause)",
            do: [
                .workers(queue),
                .words(
                    "deploy a worker that registers \(isCompensation ? "a compensation for " : "")\(kind ?? "the kind")"
                ),
            ]
        )
    }

    /// When a job that nobody can run is given up.
    private var graceEnd: String? {
        guard let since = time(.unhandledSince) else { return nil }
        let left = grace.time - situation.now.since(since)
        return left > .zero
            ? "workers look at it again and again; without a \(isCompensation ? "compensation" : "handler") it is dead as \(unhandledCause) in \(left.human)\(grace.isTold ? "" : " by default")"
            : "it is dead as \(unhandledCause) at the next look"
    }

    /// How long workers hand it on: as the least patient of them says, or as workers did that do not say it.
    private var grace: (time: Duration, isTold: Bool) {
        let told = alive.compactMap(\.unknownKindGrace).min()
        return (told ?? Self.unknownKindGraceOnce, told != nil)
    }

    private var unhandledCause: String { isCompensation ? "no_compensation" : "unknown_kind" }

    /// What workers did that do not say how long they hand a job on.
    private static let unknownKindGraceOnce = Duration.seconds(60)

    private var starting: Diagnosis {
        Diagnosis(
            .starting,
            "nothing is before it and \(alive.count.of("worker", ("has", "have"))) room",
            next: "it begins at the next fetch, within a moment",
            do: [.why(address)]
        )
    }

    /// What the fleet's law says about too few workers; nil when it does not hold the queue up.
    private var scalingDiagnosis: Diagnosis? {
        guard let decision, decision.demand > workerCount || decision.demand > decision.to else { return nil }
        let explain = [Action.explain(queue)]
        let detail = "\(crowd); \(decision.sentence)"
        switch decision.limit {
        case .verifyHold, .failing: return Diagnosis(.downstreamHold, detail, next: estimate, do: explain)
        case .max, .fleet, .hostMemory, .hostCPU, .pressure, .pinned, .paused:
            return Diagnosis(.atLimit, detail, next: estimate, do: explain)
        case .none, .crashLoop, .stale, .downWindow:
            guard decision.to > workerCount else { return nil }
            let more = decision.to - workerCount
            return Diagnosis(
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
        if let before = situation.limit?.before, before > 0 { return "\(before.of("job", ("is", "are"))) before it" }
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
