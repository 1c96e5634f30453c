// A stream entry's flat fields, read into a job. Entries come from anybody who can speak to Redis, so nothing about
// them is trusted: every field is bounded and checked here, and what does not hold is a `Malformation`, never a crash.

/// Why an entry is no job that this version can run.
public struct Malformation: Error, Sendable, Hashable, CustomStringConvertible {
    /// Which field, what it held, what is allowed.
    public let text: String

    package init(_ text: String) {
        self.text = text
    }

    public var description: String { text }
}

/// A stream entry's fields in order, as bytes.
public struct Envelope: Sendable {
    /// Field names and values, alternating.
    public let flat: [[UInt8]]

    public init(flat: [[UInt8]]) {
        self.flat = flat
    }

    /// Reads the fields into a job.
    ///
    /// - Parameters:
    ///   - queue: the queue that the entry came from.
    ///   - ownID: the job's id, when no `id` field says that it was moved.
    ///   - entryTime: the time in the entry's id, for a job that was never moved.
    /// - Throws: `Malformation`, which names the first field that does not hold.
    public func job(queue: QueueName, ownID: JobID, entryTime: ServerTime) throws(Malformation) -> Job {
        let fields = try EnvelopeFields(flat)
        guard let kindBytes = fields.bytes(.kind) else { throw Malformation("the entry has no field kind") }
        guard let kind = JobKind(bytes: kindBytes) else {
            throw Malformation(
                "kind is \(preview(kindBytes)), allowed is [A-Za-z0-9][A-Za-z0-9._:-]{0,\(Limits.kindBytesMax - 1)}"
            )
        }
        let id = try fields.text(.id).map { JobID($0) } ?? ownID
        return Job(
            id: id,
            queue: queue,
            kind: kind,
            data: fields.bytes(.data) ?? [],
            key: try fields.key(),
            correlationID: try fields.text(.correlationID) ?? id.text,
            causationID: try fields.text(.causationID),
            traceparent: try fields.text(.traceparent),
            tracestate: try fields.text(.tracestate),
            jobClass: try fields.jobClass(),
            attemptsMax: try fields.number(.attemptsMax).map { Int($0) },
            timeout: try fields.number(.timeout).map { .milliseconds($0) },
            expires: try fields.number(.expires).map { ServerTime(milliseconds: $0) },
            attempt: Int(try fields.number(.attempt) ?? 0) + 1,
            recoveries: Int(try fields.number(.recoveries) ?? 0),
            fence: try fields.number(.fence) ?? 0,
            budget: Budget(
                wall: try fields.number(.budgetWall).map { .milliseconds($0) },
                cpu: try fields.number(.budgetCPU).map { .milliseconds($0) },
                usd: try fields.number(.budgetUSD).map { USD(micros: $0) }
            ),
            spent: Spending(
                wall: .milliseconds(try fields.number(.spentWall) ?? 0),
                cpu: .milliseconds(try fields.number(.spentCPU) ?? 0),
                usd: USD(micros: try fields.number(.spentUSD) ?? 0)
            ),
            enqueuedAt: try fields.number(.enqueuedAt).map { ServerTime(milliseconds: $0) } ?? entryTime,
            waited: try fields.number(.waited).map { .milliseconds($0) },
            phase: try fields.phase(),
            // For people only, so bytes that are no text are shown as such and do not make the job malformed.
            lastError: fields.bytes(.lastError).map { String(decoding: $0, as: UTF8.self) },
            headers: fields.headers
        )
    }
}

/// The fields sorted into those that Millpond knows and the headers.
///
/// A job has two or three known fields, and a list of so few is searched faster than a dictionary is made.
private struct EnvelopeFields {
    private var known: [(field: WireField, value: [UInt8])] = []
    private(set) var headers: [String: String] = [:]

    init(_ flat: [[UInt8]]) throws(Malformation) {
        guard flat.count.isMultiple(of: 2) else { throw Malformation("the entry has a field without a value") }
        // The library's own fields come on top of what a producer may give.
        guard flat.count / 2 <= Limits.fieldsMax + WireField.allCases.count else {
            throw Malformation("the entry has \(flat.count / 2) fields, allowed are \(Limits.fieldsMax)")
        }
        known.reserveCapacity(min(flat.count / 2, WireField.allCases.count))
        for index in stride(from: 0, to: flat.count, by: 2) { try add(flat[index], flat[index + 1]) }
        let given = headers.count + known.count { !$0.field.isOwnedByLibrary }
        guard given <= Limits.fieldsMax else {
            throw Malformation("the entry has \(given) fields, allowed are \(Limits.fieldsMax)")
        }
    }

    func bytes(_ field: WireField) -> [UInt8]? {
        // By index: a closure would be handed a copy of each value on the way.
        for index in known.indices where known[index].field == field { return known[index].value }
        return nil
    }

    private mutating func add(_ nameBytes: [UInt8], _ value: [UInt8]) throws(Malformation) {
        if let field = WireField(name: nameBytes) { return try add(field, value) }
        guard nameBytes.count <= Limits.kindBytesMax, !nameBytes.isEmpty,
            let name = String(validating: nameBytes, as: UTF8.self)
        else {
            throw Malformation(
                "field name \(preview(nameBytes)) of \(nameBytes.count) bytes is not 1 to \(Limits.kindBytesMax) bytes of UTF-8"
            )
        }
        guard headers[name] == nil else { throw Malformation("field \(name) is given twice") }
        headers[name] = try EnvelopeFields.header(name, value)
    }

    private mutating func add(_ field: WireField, _ value: [UInt8]) throws(Malformation) {
        let bytesMax = field == .data ? Limits.payloadBytesMax : Limits.headerValueBytesMax
        guard value.count <= bytesMax else {
            throw Malformation("\(field.rawValue) has \(value.count) bytes, allowed are \(bytesMax)")
        }
        guard bytes(field) == nil else { throw Malformation("field \(field.rawValue) is given twice") }
        known.append((field, value))
    }

    private static func header(_ name: String, _ value: [UInt8]) throws(Malformation) -> String {
        guard value.count <= Limits.headerValueBytesMax, let text = String(validating: value, as: UTF8.self) else {
            throw Malformation(
                "header \(name) of \(value.count) bytes is not at most \(Limits.headerValueBytesMax) bytes of UTF-8"
            )
        }
        return text
    }

    func text(_ field: WireField) throws(Malformation) -> String? {
        guard let bytes = bytes(field) else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Malformation("\(field.rawValue) is \(preview(bytes)), which is not UTF-8")
        }
        return text
    }

    func number(_ field: WireField) throws(Malformation) -> Int64? {
        guard let bytes = bytes(field), let range = field.range else { return nil }
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard bytes.allSatisfy(digits.contains), let number = Int64(String(decoding: bytes, as: UTF8.self)),
            range.contains(number)
        else {
            throw Malformation(
                "\(field.rawValue) is \(preview(bytes)), allowed is a whole number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    func key() throws(Malformation) -> IdempotencyKey? {
        guard let text = try text(.key) else { return nil }
        do { return try IdempotencyKey(text) } catch { throw Malformation(error.message) }
    }

    func phase() throws(Malformation) -> JobPhase? {
        guard let bytes = bytes(.phase) else { return nil }
        // Never taken for the job's own work: what is to be undone must not be done again.
        guard let phase = JobPhase(rawValue: String(decoding: bytes, as: UTF8.self)) else {
            throw Malformation("phase is \(preview(bytes)), allowed is compensate")
        }
        return phase
    }

    func jobClass() throws(Malformation) -> JobClass? {
        guard let text = try text(.jobClass) else { return nil }
        guard let jobClass = JobClass(rawValue: text) else {
            throw Malformation("class is \"\(text.prefix(20))\", allowed is A, B, C or D")
        }
        return jobClass
    }
}

/// The first bytes in a form that is safe to print.
private func preview(_ bytes: [UInt8]) -> String {
    let shown = bytes.prefix(40).map { byte -> String in
        (0x20...0x7e).contains(byte) ? String(UnicodeScalar(byte)) : "?"
    }
    return "\"\(shown.joined())\"" + (bytes.count > 40 ? "…" : "")
}
