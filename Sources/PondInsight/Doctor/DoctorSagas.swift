import PondCore
import PondQueue
import PondSaga

/// Finds the sagas of a queue that nobody can go on with.
struct DoctorSagas {
    private let queue: Queue

    /// So many of the newest are looked at; of all it is said how many there are.
    private static let pageMax = 100

    /// So many of those that wait the longest are asked for their children, and so many children of each.
    private static let (waitingMax, childrenMax) = (20, 3)
    /// How late a saga may be woken: later than that, no worker looks.
    private static let patience = Duration.seconds(10)

    init(_ queue: Queue) { self.queue = queue }

    func findings(_ check: String) async throws -> [DoctorFinding] {
        let (counts, overdue) = try await queue.sagaCensus()
        func newest(_ state: SagaRecord.State) async throws -> [SagaLine] {
            counts[state] ?? 0 > 0 ? try await queue.sagas(in: state, atMost: Self.pageMax) : []
        }
        let waiting = overdue > Self.patience ? [overdueFinding(overdue, check)] : []
        let orphans = try await childless(of: counts[.waiting] ?? 0).map { [childlessFinding($0, check)] } ?? []
        let lost = try await adrift(counts, check) + unscheduled(check)
        return waiting + orphans + lost
            + Self.judge(
                try await newest(.stuck),
                of: counts[.stuck] ?? 0,
                paused: try await newest(.paused),
                of: counts[.paused] ?? 0,
                queue: queue.name.text,
                check
            )
    }

    private func overdueFinding(_ overdue: Duration, _ check: String) -> DoctorFinding {
        .failure(
            check,
            "a saga's time was over \(overdue.human) ago and nobody has woken it: no worker fetches from \(queue.name)",
            advice: "start a worker for \(queue.name), or resume it when it is paused; "
                + "\(Action.sagas(queue.name.text, "waiting").inSentence) lists those that wait"
        )
    }

    /// Those that go on, and whose job is in no place any more; of those that are so the longest.
    private func adrift(_ counts: [SagaRecord.State: Int], _ check: String) async throws -> [DoctorFinding] {
        for state in [SagaRecord.State.running, .undoing] {
            let count = counts[state] ?? 0
            guard count > 0 else { continue }
            let skipped = max(0, count - Self.waitingMax)
            for line in try await queue.sagas(in: state, after: skipped, atMost: Self.waitingMax).reversed() {
                guard try await queue.job(line.id).state == .unknown else { continue }
                // It may just have ended.
                guard try await queue.saga(line.id, withResults: false)?.state == state else { continue }
                let address = "\(queue.name)/\(line.id)"
                return [
                    .failure(
                        check,
                        "saga \(address) is \(state.rawValue), and its job is in no place any more: nobody goes on with it",
                        advice: "\(Action.saga(address).inSentence) says what it did, which nobody undoes; "
                            + "\(Action.cancelSaga(address).inSentence) ends it as abandoned"
                    )
                ]
            }
        }
        return []
    }

    /// Those that wait and are on no list of times, so that not even a pause finds them.
    private func unscheduled(_ check: String) async throws -> [DoctorFinding] {
        guard let id = try await queue.unscheduledSaga() else { return [] }
        let address = "\(queue.name)/\(id)"
        return [
            .failure(
                check,
                "saga \(address) waits, and is on no list of times: its entry in \(queue.name)'s waits was deleted by hand",
                advice: "\(Action.resumeSaga(address).inSentence) lets it go on, and wait for what is left"
            )
        ]
    }

    /// One that waits for a child job which is nowhere any more, as after it was deleted by hand; the longest waiting first.
    private func childless(of waiting: Int) async throws -> (id: JobID, step: String, child: JobID, pivot: Bool)? {
        guard waiting > 0 else { return nil }
        let skipped = max(0, waiting - Self.waitingMax)
        let oldest = try await queue.sagas(in: .waiting, after: skipped, atMost: Self.waitingMax)
        for line in oldest.reversed() {
            let record = try await queue.saga(line.id, withResults: false)
            for step in record?.steps ?? [] where step.kind == .children && step.state == .waiting {
                for child in try await queue.openChildren(of: step.name, in: line.id, atMost: Self.childrenMax) {
                    if try await queue.job(child).state == .unknown {
                        return (line.id, step.name, child, record?.isPastPivot == true)
                    }
                }
            }
        }
        return nil
    }

    private func childlessFinding(
        _ found: (id: JobID, step: String, child: JobID, pivot: Bool),
        _ check: String
    ) -> DoctorFinding {
        let address = "\(queue.name)/\(found.id)"
        let undo = found.pivot ? "" : ", \(Action.cancelSaga(address).inSentence) undoes it"
        return .failure(
            check,
            "saga \(address) waits in step \(firstLine(of: found.step)) for job \(found.child), which is in no place any more",
            advice:
                "\(Action.sayDoneAnyway(address, found.step).inSentence) goes on with what the others brought\(undo)"
        )
    }

    /// - Parameters:
    ///   - stuck: the newest of those whose undo has failed for good.
    ///   - paused: the newest of those that begin nothing more.
    static func judge(
        _ stuck: [SagaLine],
        of stuckCount: Int,
        paused: [SagaLine],
        of pausedCount: Int,
        queue: String,
        _ check: String
    ) -> [DoctorFinding] {
        var findings: [DoctorFinding] = []
        if let first = stuck.first {
            findings.append(
                .failure(
                    check,
                    "\(stuckCount.of("saga", ("is", "are"))) stuck, what they did is half undone; the last is "
                        + "\(queue)/\(first.id): \(firstLine(of: first.reason))",
                    advice: advice(first, queue, "stuck")
                )
            )
        }
        // What a worker has paused waits for a person who may not know of it; a person's own pause is only told of.
        let lost = paused.filter { line in machineReasons.contains { line.reason.hasPrefix($0) } }
        if let first = lost.first {
            let more = pausedCount > paused.count ? "at least " : ""
            findings.append(
                .failure(
                    check,
                    "\(more)\(lost.count.of("saga", ("waits", "wait"))) for a person to decide; the last is "
                        + "\(queue)/\(first.id): \(firstLine(of: first.reason))",
                    advice: advice(first, queue, "paused")
                )
            )
        } else if let first = paused.first {
            let why = first.reason.isEmpty ? "" : ": \(firstLine(of: first.reason))"
            findings.append(
                .warning(
                    check,
                    "\(pausedCount.of("saga", ("is", "are"))) paused; the last is \(queue)/\(first.id)\(why)",
                    advice: "\(Action.resumeSaga("\(queue)/\(first.id)").inSentence) lets it go on"
                )
            )
        }
        return findings
    }

    /// How the reasons begin that workers give for a pause.
    private static let machineReasons = ["step_unknown", "plan_mismatch", "forward_only", "undo_failed"]

    private static func advice(_ saga: SagaLine, _ queue: String, _ state: String) -> String {
        "\(Action.why("\(queue)/\(saga.id)").inSentence) says what to do; \(Action.sagas(queue, state).inSentence) lists them"
    }
}
