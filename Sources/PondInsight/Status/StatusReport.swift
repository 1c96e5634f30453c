import PondCore

/// How all queues stand, and the line that says what matters most.
package struct StatusReport: Sendable, Hashable, Codable {
    /// What matters most, in a word: a kind of concern, `empty` without a queue, or `ok`.
    package var health: String
    /// One line that says it, with what to do.
    package var verdict: String
    /// What wants a person, the worst first.
    package var concerns: [Concern]
    /// The queues.
    package var queues: [QueueStatus]

    private enum CodingKeys: String, CodingKey {
        case health, verdict, concerns
        case queues = "items"
    }

    /// - Parameters:
    ///   - unreadable: streams with jobs in them that no worker can read. Defaults to none.
    ///   - memory: how full the server is; nil when that is not known. Defaults to nil.
    ///   - noWrites: why Redis takes no writes just now. Defaults to nil: it takes them.
    package init(
        _ queues: [QueueStatus],
        unreadable: [UnreadableKey] = [],
        memory: ServerMemory? = nil,
        noWrites: String? = nil
    ) {
        // Without writes there are no heartbeats: who is alive is not known.
        let queues = noWrites == nil ? queues : queues.map(\.withoutWrites)
        self.queues = queues
        concerns =
            (noWrites.map { [Self.noWrites($0)] } ?? []) + Self.concerns(queues) + Self.concerns(unreadable)
            + (memory.flatMap { Concern($0) }.map { [$0] } ?? [])
        concerns.sort { $0.kind < $1.kind }
        health = concerns.first?.kind.rawValue ?? (queues.isEmpty ? "empty" : "ok")
        verdict = ""
        verdict = line
    }

    /// Whether nothing wants a person.
    package var isWell: Bool { concerns.isEmpty }

    // MARK: The line

    private static let namedBeside = 3

    private var line: String {
        guard let worst = concerns.first else { return queues.isEmpty ? emptyVerdict : wellVerdict }
        let limited = worst.kind == .breaker ? nil : limitedWords
        guard concerns.count > 1 else { return worst.line + (limited.map { ". Also: \($0)" } ?? "") }
        let others = concerns.dropFirst().prefix(Self.namedBeside).map(\.text).joined(separator: "; ")
        let rest = concerns.count - 1 - Self.namedBeside
        return "\(worst.line). Also: \(others)" + (rest > 0 ? "; and \(rest) more" : "")
            + (limited.map { "; \($0)" } ?? "")
    }

    private var emptyVerdict: String {
        "No queue is known yet: enqueue a job with `pond enqueue`, or start a worker."
    }

    private var wellVerdict: String {
        let workers = queues.reduce(into: Set<String>()) { $0.formUnion($1.aliveWorkers) }.count
        let waiting = queues.filter { $0.ready > 0 }.map(\.oldestReady).max()
        let longest = waiting.map { "nothing waits longer than \($0.human)" } ?? "nothing waits"
        let limited = limitedWords.map { ", \($0)" } ?? ""
        return "All well: \(queues.count.of("queue")), \(workers.of("worker")), \(longest)\(limited)."
    }

    /// How many jobs limits hold back, and which limits those are; nil when none is.
    private var limitedWords: String? {
        let jobs = queues.reduce(0) { $0 + $1.limited }
        guard jobs > 0 else { return nil }
        let by = Self.limiting(queues).prefix(Self.limitsNamed).map { "\($0.limit) (\($0.reason))" }
        let names = by.isEmpty ? "" : " by \(by.joined(separator: ", "))"
        return "\(jobs.of("job", ("is", "are"))) held back\(names.isEmpty ? " by limits" : names)"
    }

    private static let limitsNamed = 3

    /// What holds jobs of the queues back, the most first.
    private static func limiting(_ queues: [QueueStatus]) -> [QueueStatus.Limiting] {
        var sums: [QueueStatus.Limiting] = []
        for found in queues.flatMap(\.limits) {
            if let index = sums.firstIndex(where: { $0.limit == found.limit && $0.reason == found.reason }) {
                sums[index].jobs += found.jobs
            } else {
                sums.append(found)
            }
        }
        return sums.sorted { ($1.jobs, $0.limit) < ($0.jobs, $1.limit) }
    }
}

// MARK: - What the queues want

extension StatusReport {
    private static func concerns(_ queues: [QueueStatus]) -> [Concern] {
        func those(_ state: QueueStatus.State) -> [QueueStatus] { queues.filter { $0.state == state } }
        let all: [Concern?] = [
            fault(those(.fault)), dropped(queues.filter { $0.dropped > 0 && !$0.dropsDead }),
            unserved(those(.unserved)),
            brake(queues.filter { $0.brake != nil }), behind(those(.behind)), breaker(queues),
            sagas(queues.filter { $0.stuckSagas + $0.pausedSagas > 0 }), dead(queues.filter { $0.dead > 0 }),
            expired(queues.filter { $0.expired.map { $0.jobs * expiredShare >= $0.ended } ?? false }),
            paused(queues.filter(\.isPaused)),
        ]
        return all.compactMap { $0 }
    }

    private static func noWrites(_ why: String) -> Concern {
        Concern(
            .noWrites,
            "Redis takes no writes: \(why); no job is taken or ended until it does, and workers cannot say that they are alive",
            do: [.doctor]
        )
    }

    /// One in so many jobs that end may expire without being told of.
    private static let expiredShare = 20

    private static func fault(_ faulty: [QueueStatus]) -> Concern? {
        guard let first = faulty.first else { return nil }
        let count = faulty.count == 1 ? "1 queue has a fault" : "\(faulty.count) queues have a fault"
        return Concern(.fault, "\(count): \(first.shortFault ?? "")", queues: names(faulty), do: [.doctor])
    }

    private static func dropped(_ queues: [QueueStatus]) -> Concern? {
        guard let worst = queues.max(by: { $0.dropped < $1.dropped }) else { return nil }
        let jobs = queues.reduce(0) { $0 + $1.dropped }
        return Concern(
            .dropped,
            "\(jobs.of("dead job", ("was", "were"))) thrown away in \(list(queues)), as more than \(Limits.deadMax.grouped) are not kept",
            queues: names(queues),
            do: [.groups(worst.name), .doctor]
        )
    }

    private static func unserved(_ queues: [QueueStatus]) -> Concern? {
        // The command is for a queue that the text names: ready jobs come before those in flight, and these before the held.
        func urgency(_ queue: QueueStatus) -> (Int, Int, Int) { (queue.ready, queue.inFlight, queue.wanting) }
        guard let worst = queues.max(by: { urgency($0) < urgency($1) }) else { return nil }
        let waiting = queues.filter { $0.ready > 0 }
        let pronoun = (waiting.isEmpty ? queues : waiting).count == 1 ? "it" : "them"
        let ready = queues.reduce(0) { $0 + $1.ready }
        let inFlight = queues.reduce(0) { $0 + $1.inFlight }
        let text =
            ready > 0
            ? "\(ready.of("job", ("waits", "wait"))) in \(list(waiting)) and no worker serves \(pronoun)"
            : inFlight > 0
                ? "\(inFlight.of("job", ("is", "are"))) in flight in \(list(queues.filter { $0.inFlight > 0 })) and no worker is alive to take over"
                : "held jobs\(queues.contains { $0.waiting > 0 } ? " or sagas" : "") of \(list(queues)) are due and no worker serves \(pronoun)"
        return Concern(.unserved, text, queues: names(queues), do: [.startWorker(worst.name), .supervise(worst.name)])
    }

    private static func brake(_ queues: [QueueStatus]) -> Concern? {
        guard let first = queues.first, let brake = first.brake else { return nil }
        let who =
            brake.workers == first.workers
            ? "\(first.workers.of("worker"))" : "\(brake.workers) of \(first.workers.of("worker"))"
        let more = queues.count > 1 ? ", and those of \((queues.count - 1).of("other queue"))" : ""
        return Concern(
            .brake,
            "\(who) of \(first.name) stopped fetching: \(brake.why)\(more)",
            queues: names(queues),
            do: [.groups(first.name), .workers(first.name)]
        )
    }

    private static func behind(_ queues: [QueueStatus]) -> Concern? {
        guard let worst = queues.max(by: { $0.oldestReady < $1.oldestReady }) else { return nil }
        return Concern(
            .behind,
            "\(worst.name) is behind: \(worst.ready.of("job", ("waits", "wait"))), "
                + "the oldest for \(worst.oldestReady.human), with \(worst.workers.of("worker"))",
            queues: names(queues),
            do: [.queue(worst.name), .explain(worst.name)]
        )
    }

    /// Of what jobs call and what fails.
    private static func breaker(_ queues: [QueueStatus]) -> Concern? {
        let troubled = limiting(queues).filter { ["breaker_open", "brownout"].contains($0.reason) }
        guard let worst = troubled.first else { return nil }
        let jobs = troubled.reduce(0) { $0 + $1.jobs }.of("job", ("waits", "wait"))
        let more = troubled.count > 1 ? " and of \((troubled.count - 1).of("other limit"))" : ""
        let what =
            worst.reason == "brownout"
            ? "the retry budget of limit \(worst.limit)\(more) is empty"
            : "the breaker of limit \(worst.limit)\(more) is open"
        return Concern(
            .breaker,
            "\(what), as what it is for fails: \(jobs)",
            queues: names(queues.filter { $0.limits.contains { troubled.contains($0) } }),
            do: [.limit(worst.limit)]
        )
    }

    private static func sagas(_ queues: [QueueStatus]) -> Concern? {
        guard let worst = queues.max(by: { ($0.stuckSagas, $0.pausedSagas) < ($1.stuckSagas, $1.pausedSagas) }) else {
            return nil
        }
        let stuck = queues.reduce(0) { $0 + $1.stuckSagas }
        let paused = queues.reduce(0) { $0 + $1.pausedSagas }
        let words = [
            stuck > 0 ? "\(stuck.of("saga", ("is", "are"))) stuck, half undone" : nil,
            paused > 0 ? "\(paused.of("saga", ("is", "are"))) paused" : nil,
        ]
        return Concern(
            .sagas,
            "\(words.compactMap { $0 }.joined(separator: " and ")) in \(list(queues))",
            queues: names(queues),
            do: [.sagas(worst.name, worst.stuckSagas > 0 ? "stuck" : "paused"), .doctor]
        )
    }

    private static func dead(_ queues: [QueueStatus]) -> Concern? {
        guard !queues.isEmpty else { return nil }
        let jobs = queues.reduce(0) { $0 + $1.dead }
        return Concern(
            .dead,
            "\(jobs.of("job", ("is", "are"))) dead in \(list(queues.sorted { $0.dead > $1.dead }))",
            queues: names(queues),
            do: [.groups(queues.count == 1 ? queues[0].name : nil)]
        )
    }

    private static func expired(_ queues: [QueueStatus]) -> Concern? {
        guard let worst = queues.max(by: { $0.expired?.jobs ?? 0 < $1.expired?.jobs ?? 0 }), let share = worst.expired
        else { return nil }
        return Concern(
            .expired,
            "\(share.jobs.grouped) of the last \(share.ended.of("job")) of \(worst.name) expired before they began",
            queues: names(queues),
            do: [.tail(worst.name), .queue(worst.name)]
        )
    }

    private static func paused(_ queues: [QueueStatus]) -> Concern? {
        guard let worst = queues.max(by: { $0.ready < $1.ready }) else { return nil }
        let ready = queues.reduce(0) { $0 + $1.ready }
        let reason = queues.count == 1 ? worst.pauseReason.map { " (\($0))" } ?? "" : ""
        let waiting = queues.filter { $0.ready > 0 }
        let verb = (waiting.isEmpty ? queues : waiting).count == 1 ? "is" : "are"
        let text =
            ready > 0
            ? "\(ready.of("job", ("waits", "wait"))) in \(list(waiting)), which \(verb) paused\(reason)"
            : "\(list(queues)) \(verb) paused\(reason)"
        let action = worst.isPausedByItsDead ? Action.groups(worst.name) : .resume(worst.name)
        return Concern(.paused, text, queues: names(queues), do: [action])
    }

    private static func concerns(_ keys: [UnreadableKey]) -> [Concern] {
        guard !keys.isEmpty else { return [] }
        let jobs = keys.reduce(0) { $0 + $1.jobs }.of("job", ("lies", "lie"))
        // One key of each cause is named: what is said of one would be wrong of the others.
        var named: [UnreadableKey] = []
        for key in keys.sorted(by: { $0.jobs > $1.jobs }) where !named.contains(where: { $0.cause == key.cause }) {
            named.append(key)
        }
        named = Array(named.prefix(causesNamed))
        let more = keys.count > named.count ? " and \((keys.count - named.count).of("other key"))" : ""
        guard named.count > 1 else {
            let text = "\(jobs) in \(named[0].key)\(more), where no worker looks: \(named[0].reason)"
            return [Concern(.unreadable, text, do: [.doctor])]
        }
        let each = named.map { "\($0.key) (\($0.reason))" }.joined(separator: ", ")
        return [Concern(.unreadable, "\(jobs) where no worker looks, in \(each)\(more)", do: [.doctor])]
    }

    private static let causesNamed = 3

    private static func names(_ queues: [QueueStatus]) -> [String] { queues.map(\.name) }

    private static func list(_ queues: [QueueStatus]) -> String {
        let shown = queues.prefix(3).map(\.name).joined(separator: ", ")
        return queues.count > 3 ? "\(shown) and \(queues.count - 3) more" : shown
    }
}

extension Concern {
    /// Nil while there is room.
    init?(_ memory: ServerMemory) {
        guard let kind = memory.concern else { return nil }
        self.init(kind, "redis' memory is \(memory.percent)% full", do: [.doctor])
    }
}

extension QueueStatus {
    /// The same of a server that takes no writes: a worker that is not heard of may be alive.
    fileprivate var withoutWrites: QueueStatus {
        guard state == .unserved else { return self }
        var status = self
        status.state = .noWrites
        return status
    }
}
