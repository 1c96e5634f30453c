import PondCore
import PondRedis
import PondSaga

/// Reads what the functions of sagas answer.
enum SagaReader {
    /// `{HEADER, STEP, …}` of `pond_saga`; nil for a job that is no saga.
    static func page(_ reply: RESPValue) throws(QueueError) -> SagaPage? {
        guard let parts = reply.array else { throw unexpected("pond_saga", reply) }
        guard let head = parts.first else { return nil }
        var reader = try ReplyReader("pond_saga", head)
        let facts = try reader.namedTexts()
        guard let state = facts["state"].flatMap({ SagaRecord.State(rawValue: $0) }) else {
            throw unexpected("pond_saga", head)
        }
        var page = SagaPage(
            record: SagaRecord(
                state: state,
                since: ServerTime(milliseconds: facts["since_ms"].flatMap { Int64($0) } ?? 0),
                reason: facts["reason"] ?? "",
                steps: []
            ),
            facts: facts
        )
        page.record.keyBase = facts["keys"]
        page.record.before = facts["before"].flatMap { SagaRecord.State(rawValue: $0) }
        page.record.turnReason = facts["turn_reason"]
        page.record.goesForward = facts["forward"] != nil
        page.record.turn = facts["turn"].flatMap { SagaRecord.State(rawValue: $0) }
        page.record.steps.reserveCapacity(parts.count - 1)
        for part in parts.dropFirst() {
            let step = try step(part)
            page.record.steps.append(step)
            guard step.kind == .signal, step.state == .waiting else { continue }
            // What waits for a signal has its name behind all else; older libraries do not say it.
            page.signals[step.name] = part.array.flatMap { $0.count > 16 ? $0[16].string : nil }
        }
        return page
    }

    /// The 18 words of one step, of an older library one fewer.
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
        var record = StepRecord(
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
        _ = reader.isAtEnd ? "" : try reader.text()
        if !reader.isAtEnd, case let base = try reader.text(), !base.isEmpty { record.keyBase = base }
        return record
    }

    static func unexpected(_ function: String, _ reply: RESPValue) -> QueueError {
        QueueError(.unexpectedReply, "\(function) answered \(reply), which this version does not know")
    }
}

/// Some of what is remembered of a saga, or all of it.
struct SagaPage {
    var record: SagaRecord
    /// The header as it was told.
    let facts: [String: String]
    /// Which signals its open waits are for, by the step's name.
    var signals: [String: String] = [:]

    /// Behind which the next page begins; nil when there is none.
    var cursor: String? { facts["cursor"].flatMap { $0 == "0" ? nil : $0 } }

    /// The same with the steps of the pages before it, which may have some of this one's.
    func behind(_ earlier: SagaPage) -> SagaPage {
        var all = self
        let names = Set(record.steps.map(\.name))
        all.record.steps = earlier.record.steps.filter { !names.contains($0.name) } + record.steps
        let signals = earlier.signals.filter { !names.contains($0.key) }
        all.signals.merge(signals) { now, _ in now }
        return all
    }
}

extension Queue {
    /// All that is remembered of a saga, in as many calls as it takes; most have room in one.
    func sagaPages(_ id: JobID, withResults: Bool) async throws(QueueError) -> SagaPage? {
        var all: SagaPage?
        var cursor: String? = "0"
        while let from = cursor {
            let arguments: [RedisArgument] = [
                .text(id.text), withResults ? "" : "brief", .text(from), .integer(Int64(Limits.sagaPageMax)),
            ]
            let reply = try await pond.call("pond_saga", keys, arguments, readOnly: true)
            guard let page = try SagaReader.page(reply) else { return nil }
            all = all.map { page.behind($0) } ?? page
            cursor = page.cursor
        }
        all?.record.steps.sort { $0.sequence < $1.sequence }
        return all
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
