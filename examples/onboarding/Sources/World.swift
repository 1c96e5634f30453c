import Millpond
import Synchronization

/// The systems outside, as far as the example needs them: each takes an idempotency key, and does a thing once a key.
final class World: Sendable {
    private struct State {
        var done: Set<String> = []
        var accounts: [String: Int] = [:]
        var questions: [Int: String] = [:]
        var cents = 0
        var log: [String] = []
    }

    private let state = Mutex(State())

    /// What happened, in order.
    var log: [String] { state.withLock(\.log) }
    /// Accounts that are open.
    var accounts: [String: Int] { state.withLock(\.accounts) }
    /// What was paid and not refunded.
    var cents: Int { state.withLock(\.cents) }

    func note(_ text: String) { state.withLock { $0.log.append(text) } }

    func open(_ email: String, key: String) throws -> Int {
        guard email.contains("@") else { throw GiveUp("\(email) is no address", cause: "no_address") }
        return state.withLock { state in
            if state.done.insert(key).inserted {
                state.accounts[email] = state.accounts.count + 1
                state.log.append("opened \(email)")
            }
            return state.accounts[email] ?? 0
        }
    }

    func close(_ email: String, key: String) {
        state.withLock { state in
            guard state.done.insert(key).inserted, state.accounts.removeValue(forKey: email) != nil else { return }
            state.log.append("closed \(email)")
        }
    }

    func ask(_ account: Int, cents: Int, key: String, token: String) {
        state.withLock { state in
            guard state.done.insert(key).inserted else { return }
            state.questions[account] = token
            state.log.append("asked account \(account) for \(cents)")
        }
    }

    func pay(_ cents: Int) { state.withLock { $0.cents += cents } }

    func refund(_ account: Int, _ payment: Payment?, key: String) {
        state.withLock { state in
            guard state.done.insert(key).inserted else { return }
            state.cents -= payment?.cents ?? 0
            state.log.append(
                payment == nil ? "withdrew the question to account \(account)" : "refunded account \(account)"
            )
        }
    }
}
