import PondCore
import PondQueue
import PondRedis

/// The checks of every queue: what it holds, its keys, its consumers.
struct DoctorQueues {
    private let doctor: Doctor
    private var pond: Pond { doctor.pond }

    /// Healthy queues are named one by one up to this many.
    private static let namedMax = 20

    init(_ doctor: Doctor) { self.doctor = doctor }

    func findings(isLibraryUsable: Bool) async -> [DoctorFinding] {
        let names: [QueueName]
        do {
            names = try await pond.queues()
        } catch {
            guard error.redis?.prefix == "WRONGTYPE" else { return [.unchecked("queues", error.message)] }
            return [
                .failure(
                    "queues",
                    "the key \(Keys.queues(prefix: pond.prefix)) is of another type, expected is a set",
                    advice: "another program writes it; save what it holds, then RENAME or DEL it"
                )
            ]
        }
        var findings = await strayFindings()
        if let largest = await DoctorMemory(pond).finding(names) { findings.append(largest) }
        guard !names.isEmpty else { return findings + [.ok("queues", "none is known yet")] }
        guard isLibraryUsable else {
            return findings + [
                .unchecked(
                    "queues",
                    "\(names.count.of("queue")) cannot be read without this program's function library",
                    advice: "see the library above"
                )
            ]
        }
        var healthy: [DoctorFinding] = []
        for name in names {
            let found = await check(name)
            if found.allSatisfy({ $0.level == .ok }) { healthy += found } else { findings += found }
        }
        if healthy.count > DoctorQueues.namedMax {
            healthy = [.ok("queues", "\(healthy.count.of("queue")) without a fault")]
        }
        return findings + healthy + (await DoctorLimits(doctor).findings(names))
    }

    private func check(_ name: QueueName) async -> [DoctorFinding] {
        let check = "queue \(name)"
        do {
            let queue = try pond.queue(name.text)
            let keys = await DoctorKeys(queue).findings(check)
            // A key of the wrong type spoils every other reading.
            guard keys.isEmpty else { return keys }
            let workers = try await WorkerSnapshot.beating(in: queue)
            let depth = try await queue.depth()
            var status = QueueStatus(name, depth, workers: workers, pauseReason: try await queue.pauseReason())
            try await status.lookAtOverflow(of: queue)
            var findings = DoctorQueues.judge(status, check, meta: queue.keys.meta)
            findings += await DoctorStreams(queue, workers).findings(check, status)
            findings += await sagas(of: queue, check)
            return findings.isEmpty ? [.ok(check, DoctorQueues.summary(status))] : findings
        } catch {
            let told = doctor.explain(error)
            if told.isRefused { return [.unchecked(check, told.message, advice: told.hint)] }
            return [.failure(check, told.message, advice: told.hint ?? "see \(Action.status.inSentence)")]
        }
    }

    /// What is wrong with the sagas; that they cannot be read does not hide the rest.
    private func sagas(of queue: Queue, _ check: String) async -> [DoctorFinding] {
        do { return try await DoctorSagas(queue).findings(check) } catch {
            let told = doctor.explain(error)
            if told.isRefused { return [.unchecked(check, told.message, advice: told.hint)] }
            return [.failure(check, told.message, advice: told.hint ?? "see \(Action.status.inSentence)")]
        }
    }

    private static func summary(_ queue: QueueStatus) -> String {
        let wait =
            (queue.waiting > 0 ? ", \(queue.waiting.of("waiting saga"))" : "")
            + (queue.limited > 0 ? ", \(queue.limited.of("limited job"))" : "")
            + (queue.ready > 0 ? ", the oldest waits for \(queue.oldestReady.human)" : "")
        return "\(queue.ready.grouped) ready, \(queue.inFlight.grouped) in flight, \(queue.held.grouped) held, "
            + "\(queue.dead.grouped) dead, \(queue.workers.of("worker"))\(wait)"
    }
}

// MARK: - What a queue's numbers say

extension DoctorQueues {
    /// - Parameter meta: the key of the queue's counters.
    static func judge(_ queue: QueueStatus, _ check: String, meta: String) -> [DoctorFinding] {
        var findings: [DoctorFinding] = []
        if let fault = queue.fault {
            findings.append(.failure(check, fault, advice: "look at the key with TYPE; it belongs to Millpond alone"))
        }
        if let standstill = standstill(queue, check) { findings.append(standstill) }
        if let brake = queue.brake {
            let who = "\(brake.workers) of \(queue.workers.of("worker")) stopped fetching"
            let advice =
                "\(Action.groups(queue.name).inSentence) shows the failures; what they call, or the workers' program, is broken"
            findings.append(.failure(check, "\(who): \(brake.why)", advice: advice))
        }
        if queue.dead >= Limits.deadMax / 10 * 9 {
            findings.append(
                .warning(
                    check,
                    "\(queue.dead.grouped) dead jobs, the most that are kept is \(Limits.deadMax.grouped)",
                    advice:
                        "\(Action.groups(queue.name).inSentence) shows why; retry or discard them before the oldest are thrown away"
                )
            )
        }
        if queue.dropped > 0, !queue.dropsDead {
            findings.append(
                .failure(
                    check,
                    "\(queue.dropped.of("dead job", ("was", "were"))) thrown away, as there were too many: they are lost",
                    advice: "\(Action.groups(queue.name).inSentence) shows why jobs die; once that is mended, "
                        + "HDEL \(meta) dropped ends this finding"
                )
            )
        }
        return findings
    }

    /// Why nothing moves.
    private static func standstill(_ queue: QueueStatus, _ check: String) -> DoctorFinding? {
        let start = "start a worker for this queue, as in \(Action.supervise(queue.name).inSentence)"
        if queue.isPausedByItsDead {
            return .failure(
                check,
                "it has paused itself with \(queue.dead.grouped) dead jobs, before the oldest are thrown away",
                advice:
                    "\(Action.groups(queue.name).inSentence) shows why jobs die; below 80% of the bound it goes on by itself"
            )
        }
        if queue.isPaused {
            let why = queue.pauseReason.map { ": \($0)" } ?? ""
            return .warning(
                check,
                "it is paused with \(queue.ready.of("job")) waiting\(why)",
                advice: "\(Action.resume(queue.name).inSentence) lets it go on"
            )
        }
        guard queue.workers == 0 else { return nil }
        if queue.ready > 0 {
            let waiting = "\(queue.ready.of("job", ("waits", "wait"))), the oldest for \(queue.oldestReady.human), "
            return .failure(check, waiting + "and no worker serves it", advice: start)
        }
        guard queue.isOverdue, let due = queue.nextDue, let now = queue.at else { return nil }
        let what = queue.waiting > 0 ? "a held job or a waiting saga" : "a held job"
        return .failure(check, "\(what) is due for \(now.since(due).human) and no worker serves it", advice: start)
    }
}

// MARK: - Where no worker looks

extension DoctorQueues {
    private static let strayNamedMax = 20

    private func strayFindings() async -> [DoctorFinding] {
        do {
            return Self.judge(try await StrayKeys.read(pond), prefix: pond.prefix)
        } catch {
            return [.unchecked("unknown queues", doctor.explain(error).message)]
        }
    }

    static func judge(_ keys: StrayKeys, prefix: String) -> [DoctorFinding] {
        var findings: [DoctorFinding] = []
        if let first = keys.queues.first {
            findings.append(
                .failure(
                    "unknown queues",
                    "no worker ever served \(list(keys.queues.map(\.text))), yet jobs wait there",
                    advice: "start a worker, as in \(Action.startWorker(first.text).inSentence), "
                        + "or correct the name that the producer uses"
                )
            )
        }
        findings += keys.unreadable.prefix(strayNamedMax).map { key in
            let jobs = key.jobs.of("job", ("lies", "lie"))
            return .failure(
                "unreadable",
                "\(jobs) in \(key.key), where no worker looks: \(key.reason)",
                advice: key.advice
            )
        }
        let rest = keys.unreadable.count - strayNamedMax
        if rest > 0 {
            findings.append(.failure("unreadable", "and \(rest) more keys like these", advice: "mend these first"))
        }
        if let first = keys.notNames.first {
            let list = Keys.queues(prefix: prefix)
            findings.append(
                .warning(
                    "queues",
                    "\(list) has members that are no queue's name, so nobody serves them: \(Self.list(keys.notNames))",
                    advice: "a queue's name is [a-z0-9][a-z0-9._-]{0,62}; SREM \(list) \(first) takes one out"
                )
            )
        }
        if keys.isCut {
            let text = "the server has more keys than are looked at, so a queue that nobody knows may be missed"
            findings.append(.unchecked("unknown queues", text, advice: "give Millpond a database of its own"))
        }
        return findings
    }

    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(strayNamedMax).joined(separator: ", ")
        return names.count > strayNamedMax ? "\(shown) and \((names.count - strayNamedMax).grouped) more" : shown
    }
}
