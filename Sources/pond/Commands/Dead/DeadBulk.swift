import Millpond
import PondCore
import PondQueue

/// Changes many dead jobs, a bounded batch at a time, and tells how it went.
struct DeadBulk {
    /// What was done to a job in the end: `retried`.
    let participle: String
    /// The kind of the JSON document.
    let kind: String
    let plan: DeadPlan

    /// What became of one job that was not changed.
    struct Exception {
        let address: String
        /// Nil when it was dead no more.
        let refusal: String?
    }

    /// Runs `change` on each batch of at most `Limits.deadBatchMax` ids; it answers nil for a job that was changed.
    ///
    /// - Parameter atEnd: called with how many were changed, when all batches are through, before it is told.
    func run(
        on terminal: Terminal,
        asJSON: Bool,
        atEnd: (Int) async throws -> Void = { _ in },
        _ change: (Queue, [JobID]) async throws -> [Exception?]
    ) async throws {
        let bar = ProgressBar(participle, total: plan.count, on: terminal)
        var changed = 0
        var exceptions: [Exception] = []
        do {
            for part in plan.parts {
                for batch in part.ids.batches(of: Limits.deadBatchMax) {
                    let answers = try await change(part.queue, batch)
                    changed += answers.count { $0 == nil }
                    exceptions += answers.compactMap { $0 }
                    bar.advance(by: batch.count)
                }
            }
        } catch {
            bar.finish(showsSummary: false)
            terminal.say("\(changed.grouped) of \(plan.count.of("job")) \(changed == 1 ? "was" : "were") \(participle)")
            throw error
        }
        bar.finish(showsSummary: false)
        try await atEnd(changed)
        try tell(changed, exceptions, on: terminal, asJSON: asJSON)
    }

    private func tell(_ changed: Int, _ exceptions: [Exception], on terminal: Terminal, asJSON: Bool) throws {
        if asJSON {
            try terminal.print(document(changed, exceptions))
        } else {
            try terminal.print("\(participle) \(changed.of("dead job"))")
            for exception in exceptions.prefix(20) {
                terminal.say(SafeText.escaped("\(exception.address): \(exception.refusal ?? "it is dead no more")"))
            }
            if exceptions.count > 20 { terminal.say("… and \((exceptions.count - 20).grouped) more") }
        }
        guard !exceptions.isEmpty else { return }
        let refused = exceptions.count { $0.refusal != nil }
        throw CommandFailure(
            refused > 0 ? .refused : .conflict,
            "\(exceptions.count.grouped) of \(plan.count.of("job")) could not be \(participle)",
            hint: refused > 0 ? "the reason is given for each" : "`pond dead list` shows what is left"
        )
    }

    private func document(_ changed: Int, _ exceptions: [Exception]) -> JSONDocument {
        JSONDocument(
            kind: kind,
            items: exceptions.map { exception in
                .object([
                    ("job", .string(exception.address)),
                    ("result", exception.refusal == nil ? "unknown" : "refused"), ("reason", .text(exception.refusal)),
                ])
            },
            [("planned", .count(plan.count)), (participle, .count(changed))]
        )
    }
}

extension Array {
    /// The elements in order, at most `size` together.
    fileprivate func batches(of size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
