/// What must hold after every run.
package enum Invariant: Int, CaseIterable, Sendable, Comparable, CustomStringConvertible {
    case noLoss = 1, noPhantom, effectivelyOnce, fenceMonotone, neverEarly, payloadIntact, oneEnd, budgets, conservation
    case chain, supervision, liveness, sagaEnd, sagaUndo, sagaTurn, sagaBalance, sagaWait, sagaToken
    case money

    package var description: String { "I\(rawValue)" }

    /// The invariant in a few words.
    package var title: String {
        switch self {
        case .noLoss: "no loss"
        case .noPhantom: "no phantom"
        case .effectivelyOnce: "effectively once"
        case .fenceMonotone: "fences only rise"
        case .neverEarly: "never early"
        case .payloadIntact: "payload intact"
        case .oneEnd: "exactly one end"
        case .budgets: "attempts and recoveries within bounds"
        case .conservation: "conservation"
        case .chain: "chains completed or compensated"
        case .supervision: "no orphan, no zombie, no leak"
        case .liveness: "liveness after the last fault"
        case .sagaEnd: "a saga has one end"
        case .sagaUndo: "steps are kept, or undone newest first"
        case .sagaTurn: "no step begins after the turn"
        case .sagaBalance: "what is kept is what was not undone"
        case .sagaWait: "waits end once and in time"
        case .sagaToken: "a token is used once"
        case .money: "money is granted within its limit and settled once"
        }
    }

    package static func < (lhs: Invariant, rhs: Invariant) -> Bool { lhs.rawValue < rhs.rawValue }

    /// Where a run breaks this invariant; empty when it holds.
    package func findings(in history: History, _ bounds: CheckBounds = CheckBounds()) -> [Finding] {
        let texts: [(job: String?, text: String)] =
            switch self {
            case .noLoss: Delivery.losses(in: history)
            case .noPhantom: Delivery.phantoms(in: history)
            case .effectivelyOnce: Effects.duplicates(in: history)
            case .fenceMonotone: Effects.fallenFences(in: history) + SagaRules.stale(in: history)
            case .neverEarly: Delivery.early(in: history, bounds)
            case .payloadIntact: Delivery.corrupted(in: history)
            case .oneEnd: Ends.wrong(in: history) + ServiceLevelRules.miscounted(in: history)
            case .budgets: Ends.overBudget(in: history, bounds)
            case .conservation: Ends.misplaced(in: history)
            case .chain: ChainRules.broken(in: history)
            case .supervision: Processes.left(in: history, bounds)
            case .liveness: Processes.late(in: history, bounds)
            case .sagaEnd: SagaRules.ends(in: history)
            case .sagaUndo: SagaRules.undone(in: history)
            case .sagaTurn: SagaRules.begun(in: history)
            case .sagaBalance: SagaRules.balance(in: history)
            case .sagaWait: WaitRules.waits(in: history, bounds)
            case .sagaToken: WaitRules.tokens(in: history)
            // Judged by a run of its own, `chaos budgets`.
            case .money: []
            }
        return texts.map { Finding(invariant: self, job: $0.job, text: $0.text) }
    }

    private typealias Delivery = DeliveryRules
    private typealias Effects = EffectRules
    private typealias Ends = EndRules
    private typealias Processes = ProcessRules
}

/// One place where a run breaks an invariant.
package struct Finding: Sendable, Hashable {
    package let invariant: Invariant
    /// The job that it happened to, nil when it is not about one.
    package let job: String?
    package let text: String
}

/// The numbers that the invariants are held against.
package struct CheckBounds: Sendable, Hashable {
    /// How much earlier than its time a delivery may look, for want of one clock.
    package var earlyMax = Duration.milliseconds(50)
    /// Recoveries that make a job dead.
    package var recoveriesMax = 3
    /// How soon after the last fault a due job must have been delivered.
    package var livenessMax = Duration.seconds(60)
    /// How long work may wait while workers are idle.
    package var idleMax = Duration.seconds(2)
    /// By how many descriptors a process may grow.
    package var descriptorsMax: Int64 = 24

    package init() {}
}
