import PondCore
import PondRedis
import PondSaga

/// Reads what the functions of sagas answer.
enum SagaReader {
    /// `{HEADER, STEP, …}` of `pond_saga`; nil for a job that is no saga.
    static func record(_ reply: RESPValue) throws(QueueError) -> SagaRecord? {
        guard let parts = reply.array else { throw unexpected("pond_saga", reply) }
        guard let head = parts.first else { return nil }
        var reader = try ReplyReader("pond_saga", head)
        let facts = try reader.namedTexts()
        guard let state = facts["state"].flatMap({ SagaRecord.State(rawValue: $0) }) else {
            throw unexpected("pond_saga", head)
        }
        var steps: [StepRecord] = []
        steps.reserveCapacity(parts.count - 1)
        for part in parts.dropFirst() { steps.append(try step(part)) }
        var record = SagaRecord(
            state: state,
            since: ServerTime(milliseconds: facts["since_ms"].flatMap { Int64($0) } ?? 0),
            reason: facts["reason"] ?? "",
            steps: steps
        )
        record.keyBase = facts["keys"]
        record.turn = facts["turn"].flatMap { SagaRecord.State(rawValue: $0) }
        return record
    }

    /// The 17 words of one step.
    static func step(_ value: RESPValue) throws(QueueError) -> StepRecord {
        var reader = try ReplyReader("a saga's step", value)
        let name = try reader.text()
        guard let kind = StepRecord.Kind(rawValue: try reader.text()),
            let state = StepRecord.State(rawValue: try reader.text())
        else { throw unexpected("a saga's step", value) }
        let (sequence, attempt) = (try reader.number(), try reader.number())
        guard let effect = StepEffect(rawValue: try reader.text()),
            let undo = StepRecord.Undo(rawValue: try reader.text())
        else { throw unexpected("a saga's step", value) }
        return StepRecord(
            name: name,
            kind: kind,
            state: state,
            sequence: Int(sequence),
            attempt: Int(attempt),
            effect: effect,
            undo: undo,
            undoAttempt: Int(try reader.number()),
            isPivot: try reader.number() == 1,
            isLate: try reader.number() == 1,
            fingerprint: try reader.text(),
            result: try reader.bytes(),
            error: try reader.text(),
            began: try reader.time(),
            ended: try reader.timeIfAny(),
            due: try reader.timeIfAny()
        )
    }

    static func unexpected(_ function: String, _ reply: RESPValue) -> QueueError {
        QueueError(.unexpectedReply, "\(function) answered \(reply), which this version does not know")
    }
}

/// One answer of a function of sagas: a word and what follows it.
struct SagaAnswer {
    let function: String
    let words: [RESPValue]
    let word: String

    init(_ function: String, _ reply: RESPValue) throws(QueueError) {
        guard let words = reply.array, let word = words.first?.string else {
            throw SagaReader.unexpected(function, reply)
        }
        (self.function, self.words, self.word) = (function, words, word)
    }

    /// The text behind the word.
    var text: String { words.count > 1 ? words[1].bytes.map { String(decoding: $0, as: UTF8.self) } ?? "" : "" }

    func step() throws(QueueError) -> StepRecord {
        guard words.count > 1 else { throw unknown }
        return try SagaReader.step(words[1])
    }

    var unknown: QueueError { SagaReader.unexpected(function, .array(words)) }

    func move() throws(QueueError) -> SagaMove {
        switch word {
        case "moved": .moved
        case "lost": .lost
        case "refused": .refused(text)
        default: throw unknown
        }
    }
}
