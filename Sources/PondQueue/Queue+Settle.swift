public import PondCore
import PondRedis

/// What became of one fetched entry, to be written down.
public struct Settlement: Sendable {
    /// Which entry.
    public let receipt: Receipt
    /// The job's id; the receipt's own when the entry is no job.
    public let id: JobID
    /// What became of it.
    public let outcome: Outcome

    public init(receipt: Receipt, id: JobID, outcome: Outcome) {
        self.receipt = receipt
        self.id = id
        self.outcome = outcome
    }
}

/// What the settle function did.
public enum SettleAnswer: Sendable, Hashable {
    case done, released, cancelled, expired, duplicate
    case held(until: ServerTime)
    case dead(cause: String)
    /// This consumer no longer owns the entry: another worker has the job, and nothing was changed.
    case lost
    /// The job could not be moved and is still in flight; settle it again.
    case failed(String)
}

extension Queue {
    /// Settles up to `Limits.settleBatchMax` entries in one call; each stands for itself.
    ///
    /// Safe to repeat: an entry that was settled already answers `lost`.
    public func settle(_ settlements: [Settlement], as consumer: Consumer) async throws(QueueError) -> [SettleAnswer] {
        precondition(
            settlements.count <= Limits.settleBatchMax,
            "a settle of \(settlements.count) jobs is over the bound"
        )
        var arguments: [RedisArgument] = [.text(consumer.name)]
        arguments.reserveCapacity(1 + 5 * settlements.count)
        for settlement in settlements { arguments += settlement.arguments }
        var reader = try ReplyReader("pond_settle", try await pond.call("pond_settle", keys, arguments))
        var answers: [SettleAnswer] = []
        answers.reserveCapacity(settlements.count)
        for _ in settlements { answers.append(try SettleAnswer(try reader.text())) }
        return answers
    }
}

extension Settlement {
    /// outcome, letter, entry, a, b: see `pond_settle.lua`.
    fileprivate var arguments: [RedisArgument] {
        let (word, a, b) = words
        return [.text(word), .text(receipt.stream.rawValue), .text(receipt.entry), .text(a), .text(b)]
    }

    private var words: (String, String, String) {
        switch outcome {
        case .done:
            ("done", receipt.stream.ownID(entry: receipt.entry) == id ? "" : id.text, "")
        case .retry(let delay, let error):
            ("retry", String(max(0, delay.wholeMilliseconds)), error)
        case .dead(let cause, let error):
            ("dead", cause.name, error)
        case .deferred(let delay, let grace):
            ("defer", String(delay.wholeMilliseconds), String(grace.wholeMilliseconds))
        case .released: ("release", "", "")
        case .cancelled: ("cancelled", "", "")
        case .duplicate(let original): ("duplicate", original.text, "")
        case .expired: ("expired", "", "")
        }
    }
}

extension SettleAnswer {
    init(_ text: String) throws(QueueError) {
        let parts = text.split(separator: " ", maxSplits: 1)
        let rest = parts.count > 1 ? String(parts[1]) : ""
        switch parts.first {
        case "done": self = .done
        case "released": self = .released
        case "cancelled": self = .cancelled
        case "expired": self = .expired
        case "duplicate": self = .duplicate
        case "lost": self = .lost
        case "held": self = .held(until: ServerTime(milliseconds: Int64(rest) ?? 0))
        case "dead": self = .dead(cause: rest)
        case "failed": self = .failed(rest)
        default:
            throw QueueError(.unexpectedReply, "pond_settle answered \"\(text)\", which this version does not know")
        }
    }
}
