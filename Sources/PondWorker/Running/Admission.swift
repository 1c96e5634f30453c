import Logging
import PondCore
import PondQueue
import Synchronization

/// Whether a fetched job may begin: its time is not over, somebody here knows its kind, nothing of its budget is used up, and
/// it passes the gates that it has to pass.
struct Admission: Sendable {
    /// What to do with the job.
    enum Answer: Sendable {
        case run
        /// It is not run, and ends so, or runs elsewhere.
        case settle(Outcome)
        /// It runs, but not before so much time has passed; it takes no slot until then.
        case later(Duration)
        /// Another worker has it.
        case forget
    }

    /// What a job may have that a gate looks at, so that the many jobs that have none of it are not asked one by one.
    struct Marks: OptionSet, Sendable {
        let rawValue: UInt8

        /// Every job has this one.
        static let any = Marks(rawValue: 1)
        /// It has an idempotency key.
        static let key = Marks(rawValue: 2)
        /// A worker died while it had the job.
        static let recovered = Marks(rawValue: 4)
        /// The next death of its worker would be its last.
        static let suspect = Marks(rawValue: 8)
        /// It came past the function that asks for its limits.
        static let limited = Marks(rawValue: 16)
        /// Its intent has a budget.
        static let budget = Marks(rawValue: 32)

        init(rawValue: UInt8) { self.rawValue = rawValue }

        init(_ fetched: FetchedJob, _ recoveriesMax: RecoveriesMax) {
            let job = fetched.job
            self = .any
            if job.key != nil { insert(.key) }
            if fetched.asksLimits { insert(.limited) }
            if job.intentBudget != nil { insert(.budget) }
            guard job.recoveries > 0 else { return }
            insert(.recovered)
            if job.recoveries >= recoveriesMax.value - 1 { insert(.suspect) }
        }
    }

    private let gates: [any AdmissionGate]
    private let recoveriesMax: RecoveriesMax
    private let looked: Marks
    private let deferral: Deferral

    /// - Parameter gates: asked in this order; the first that does not let a job pass decides.
    init(_ gates: [any AdmissionGate], _ recoveriesMax: RecoveriesMax, unknownKindGrace: Duration) {
        self.gates = gates
        self.recoveriesMax = recoveriesMax
        looked = gates.reduce(into: Marks()) { $0.formUnion($1.marks) }
        deferral = Deferral(grace: unknownKindGrace)
    }

    /// The answer for a job about which nobody has to be asked; nil when ``ask(for:)`` is needed.
    ///
    /// Apart from that, because an asynchronous call costs, whatever it finds.
    func answerAtOnce(_ fetched: FetchedJob, _ handler: Registered) -> Answer? {
        let job = fetched.job
        // The brake went on while it was on its way: it would fare no better than those that have died.
        if !fetched.isProbe, fetched.served.brake.hold != nil { return .settle(.released) }
        if fetched.isExpired { return .settle(.expired) }
        if handler.isUnknown { return .settle(deferral.outcome(of: fetched)) }
        if handler.hasBudget(job), job.phase != .undo,
            let exhaustion = handler.budget(of: job).obstacle(after: job.spent, reserving: handler.reserve)
        {
            let note = handler.reserveNote(exhaustion.cause)
            return .settle(.dead(cause: exhaustion.cause, error: exhaustion.text + note))
        }
        return looked.isDisjoint(with: Marks(fetched, recoveriesMax)) ? .run : nil
    }

    /// Asks the gates.
    nonisolated(nonsending) func ask(for fetched: FetchedJob) async -> Answer {
        let marks = Marks(fetched, recoveriesMax)
        for gate in gates where !gate.marks.isDisjoint(with: marks) {
            let answer = await gate.ask(for: fetched)
            guard case .run = answer else { return answer }
        }
        // Redis' answer may have been long in coming.
        return fetched.isExpired ? .settle(.expired) : .run
    }

    /// A job is about to wait for a slot.
    func expect(_ fetched: FetchedJob) {
        guard !looked.isDisjoint(with: Marks(fetched, recoveriesMax)) else { return }
        for gate in gates { gate.expect(fetched) }
    }

    /// Jobs are no longer in flight here, their ends written down.
    func release(_ entries: [InFlight.Entry]) {
        for gate in gates { gate.release(entries) }
    }
}

/// How many recoveries make a job of the queue dead, as the queue's settings said last.
final class RecoveriesMax: Sendable {
    private let said = Atomic(Limits.recoveriesMax)

    var value: Int { said.load(ordering: .relaxed) }

    /// - Parameter limit: nil when nobody has said.
    func note(_ limit: Int?) { said.store(max(1, limit ?? Limits.recoveriesMax), ordering: .relaxed) }
}

/// Something that a job must have before it may run: its key, a turn of its own, room within a rate.
protocol AdmissionGate: Sendable {
    /// Jobs that have any of these must pass here.
    var marks: Admission.Marks { get }

    /// Hears of a job that is about to wait for a slot: the time to ask for many at once.
    func expect(_ fetched: FetchedJob)

    /// Whether the job may run; the slot waits for the answer.
    nonisolated(nonsending) func ask(for fetched: FetchedJob) async -> Admission.Answer

    /// Hears of entries that are no longer in flight here.
    func release(_ entries: [InFlight.Entry])
}

extension AdmissionGate {
    func expect(_ fetched: FetchedJob) {}
    func release(_ entries: [InFlight.Entry]) {}
}

/// What becomes of a job of a kind that nobody here knows: a worker that does may come, as a new one does in a deploy.
package struct Deferral: Sendable {
    private static let pauseMin = Duration.seconds(2)
    private static let pauseMax = Duration.seconds(300)
    /// A pause is this part of the time for which the job has been waiting for a worker, so that it grows by itself.
    private static let part = 8

    private let grace: Duration

    /// - Parameter grace: how long a job may wait for such a worker before it is dead.
    package init(grace: Duration) {
        self.grace = grace
    }

    /// How long the job rests before another worker may look at it.
    package func pause(after waited: Duration) -> Duration {
        min(max(waited / Self.part, Self.pauseMin), Self.pauseMax, grace)
    }

    func outcome(of fetched: FetchedJob) -> Outcome {
        let job = fetched.job
        let isFirst = job.unhandledSince == nil
        let waited = job.unhandledSince.flatMap { since in fetched.served.serverClock.now?.since(since) } ?? .zero
        // Once a job: whoever wants to know more asks `pond why`.
        fetched.served.logger.log(
            level: isFirst ? .warning : .debug,
            "no \(job.phase == nil ? "handler" : "compensation") for the kind here; leaving the job to a worker that has one",
            metadata: ["job": "\(job.id)", "kind": "\(job.kind)", "dead_after": "\(grace.human)"]
        )
        if isFirst { fetched.served.noteUnknownKind(of: job) }
        return .deferred(for: pause(after: waited), grace: grace)
    }
}
