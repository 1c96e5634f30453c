import PondCore
import PondQueue
import PondSaga

/// Finds the sagas of a queue that nobody can go on with.
struct DoctorSagas {
    private let queue: Queue

    /// So many of the newest are looked at; of all it is said how many there are.
    private static let pageMax = 100

    init(_ queue: Queue) { self.queue = queue }

    func findings(_ check: String) async throws -> [DoctorFinding] {
        let counts = try await queue.sagaCounts()
        func newest(_ state: SagaRecord.State) async throws -> [SagaLine] {
            counts[state] ?? 0 > 0 ? try await queue.sagas(in: state, atMost: Self.pageMax) : []
        }
        return Self.judge(
            try await newest(.stuck),
            of: counts[.stuck] ?? 0,
            paused: try await newest(.paused),
            of: counts[.paused] ?? 0,
            queue: queue.name.text,
            check
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
    private static let machineReasons = ["step_unknown", "plan_mismatch"]

    private static func advice(_ saga: SagaLine, _ queue: String, _ state: String) -> String {
        "\(Action.why("\(queue)/\(saga.id)").inSentence) says what to do; \(Action.sagas(queue, state).inSentence) lists them"
    }
}
