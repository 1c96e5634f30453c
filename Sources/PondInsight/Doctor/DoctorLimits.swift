import PondCore
import PondQueue

/// Finds limits that nobody has set, those whose other side is in trouble, and jobs that nobody lets go on.
struct DoctorLimits {
    private let doctor: Doctor
    private var pond: Pond { doctor.pond }
    private let check = "limits"

    /// So many entries of each stream, the newest, are looked at for limits that jobs name themselves.
    private static let jobsMax = 10
    /// How late the jobs of a lane may be let go.
    private static let patience = Duration.seconds(10)

    init(_ doctor: Doctor) { self.doctor = doctor }

    /// What was read of one queue.
    struct Reading: Sendable {
        /// How it stands.
        var status: QueueStatus
        /// What its kinds need.
        var kinds: [String: String]
        /// What some of its jobs need that say it themselves.
        var jobs: Set<String>
        /// Those that wait.
        var lanes: [LimitLane]

        /// Whether it has anything to do with limits.
        var isLimited: Bool { !kinds.isEmpty || !jobs.isEmpty || !lanes.isEmpty }
    }

    /// The findings about all limits, of the queues that can be read; none where nothing is limited.
    func findings(_ names: [QueueName]) async -> [DoctorFinding] {
        var readings: [Reading] = []
        do {
            for name in names { readings.append(try await read(try pond.queue(name.text))) }
        } catch {
            // What is wrong with a queue is told of by its own check.
            return []
        }
        let isUsed = readings.contains(where: \.isLimited)
        do {
            let limits = try await pond.limits.list()
            guard isUsed || !limits.isEmpty else { return [] }
            let found = Self.judge(limits, readings)
            return found.isEmpty ? [.ok(check, "\(limits.count.of("limit")), none in trouble")] : found
        } catch {
            guard isUsed else { return [] }
            let told = doctor.explain(error)
            let advice =
                "workers and people need ~\(Keys.limits(prefix: pond.prefix))* beside their queues' keys: docs/limits.md#who-may-what"
            return told.isRefused
                ? [
                    .failure(
                        check,
                        "jobs need limits, and this user may not read them: \(told.message)",
                        advice: advice
                    )
                ]
                : [.unchecked(check, told.message, advice: told.hint ?? advice)]
        }
    }

    private func read(_ queue: Queue) async throws -> Reading {
        let depth = try await queue.depth()
        let workers = try await WorkerSnapshot.beating(in: queue)
        let found = try await queue.limitLanes()
        return Reading(
            status: QueueStatus(queue.name, depth, workers: workers, pauseReason: nil),
            kinds: found.kinds,
            jobs: try await needs(of: queue),
            lanes: try await LimitReader(pond).lanes(of: [queue])
        )
    }

    /// What the newest jobs of each stream need that say it themselves.
    private func needs(of queue: Queue) async throws -> Set<String> {
        var needs: Set<String> = []
        for stream in ReadyStream.allCases {
            needs.formUnion(try await queue.values(of: "limit", in: stream, atMost: Self.jobsMax))
        }
        return needs
    }
}

// MARK: - Diagnosis

extension DoctorLimits {
    /// What the limits and the queues' readings mean.
    static func judge(_ limits: [NamedLimit], _ readings: [Reading]) -> [DoctorFinding] {
        let set = Set(limits.map(\.name))
        return limits.compactMap { troubled($0) }
            + readings.flatMap { unset($0, set) + stuck($0) }
    }

    private static let check = "limits"

    private static func troubled(_ limit: NamedLimit) -> DoctorFinding? {
        let show = Action.limit(limit.name).inSentence
        switch limit.state {
        case .open, .halfOpen:
            return .failure(
                check,
                "the breaker of limit \(limit.name) is open: at least half of the last calls failed, so only probes go",
                advice: "repair what it calls; it closes by itself when probes go well. \(show) has the last hour"
            )
        case .brownout:
            return .warning(
                check,
                "the retry budget of limit \(limit.name) is empty: first tries go, what failed rests",
                advice: "look at what it calls; \(show) has the last hour"
            )
        case .ok, .throttled:
            guard limit.learned < learnedLeast else { return nil }
            return .warning(
                check,
                "the other side of limit \(limit.name) takes only \(limit.learned / 10)% of \(limit.spec)",
                advice:
                    "set what it takes, as in \(Action.setLimit(limit.name, "\(limit.spec)").inSentence), or ask for more there"
            )
        }
    }

    /// Below that, in thousandths, a limit is set too high.
    private static let learnedLeast = 500

    /// The limits that kinds or jobs of a queue name and nobody has set.
    private static func unset(_ reading: Reading, _ set: Set<String>) -> [DoctorFinding] {
        let ofKinds = reading.kinds.sorted { $0.key < $1.key }.map { ("kind \($0.key)", $0.value) }
        let ofJobs = reading.jobs.sorted().map { ("a job", $0) }
        var named: Set<String> = []
        return (ofKinds + ofJobs).flatMap { who, need in
            definers(of: need).filter { names in !names.contains(where: set.contains) }.compactMap { names in
                guard let name = names.last, named.insert(name).inserted else { return nil }
                return .warning(
                    check,
                    "\(who) of \(reading.status.name) needs limit \(names[0]), which nobody has set: it limits nothing",
                    advice: "\(Action.setLimit(name, "60/m burst 10").inSentence), with what the other side allows"
                )
            }
        }
    }

    /// For each limit of a text the definitions that would hold for it: its own and its family's.
    static func definers(of need: String) -> [[String]] {
        var names: [String] = [""]
        var depth = 0
        for character in need {
            if character == "{" { depth += 1 }
            if character == "}" { depth -= 1 }
            if character == ",", depth == 0 { names.append("") } else { names[names.count - 1].append(character) }
        }
        return names.map { name in
            let bare = name.hasPrefix("{") ? name : String(name.prefix { $0 != "@" })
            guard let open = bare.firstIndex(of: "{") else {
                return [bare] + (LimitName.family(of: bare).map { [$0] } ?? [])
            }
            // What a placeholder stands for is not known here, so its family is what has to be set.
            return [LimitName.family(of: String(bare[..<open])) ?? bare]
        }
    }

    /// Jobs that wait although they could go.
    private static func stuck(_ reading: Reading) -> [DoctorFinding] {
        let (status, now) = (reading.status, reading.status.at ?? ServerTime(milliseconds: 0))
        let waiting = reading.lanes.reduce(0) { $0 + $1.waiting }
        guard waiting > 0, !status.isPaused else { return [] }
        if status.workers == 0 {
            let start = Action.startWorker(status.name).inSentence
            return [
                .failure(
                    check,
                    "\(waiting.of("job", ("waits", "wait"))) at limits of \(status.name), and no worker serves it to let them go",
                    advice: "start a worker for this queue, as in \(start)"
                )
            ]
        }
        // What is full of other jobs may go on later than was thought; what no call answers is late.
        let late = reading.lanes.filter { lane in
            lane.reason != LimitReason.concurrency.rawValue && lane.due.map { now.since($0) > patience } ?? false
        }
        guard let worst = late.max(by: { $0.waiting < $1.waiting }), let due = worst.due else { return [] }
        return [
            .failure(
                check,
                "\(worst.waiting.of("job", ("waits", "wait"))) of \(status.name) for limit \(worst.limit), which had room "
                    + "\(now.since(due).human) ago: its workers have no free slot, or do not know limits",
                advice:
                    "\(Action.workers(status.name).inSentence) shows them; workers older than the limits let nothing go"
            )
        ]
    }
}
