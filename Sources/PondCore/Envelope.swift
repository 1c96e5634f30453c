// A stream entry's flat fields, read into a job. Entries come from anybody who can speak to Redis, so nothing about
// them is trusted: every field is bounded and checked here, and what does not hold is a `Malformation`, never a crash.

/// Why an entry is no job that this version can run.
package struct Malformation: Error, Sendable, Hashable, CustomStringConvertible {
    /// Which field, what it held, what is allowed.
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    package var description: String { text }
}

/// A stream entry's fields in order, as bytes.
package struct Envelope: Sendable {
    /// Field names and values, alternating.
    package let flat: [ArraySlice<UInt8>]

    /// The fields of an entry, names and values alternating.
    package init(flat: [[UInt8]]) {
        self.flat = flat.map { $0[...] }
    }

    /// Reads the fields into a job.
    ///
    /// - Parameters:
    ///   - queue: the queue that the entry came from.
    ///   - ownID: the job's id, when no `id` field says that it was moved.
    ///   - entryTime: the time in the entry's id, for a job that was never moved.
    /// - Throws: `Malformation`, which names the first field that does not hold.
    package func job(queue: QueueName, ownID: JobID, entryTime: ServerTime) throws(Malformation) -> Job {
        try Envelope.job(partCount: flat.count, part: { flat[$0] }, queue: queue, ownID: ownID, entryTime: entryTime)
    }

    /// The same of fields that lie somewhere else, where nobody collects them for it.
    ///
    /// - Parameters:
    ///   - partCount: how many names and values there are together.
    ///   - previous: the kind of the job before it, which is mostly this one's too and need not be read anew.
    ///   - part: the name or value at a place.
    /// - Throws: `Malformation`, as for an envelope.
    package static func job(
        partCount: Int,
        part: (Int) -> ArraySlice<UInt8>,
        queue: QueueName,
        ownID: JobID,
        entryTime: ServerTime,
        likely previous: JobKind? = nil
    ) throws(Malformation) -> Job {
        guard partCount.isMultiple(of: 2) else { throw Malformation("the entry has a field without a value") }
        // The library's own fields come on top of what a producer may give.
        guard partCount / 2 <= Limits.fieldsMax + WireField.allCases.count else {
            throw Malformation("the entry has \(partCount / 2) fields, allowed are \(Limits.fieldsMax)")
        }
        var reader = EnvelopeReader(likely: previous)
        for index in stride(from: 0, to: partCount, by: 2) { try reader.add(part(index), part(index + 1)) }
        guard reader.given <= Limits.fieldsMax else {
            throw Malformation("the entry has \(reader.given) fields, allowed are \(Limits.fieldsMax)")
        }
        guard let kind = reader.kind else { throw Malformation("the entry has no field kind") }
        let rare = reader.rare
        let id = rare?.id ?? ownID
        return Job(
            id: id,
            queue: queue,
            kind: kind,
            data: reader.data,
            key: reader.key,
            correlationID: rare?.correlationID ?? id.text,
            causationID: rare?.causationID,
            traceparent: rare?.traceparent,
            tracestate: rare?.tracestate,
            jobClass: rare?.jobClass,
            attemptsMax: rare?.attemptsMax,
            timeout: rare?.timeout,
            expires: rare?.expires,
            limit: rare?.limit,
            attempt: (rare?.attempt ?? 0) + 1,
            recoveries: rare?.recoveries ?? 0,
            fence: rare?.fence ?? 0,
            budget: rare?.budget ?? Budget(),
            spent: rare?.spent ?? Spending(),
            intentBudget: rare?.intentBudget,
            enqueuedAt: rare?.enqueuedAt ?? entryTime,
            waited: rare?.waited,
            phase: rare?.phase,
            isSaga: rare?.isSaga ?? false,
            isChild: rare?.isChild ?? false,
            lastError: rare?.lastError,
            unhandledSince: rare?.unhandledSince,
            headers: rare?.headers ?? [:]
        )
    }
}

/// What the fields read so far say of the job.
private struct EnvelopeReader {
    /// What few jobs have: for the others none of it is made, counted or let go.
    final class Rare {
        var id: JobID?
        var correlationID, causationID, traceparent, tracestate: String?
        var jobClass: JobClass?
        var attemptsMax: Int?
        var timeout: Duration?
        var expires: ServerTime?
        var limit: String?
        var attempt = 0
        var recoveries = 0
        var fence: Int64 = 0
        var budget = Budget()
        var spent = Spending()
        var intentBudget: String?
        var enqueuedAt: ServerTime?
        var waited: Duration?
        var phase: JobPhase?
        var isSaga = false
        var isChild = false
        var lastError: String?
        var unhandledSince: ServerTime?
        var headers: [String: String] = [:]
    }

    var kind: JobKind?
    var data: [UInt8] = []
    var key: IdempotencyKey?
    /// Nil while there was none of it.
    private(set) var rare: Rare?
    private let likelyKind: JobKind?
    /// How many fields there were that are a producer's to give.
    private(set) var given = 0
    /// The known fields that there were, a bit each.
    private var seen: UInt64 = 0

    init(likely kind: JobKind?) {
        likelyKind = kind
    }

    private mutating func others() -> Rare {
        if let rare { return rare }
        let made = Rare()
        rare = made
        return made
    }

    mutating func add(_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) throws(Malformation) {
        guard let place = WireField.place(of: name) else {
            given += 1
            return try addHeader(name, value)
        }
        let field = WireField.allCases[place]
        let bytesMax = field == .data ? Limits.payloadBytesMax : Limits.headerValueBytesMax
        guard value.count <= bytesMax else {
            throw Malformation("\(field.rawValue) has \(value.count) bytes, allowed are \(bytesMax)")
        }
        guard seen & (1 << UInt64(place)) == 0 else { throw Malformation("field \(field.rawValue) is given twice") }
        seen |= 1 << UInt64(place)
        if !field.isOwnedByLibrary { given += 1 }
        try read(FieldValue(field, value))
    }

    private mutating func read(_ value: FieldValue) throws(Malformation) {
        switch value.field {
        case .kind: kind = try value.kind(likely: likelyKind)
        case .data: data = value.bytes.withUnsafeBufferPointer { Array($0) }
        case .key: key = try value.key()
        // Of no use to a worker.
        case .unstarted, .interrupted, .recoveredAt, .parentStep, .parentIndex, .budgetWait: break
        default: try others().read(value)
        }
    }

    private mutating func addHeader(
        _ nameBytes: ArraySlice<UInt8>,
        _ value: ArraySlice<UInt8>
    ) throws(Malformation) {
        guard nameBytes.count <= Limits.kindBytesMax, !nameBytes.isEmpty,
            let name = String(utf8: nameBytes)
        else {
            throw Malformation(
                "field name \(preview(nameBytes)) of \(nameBytes.count) bytes is not 1 to \(Limits.kindBytesMax) bytes of UTF-8"
            )
        }
        if let argument = EnqueueArgument(rawValue: name) { throw Malformation(argument.misplacedText) }
        guard rare?.headers[name] == nil else { throw Malformation("field \(name) is given twice") }
        guard value.count <= Limits.headerValueBytesMax, let text = String(utf8: value) else {
            throw Malformation(
                "header \(name) of \(value.count) bytes is not at most \(Limits.headerValueBytesMax) bytes of UTF-8"
            )
        }
        others().headers[name] = text
    }
}

extension EnvelopeReader.Rare {
    fileprivate func read(_ value: FieldValue) throws(Malformation) {
        switch value.field {
        case .correlationID: correlationID = try value.text()
        case .causationID: causationID = try value.text()
        case .traceparent: traceparent = try value.text()
        case .tracestate: tracestate = try value.text()
        case .jobClass: jobClass = try value.jobClass()
        case .attemptsMax: attemptsMax = Int(try value.number())
        case .timeout: timeout = try value.duration()
        case .expires: expires = ServerTime(milliseconds: try value.number())
        // Read by Redis alone, for which a need that it cannot read is none.
        case .limit: limit = try value.text()
        case .budgetWall: budget.wall = try value.duration()
        case .budgetCPU: budget.cpu = try value.duration()
        case .budgetUSD: budget.usd = USD(micros: try value.number())
        case .intentBudget: intentBudget = try value.intentBudget()
        case .id: id = JobID(try value.text())
        case .enqueuedAt: enqueuedAt = ServerTime(milliseconds: try value.number())
        case .attempt: attempt = Int(try value.number())
        case .recoveries: recoveries = Int(try value.number())
        case .fence: fence = try value.number()
        case .spentWall: spent.wall = try value.duration()
        case .spentCPU: spent.cpu = try value.duration()
        case .spentUSD: spent.usd = USD(micros: try value.number())
        case .waited: waited = try value.duration()
        case .phase: phase = try value.phase()
        case .saga: isSaga = true
        case .parent: isChild = true
        // For people only, so bytes that are no text are shown as such and do not make the job malformed.
        case .lastError: lastError = String(decoding: value.bytes, as: UTF8.self)
        // Tells a worker how long to wait, and nothing else, so one that is no time is none.
        case .unhandledSince: unhandledSince = Int64(digits: value.bytes).map { ServerTime(milliseconds: $0) }
        case .kind, .data, .key, .unstarted, .interrupted, .recoveredAt, .parentStep, .parentIndex, .budgetWait: break
        }
    }
}

/// The value of a known field, read as what the field holds.
private struct FieldValue {
    let field: WireField
    let bytes: ArraySlice<UInt8>

    init(_ field: WireField, _ bytes: ArraySlice<UInt8>) {
        self.field = field
        self.bytes = bytes
    }

    func text() throws(Malformation) -> String {
        guard let text = String(utf8: bytes) else {
            throw Malformation("\(field.rawValue) is \(preview(bytes)), which is not UTF-8")
        }
        return text
    }

    /// Of a field that holds a number; of any other there is none.
    func number() throws(Malformation) -> Int64 {
        let number = Int64(digits: bytes)
        guard let number, let range = field.range, range.contains(number) else {
            throw Malformation(field.refusal(of: number ?? -1, given: preview(bytes)))
        }
        return number
    }

    func duration() throws(Malformation) -> Duration { .milliseconds(try number()) }

    func kind(likely: JobKind?) throws(Malformation) -> JobKind {
        if let likely, likely.hasBytes(bytes) { return likely }
        guard let kind = JobKind(bytes: bytes) else {
            throw Malformation(
                "kind is \(preview(bytes)), allowed is [A-Za-z0-9][A-Za-z0-9._:-]{0,\(Limits.kindBytesMax - 1)}"
            )
        }
        return kind
    }

    func key() throws(Malformation) -> IdempotencyKey {
        let text = try text()
        do { return try IdempotencyKey(text) } catch { throw Malformation(error.message) }
    }

    /// Read here, so that one that cannot be meant is no job, and not one without a limit.
    func intentBudget() throws(Malformation) -> String {
        let text = try text()
        do { _ = try IntentBudget(text) } catch { throw Malformation("intent_\(error.message)") }
        return text
    }

    func phase() throws(Malformation) -> JobPhase {
        // Never taken for the job's own work: what is to be undone must not be done again.
        guard let phase = JobPhase(rawValue: String(decoding: bytes, as: UTF8.self)) else {
            throw Malformation("phase is \(preview(bytes)), allowed is compensate or undo")
        }
        return phase
    }

    func jobClass() throws(Malformation) -> JobClass {
        let text = try text()
        guard let jobClass = JobClass(rawValue: text) else {
            throw Malformation("class is \"\(text.prefix(20))\", allowed is A, B, C or D")
        }
        return jobClass
    }
}

/// The first bytes in a form that is safe to print.
private func preview(_ bytes: ArraySlice<UInt8>) -> String {
    let shown = bytes.prefix(40).map { byte -> String in
        (0x20...0x7e).contains(byte) ? String(UnicodeScalar(byte)) : "?"
    }
    return "\"\(shown.joined())\"" + (bytes.count > 40 ? "…" : "")
}
