/// An effect, as the ledger saw it: the evidence that a worker cannot forge.
package struct LedgerRow: Sendable, Hashable {
    package var job: String
    package var fence: Int64
    /// What was done: `effect`, or a step of a saga.
    package var step: String
    /// The worker that sent it.
    package var process: String
    /// False when a higher fence of the job was known: the sender was stale.
    package var isAccepted: Bool
    package var monotonic: Int64

    package init(
        job: String,
        fence: Int64,
        step: String = "effect",
        process: String = "w1",
        isAccepted: Bool = true,
        monotonic: Int64 = 0
    ) {
        self.job = job
        self.fence = fence
        self.step = step
        self.process = process
        self.isAccepted = isAccepted
        self.monotonic = monotonic
    }
}

/// Which fences a ledger takes: never one below the highest that it has seen of the job.
package struct FenceGuard: Sendable {
    private var highest: [String: Int64] = [:]

    package init() {}

    /// Whether an effect under this fence may happen.
    package mutating func accepts(_ fence: Int64, of job: String) -> Bool {
        guard fence >= highest[job] ?? .min else { return false }
        highest[job] = fence
        return true
    }
}

/// An effect that was made in one transaction with its inbox record.
package struct GuardedRow: Sendable, Hashable {
    /// What must happen once: the key of a keyed job, else the job's own name.
    package var scope: String
    package var job: String
    package var step: String
    /// `do`, or `undo` of a saga.
    package var action: String
    package var process: String
    /// The order in which the rows were committed.
    package var order: Int64

    package init(
        scope: String,
        job: String,
        step: String,
        action: String = "do",
        process: String = "w1",
        order: Int64
    ) {
        self.scope = scope
        self.job = job
        self.step = step
        self.action = action
        self.process = process
        self.order = order
    }
}
