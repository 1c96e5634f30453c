import Logging
public import PondCore
import PondQueue
import Synchronization

extension JobContext {
    /// Reserves a part of the intent's budget, does something with it, and books what that took.
    ///
    /// Nothing is granted beyond what is left, whoever else asks at the same time. When the body returns, what it told the
    /// reservation is booked, or all that was reserved; when it throws, the same, unless it said that nothing was begun. A
    /// job whose intent has no budget does it at once, and asks nobody.
    ///
    /// - Parameters:
    ///   - usd: the most that it can cost.
    ///   - tokens: the most that it can take of a model, input and output together.
    ///   - calls: how many calls it makes. Defaults to 1.
    ///   - name: what it is called in the budget's journal; a number of its own by default.
    ///   - isClaimed: whether it is given back when the worker dies before ``Reservation/send()``. Defaults to false: it is charged.
    ///   - patience: how long to wait for what other jobs hold; the job's time stands still meanwhile. Defaults to 30 seconds.
    /// - Throws: `BudgetExhausted` when there is no room; let it through, and the intent's policy decides.
    public func reserve<Value>(
        usd: USD = .zero,
        tokens: Int64 = 0,
        calls: Int64 = 1,
        as name: String? = nil,
        claimed isClaimed: Bool = false,
        waiting patience: Duration = .seconds(30),
        _ body: (Reservation) async throws -> Value
    ) async throws -> Value {
        let usage = Usage(usd: usd, tokens: tokens, calls: calls)
        let reservation = try await begin(usage, as: name, claimed: isClaimed, waiting: patience)
        return try await settling(reservation, body)
    }

    /// The same with another way for an intent that says `degrade`.
    ///
    /// - Parameter cheaper: what is done when there is no room; it reserves what it needs itself.
    public func reserve<Value>(
        usd: USD = .zero,
        tokens: Int64 = 0,
        calls: Int64 = 1,
        as name: String? = nil,
        claimed isClaimed: Bool = false,
        waiting patience: Duration = .seconds(30),
        _ body: (Reservation) async throws -> Value,
        cheaper: (BudgetExhausted) async throws -> Value
    ) async throws -> Value {
        let usage = Usage(usd: usd, tokens: tokens, calls: calls)
        let reservation: Reservation
        do {
            reservation = try await begin(usage, as: name, claimed: isClaimed, waiting: patience)
        } catch let error as BudgetExhausted where error.policy == .degrade {
            return try await cheaper(error)
        }
        return try await settling(reservation, body)
    }

    /// What is left of the intent's budget; nil when it has none.
    public func intentBudget() async throws -> BudgetLeft? {
        guard hasIntentBudget else { return nil }
        return try await queue.pond.ledger.show(intentName).map(BudgetLeft.init)
    }

    var hasIntentBudget: Bool { job.intentBudget != nil }
    private var intentName: String { Ledger.name(ofIntent: correlationID) }
    private var undoes: Bool { job.phase != nil || isUndoing }

    /// Does something with a reservation, and books what it took.
    private func settling<Value>(
        _ reservation: Reservation,
        _ body: (Reservation) async throws -> Value
    ) async throws -> Value {
        do {
            let value = try await body(reservation)
            await end(reservation, failed: false)
            return value
        } catch {
            await end(reservation, failed: true)
            throw error
        }
    }

    /// Reserves; ``end(_:failed:)`` has to follow.
    package func begin(
        _ usage: Usage,
        as name: String?,
        claimed isClaimed: Bool,
        waiting patience: Duration
    ) async throws -> Reservation {
        try checkOwnBudget(for: usage)
        let number = progress.withLock { progress in
            progress.reservations += 1
            return progress.reservations
        }
        // Each delivery has its own: one that another worker made before it died may have been spent.
        let id = "\(job.address)/\(job.fence)/\(name ?? "\(number)")".cut(toBytes: Limits.reservationIDBytesMax)
        let reservation = Reservation(
            hasIntentBudget ? id : "",
            in: hasIntentBudget ? intentName : nil,
            of: queue.pond.ledger,
            usage,
            isSent: !isClaimed
        )
        if hasIntentBudget { try await grant(reservation, waiting: patience) }
        return reservation
    }

    /// Only a budget of the job itself: what is reserved and not settled is not counted in it.
    private func checkOwnBudget(for usage: Usage) throws(BudgetExhausted) {
        guard let limit = budget.usd, usage.usd > .zero else { return }
        let total = job.spent.usd + lastProgress.usd + usage.usd
        guard total > limit else { return }
        throw BudgetExhausted(
            .usdExhausted,
            "all tries together would take \(total) of the allowed \(limit)" + handler.reserveNote(.usdExhausted)
        )
    }

    private func grant(_ reservation: Reservation, waiting patience: Duration) async throws {
        let deadline = clock.now().advanced(by: patience)
        let pause = Backoff(base: .milliseconds(10), cap: .milliseconds(500), jitter: 0.5)
        var failures = 0
        while true {
            let answer = try await queue.pond.ledger.reserve(
                intentName,
                reservation.id,
                reservation.usage,
                as: reservation.isClaimed ? .claimed : .sent,
                for: timeRemaining + Self.reservationGrace,
                isUndo: undoes
            )
            guard case .wait(let part, let free, let budget) = answer else {
                if let refusal = BudgetRefusal(answer, reservation.usage) { throw try await exhausted(refusal) }
                return
            }
            failures += 1
            guard clock.now() < deadline else {
                throw try await rest(reservation.usage, part, free: free, budget)
            }
            try await hold(for: pause.delay(afterFailures: failures), "waits for what others hold of \(budget)")
        }
    }

    /// How long a reservation outlasts the time of its job's try.
    private static let reservationGrace = Duration.seconds(10)

    /// Others hold what it needs for longer than it can wait in its slot.
    private func rest(
        _ usage: Usage,
        _ part: Usage.Part,
        free: Int64,
        _ budget: String
    ) async throws -> BudgetExhausted {
        let text =
            "other jobs hold what is left of the budget \(budget): \(part.text(free)) of \(part.word) is free, and "
            + "\(part.text(usage[part])) is wanted"
        _ = try await queue.pond.ledger.rest(
            intentName,
            job: job.address,
            asks: false,
            for: part,
            usage[part]
        )
        return BudgetExhausted(part.cause, text, policy: .pause, rest: .seconds(1))
    }

    private func exhausted(_ refusal: BudgetRefusal) async throws -> BudgetExhausted {
        guard let asks = refusal.rests else {
            return BudgetExhausted(refusal.cause, refusal.text, policy: refusal.policy)
        }
        let rest = try await queue.pond.ledger.rest(refusal, intentName, job: job.address, asks: asks)
        return BudgetExhausted(refusal.cause, refusal.text, policy: refusal.policy, rest: rest)
    }

    /// Books what a reservation took.
    package func end(_ reservation: Reservation, failed: Bool) async {
        let usage = reservation.end(failed: failed)
        progress.withLock { progress in
            guard let usage else { return }
            progress.usd = progress.usd + usage.usd
            if usage.cpu > .zero { progress.cpu = (progress.cpu ?? .zero) + usage.cpu }
            if reservation.budget != nil { progress.settled.append(usage) }
        }
        guard let budget = reservation.budget else { return }
        await book("settled", reservation.id) { ledger throws(QueueError) in
            guard let usage else { return try await ledger.refund(budget, reservation.id) }
            return try await ledger.commit(budget, reservation.id, usage)
        }
    }

    /// Books what the try spent without a reservation.
    func bookUnreserved() async {
        let now = lastProgress
        let settled = now.settled.reduce(Usage(), +)
        let usage = Usage(usd: now.usd - settled.usd, cpu: max(.zero, (now.cpu ?? .zero) - settled.cpu))
        guard !usage.isZero else { return }
        let (name, undoes) = (intentName, undoes)
        let id = "\(job.address)/\(job.fence)/spent"
        await book("booked", id) { ledger throws(QueueError) in
            try await ledger.spend(name, id, usage, isUndo: undoes)
        }
    }

    /// Tells the ledger of a fact: also when the job is stopped, and without a word to the handler when that fails, because what
    /// it did is done.
    private func book(
        _ what: String,
        _ id: String,
        _ ask: @escaping @Sendable (Ledger) async throws(QueueError) -> LedgerAnswer
    ) async {
        let (ledger, logger) = (queue.pond.ledger, logger)
        // In a task of its own, because the job's was cancelled if its time was up.
        await Task {
            do throws(QueueError) {
                if case .overrun(let part, let amount, let budget) = try await ask(ledger) {
                    logger.warning(
                        "a job took more than its budget allows",
                        metadata: ["budget": "\(budget)", "over": "\(part.text(amount)) of \(part.word)"]
                    )
                }
            } catch {
                logger.error(
                    "what a job took of its intent's budget was not \(what); it is charged as reserved when its time is over",
                    metadata: ["reservation": "\(id)", "error": "\(error)"]
                )
            }
        }.value
    }
}

/// What is left of an intent's budget.
public struct BudgetLeft: Sendable, Hashable {
    /// What is left for what goes forward, in micro-dollars, whole numbers and ms; what has no limit is not in it.
    public let free: [IntentBudget.Limit: Int64]
    /// What was spent until now.
    public let committed: Usage
    /// After that nothing begins.
    public let deadline: ServerTime?

    /// Money that is left; nil without a limit.
    public var usd: USD? { free[.usd].map { USD(micros: $0) } }

    init(_ state: BudgetState) {
        var (free, committed) = ([IntentBudget.Limit: Int64](), Usage())
        for line in state.lines {
            committed[line.part] = line.committed
            if let left = line.free, let limit = IntentBudget.Limit(rawValue: line.part.rawValue) { free[limit] = left }
        }
        (self.free, self.committed, deadline) = (free, committed, state.deadline)
    }
}
