package import PondCore
import PondRedis
package import PondSaga

/// A saga's memory in Redis, on behalf of one delivery of its job.
package struct QueueSagaStore: SagaStore {
    let queue: Queue
    /// The delivery that it speaks for.
    package let receipt: Receipt
    /// The job.
    package let id: JobID
    let consumer: Consumer

    /// The memory of the job that a consumer has under this receipt.
    package init(_ queue: Queue, _ receipt: Receipt, of id: JobID, as consumer: Consumer) {
        (self.queue, self.receipt, self.id, self.consumer) = (queue, receipt, id, consumer)
    }

    /// All that is remembered.
    package func read() async throws -> SagaRecord? {
        try await queue.saga(id)
    }

    /// Before a step runs.
    package func begin(_ step: StepBegin) async throws -> StepAnswer {
        let answer = try await record(
            "begin",
            .text(step.name),
            .text(step.kind.rawValue),
            .text(step.effect.rawValue),
            .text(step.flags),
            .text(step.fingerprint),
            .text(step.token ?? ""),
            .text(step.token.map { TokenHash.of($0) } ?? ""),
            .text(step.within.map { String(max(0, $0.wholeMilliseconds)) } ?? "")
        )
        return try Self.stepAnswer(answer)
    }

    /// After a step ran.
    package func commit(_ name: String, _ end: StepEnd) async throws -> CommitAnswer {
        let answer =
            switch end {
            case .done(let result): try await record("commit", .text(name), "done", .bytes(result))
            case .retry(let error): try await record("commit", .text(name), "retry", .text(error))
            case .failed(let error, let isCertain):
                try await record("commit", .text(name), isCertain ? "failed_surely" : "failed", .text(error))
            case .unknown(let error): try await record("commit", .text(name), "unknown", .text(error))
            case .sent: try await record("commit", .text(name), "sent", "")
            }
        switch answer.word {
        case "kept": return .kept
        case "late": return .late
        case "lost": return .lost
        case "refused": return .refused(answer.text)
        default: throw answer.unknown
        }
    }

    /// Parks the saga, unless what it waits for is there.
    package func wait(_ waits: [SagaWait], spent: Spending?) async throws -> WaitAnswer {
        try await wait(waits, .text(Self.text(of: spent)))
    }

    /// Looks whether a wait is over.
    package func look(at wait: SagaWait) async throws -> WaitAnswer { try await self.wait([wait], "look") }

    private func wait(_ waits: [SagaWait], _ how: RedisArgument) async throws -> WaitAnswer {
        let words = delivery + [.text(id.text), how] + waits.flatMap { $0.arguments }
        let answer = try SagaAnswer("pond_wait", try await queue.pond.call("pond_wait", queue.keys, words))
        switch answer.word {
        case "parked": return .parked
        case "open": return .open
        case "undoing": return .undoing
        case "paused": return .paused
        case "lost": return .lost
        case "over": return try Self.firstThatIsOver(answer)
        default: throw answer.unknown
        }
    }

    /// Of several the first that says anything else than that it is still open.
    private static func firstThatIsOver(_ answer: SagaAnswer) throws(QueueError) -> WaitAnswer {
        for value in answer.words.dropFirst() {
            let one = try SagaAnswer("pond_wait", value)
            switch one.word {
            case "open": continue
            case "over": return .over(try one.step())
            case "mismatch": return .mismatch(try one.step())
            case "refused": return .refused(one.text)
            default: throw one.unknown
            }
        }
        throw answer.unknown
    }

    /// Turns it round, and sends its job back to undo.
    package func turn(_ reason: SagaTurn, spent: Spending?) async throws -> SagaMove {
        let (end, text) =
            switch reason {
            case .failed(let cause, let error): ("compensated", "\(cause.name): \(error)")
            case .cancelled(let text): ("cancelled", text)
            }
        let reply = try await queue.pond.call(
            "pond_undo",
            queue.keys,
            delivery + [.text(id.text), .text(end), .text(text), .text(Self.text(of: spent))]
        )
        return try SagaAnswer("pond_undo", reply).move()
    }

    /// Before an undo runs.
    package func beginUndo(_ name: String) async throws -> UndoAnswer {
        let answer = try await record("undo", .text(name))
        switch answer.word {
        case "go": return .go(attempt: Int(answer.text) ?? 1)
        case "over": return .over
        case "lost": return .lost
        case "refused":
            throw QueueError(.invalid, "the undo of step \(name) of saga \(id) does not begin: \(answer.text)")
        default: throw answer.unknown
        }
    }

    /// At an undo's end.
    package func endUndo(_ name: String, _ end: UndoEnd) async throws -> SagaMove {
        let (word, error) =
            switch end {
            case .done: ("done", "")
            case .retry(let error): ("retry", error)
            case .stuck(let error): ("stuck", error)
            case .skipped: ("skipped", "")
            }
        return try await record("undone", .text(name), .text(word), .text(error)).move()
    }

    /// Parks the saga until somebody resumes it.
    package func pause(_ reason: String, spent: Spending?) async throws -> SagaMove {
        let reply = try await queue.pond.call(
            "pond_pause_saga",
            queue.keys,
            [.text(id.text), .text(reason)] + delivery + [.text(Self.text(of: spent))]
        )
        return try SagaAnswer("pond_pause_saga", reply).move()
    }

    /// Says how all of it ended.
    package func end(_ state: SagaRecord.State, _ reason: String) async throws -> SagaMove {
        try await record("end", .text(state.rawValue), .text(reason)).move()
    }
}

extension QueueSagaStore {
    /// Who has which entry, as every function takes it.
    var delivery: [RedisArgument] {
        [.text(consumer.name), .text(receipt.stream.rawValue), .text(receipt.entry)]
    }

    private static func text(of spent: Spending?) -> String {
        guard let spent else { return "" }
        let usd = min(spent.usd, Limits.moneyMax).micros
        return "\(spent.wall.wholeMilliseconds) \(spent.cpu.wholeMilliseconds) \(usd)"
    }

    /// One record of `pond_step`, and its answer.
    private func record(_ words: RedisArgument...) async throws(QueueError) -> SagaAnswer {
        let reply = try await queue.pond.call("pond_step", queue.keys, delivery + [.text(id.text)] + words)
        guard let answer = reply.array?.first else { throw SagaReader.unexpected("pond_step", reply) }
        return try SagaAnswer("pond_step", answer)
    }

    static func stepAnswer(_ answer: SagaAnswer) throws(QueueError) -> StepAnswer {
        switch answer.word {
        case "go":
            guard answer.words.count > 2, let attempt = Int(answer.text), let token = answer.words[2].string else {
                throw answer.unknown
            }
            return .go(attempt: attempt, token: token.isEmpty ? nil : token)
        case "known": return .known(try answer.step())
        case "mismatch": return .mismatch(try answer.step())
        case "undoing": return .undoing
        case "paused": return .paused
        case "lost": return .lost
        case "refused": return .refused(answer.text)
        default: throw answer.unknown
        }
    }
}

extension StepBegin {
    /// As `pond_step` takes them.
    fileprivate var flags: String {
        (hasUndo ? "u" : "") + (isPivot ? "p" : "") + (undoReserve > .zero ? "r\(undoReserve.micros)" : "")
    }
}

extension SagaWait {
    /// name, kind, how long in ms, the signal's name, fingerprint: see `pond_wait.lua`.
    fileprivate var arguments: [RedisArgument] {
        let (word, signal) =
            switch kind {
            case .sleep: ("sleep", "")
            case .callback: ("callback", "")
            case .signal(let name): ("signal", name)
            case .children: ("children", "")
            }
        let span = within.map { String(max(0, $0.wholeMilliseconds)) } ?? ""
        return [.text(name), .text(word), .text(span), .text(signal), ""]
    }
}
