package import PondCore
import PondRedis

/// What the settle function did.
package enum SettleAnswer: Sendable, Hashable {
    case done, released, cancelled, expired, duplicate, compensated
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
    package func settle(_ settlements: [Settlement], as consumer: Consumer) async throws(QueueError) -> [SettleAnswer] {
        precondition(
            settlements.count <= Limits.settleBatchMax,
            "a settle of \(settlements.count) jobs is over the bound"
        )
        let batch = SettleBatch(settlements)
        var command = Pond.command("pond_settle", keys, [.text(consumer.name)])
        batch.append(to: &command.arguments)
        let reply = try await pond.call("pond_settle", command)
        var reader = try ReplyReader("pond_settle", reply)
        return try batch.answers(&reader)
    }
}

extension Settlement {
    /// Whether the job is done and nothing else is to be said of it: never moved, and without a key.
    var isPlain: Bool {
        !hasKey && !isSaga && isDoneUnmoved
    }

    /// Whether the job is done and nothing but its key is to be said of it.
    var isPlainlyKeyed: Bool {
        key != nil && result == nil && !isSaga && isDoneUnmoved
    }

    private var isDoneUnmoved: Bool {
        guard outcome.isDone else { return false }
        return receipt.stream == .normal ? receipt.entry == id.text : receipt.stream.ownID(entry: receipt.entry) == id
    }

    /// outcome, code, entry, a, b, c, and before them what is said beside: see `pond_settle.lua`.
    var arguments: [RedisArgument] {
        let (a, b, c) = words
        let news: [RedisArgument] = limitNews.map { ["limit", .text($0.words.joined(separator: ":"))] } ?? []
        return news + beside + [
            wireWord, .text(receipt.stream.rawValue), .text(receipt.entry), .text(a), b, .text(c),
        ]
    }

    private var wireWord: RedisArgument {
        isSaga && outcome.isDone ? "finished" : .text(outcome.traits.wireWord)
    }

    private var beside: [RedisArgument] {
        if outcome.isDone { return journalFacts.map { ["with", .bytes([$0.mark])] } ?? [] }
        guard outcome.traits.isFailure, let root else { return [] }
        return ["with", .text("\(root.root)\t\(root.title)")]
    }

    /// Whether the journal is told more of it than its end.
    var tellsFacts: Bool {
        guard let journalFacts else { return false }
        return journalFacts.isSampled || !outcome.isDone
    }

    private var words: (String, RedisArgument, String) {
        switch outcome {
        case .done:
            (receipt.stream.ownID(entry: receipt.entry) == id ? "" : id.text, .bytes(result?.bytes ?? []), keep)
        case .retry(let delay, let error): (String(max(0, delay.wholeMilliseconds)), .text(error), spentText)
        case .dead(let cause, let error): (cause.name, .text(error), spentText)
        case .deferred(let delay, let grace):
            (String(delay.wholeMilliseconds), .text(String(grace.wholeMilliseconds)), "")
        case .released: ("", "", spentText)
        case .postponed(let delay): (String(max(0, delay.wholeMilliseconds)), "", spentText)
        case .rests(let delay, let reason): (String(max(0, delay.wholeMilliseconds)), .text(reason), spentText)
        case .duplicate(let original): (original.text, "", "")
        case .cancelled, .expired, .compensated: ("", "", "")
        }
    }

    private var keep: String {
        guard hasKey else { return "" }
        guard let result else { return "-" }
        return String(max(0, result.keptFor?.wholeMilliseconds ?? 0))
    }

    private var spentText: String {
        guard let spent else { return "" }
        let usd = min(spent.usd, Limits.moneyMax).micros
        let words = "\(spent.wall.wholeMilliseconds) \(spent.cpu.wholeMilliseconds) \(usd)"
        // Of the first try that began; later ones find it stored.
        guard let wait = journalFacts?.wait, journalFacts?.job.waited == nil else { return words }
        return "\(words) \(max(0, wait.wholeMilliseconds))"
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
        case "compensated": self = .compensated
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
