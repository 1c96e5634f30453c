public import PondCore
import PondQueue
import Synchronization

/// A part of an intent's budget that is kept for what a handler is about to do.
///
/// What it took is told with ``took(_:)``; what is not told is charged as it was reserved.
public final class Reservation: Sendable {
    struct State: Sendable {
        var held: Usage
        var truth: Usage?
        var isSent: Bool
    }

    /// Its id in the budget's journal; empty where the intent has no budget.
    public let id: String
    let budget: String?
    let ledger: Ledger
    private let state: Mutex<State>

    init(_ id: String, in budget: String?, of ledger: Ledger, _ usage: Usage, isSent: Bool) {
        (self.id, self.budget, self.ledger) = (id, budget, ledger)
        state = Mutex(State(held: usage, isSent: isSent))
    }

    /// What is reserved.
    public var usage: Usage { state.withLock(\.held) }

    var isClaimed: Bool { state.withLock { !$0.isSent } }

    /// What it took in truth; more than was reserved is a fact as well, and uses the budget up.
    ///
    /// The last that is told counts.
    public func took(_ usage: Usage) { state.withLock { $0.truth = usage } }

    /// The same part by part; what is not given is taken as it was reserved.
    public func took(usd: USD? = nil, tokens: Int64? = nil, calls: Int64? = nil) {
        state.withLock { state in
            var truth = state.held
            if let usd { truth.usd = usd }
            if let tokens { truth.tokens = tokens }
            if let calls { truth.calls = calls }
            state.truth = truth
        }
    }

    /// Surely nothing of it was begun: all of it goes back.
    public func tookNothing() { took(Usage()) }

    /// What was only claimed is about to be sent: from here on it is charged when its worker dies.
    ///
    /// - Throws: `QueueError`, when that cannot be written down; then nothing should be sent.
    public func send() async throws {
        guard let budget, state.withLock({ !$0.isSent }) else { return }
        _ = try await ledger.sent(budget, id)
        state.withLock { $0.isSent = true }
    }

    /// Reserves more of the same.
    ///
    /// - Parameter time: how long it lasts from now. Defaults to a minute.
    /// - Returns: whether there was room.
    public func extend(by usage: Usage, for time: Duration = .seconds(60)) async throws -> Bool {
        if let budget {
            guard try await ledger.extend(budget, id, by: usage, for: time).isWritten else { return false }
        }
        state.withLock { $0.held = $0.held + usage }
        return true
    }

    /// What is to be booked when it has ended so: nil when nothing was begun.
    ///
    /// What nobody told is taken for the worst.
    func end(failed: Bool) -> Usage? {
        state.withLock { state in
            if failed, !state.isSent, state.truth == nil { return nil }
            if let truth = state.truth { return truth.isZero ? nil : truth }
            return state.held
        }
    }
}

extension Usage {
    static func + (lhs: Usage, rhs: Usage) -> Usage {
        Usage(
            usd: lhs.usd + rhs.usd,
            tokens: lhs.tokens + rhs.tokens,
            calls: lhs.calls + rhs.calls,
            retries: lhs.retries + rhs.retries,
            cpu: lhs.cpu + rhs.cpu
        )
    }
}
