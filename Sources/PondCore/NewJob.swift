/// A job to be enqueued.
public struct NewJob: Sendable {
    /// What to do.
    public var kind: JobKind
    /// The payload: opaque bytes, JSON by convention, at most 1 MiB.
    public var data: [UInt8]
    /// How and when it runs.
    public var options: EnqueueOptions

    public init(kind: JobKind, data: [UInt8] = [], options: EnqueueOptions = EnqueueOptions()) {
        self.kind = kind
        self.data = data
        self.options = options
    }
}

/// How and when a job runs.
///
/// Everything has a default.
public struct EnqueueOptions: Sendable {
    /// Runs no earlier than this long from now, by Redis' clock.
    ///
    /// Defaults to at once.
    public var delay: Duration?
    /// Runs no earlier than this moment.
    ///
    /// Defaults to at once; excludes `delay`.
    public var runAt: ServerTime?
    /// Defaults to normal.
    public var priority: Priority = .normal
    /// A second job with the same key is not run within the key's window.
    ///
    /// Defaults to none: every job runs.
    public var key: IdempotencyKey?
    /// What all tries together may take.
    ///
    /// Defaults to the kind's budget, and that to none.
    public var budget = Budget()
    /// One id per user intent.
    ///
    /// Defaults to the job's own id.
    public var correlationID: String?
    /// The job that enqueues this one.
    public var causationID: String?
    /// W3C trace context.
    public var traceparent: String?
    /// W3C trace state.
    public var tracestate: String?
    /// Defaults to the queue's class.
    public var jobClass: JobClass?
    /// Tries before the job is dead.
    ///
    /// Defaults to the kind's policy.
    public var attemptsMax: Int?
    /// The limit of one attempt.
    ///
    /// Defaults to the kind's policy.
    public var timeout: Duration?
    /// The job must not start after this moment.
    ///
    /// Defaults to never.
    public var expires: ServerTime?
    /// Further fields, handed to the handler as they are.
    public var headers: [String: String] = [:]
    /// Whether the queue's depth limit is checked, at the price of a slower enqueue.
    ///
    /// Defaults to false.
    public var checksDepth = false

    public init() {}

    /// Runs once for each key.
    ///
    /// - Throws: `PondError.invalidJob`, when the key is empty or longer than 256 bytes.
    public static func once(_ key: String) throws(PondError) -> EnqueueOptions {
        var options = EnqueueOptions()
        options.key = try IdempotencyKey(key)
        return options
    }

    /// Runs no earlier than `delay` from now.
    public static func after(_ delay: Duration) -> EnqueueOptions {
        var options = EnqueueOptions()
        options.delay = delay
        return options
    }
}

extension NewJob {
    /// The stored fields of the job, names and values alternating.
    ///
    /// - Throws: `PondError.invalidJob`, which names the field, what was given and what is allowed.
    public func fields() throws(PondError) -> [(name: String, value: [UInt8])] {
        var fields: [(name: String, value: [UInt8])] = [(WireField.kind.rawValue, Array(kind.text.utf8))]
        guard data.count <= Limits.payloadBytesMax else {
            throw PondError(
                .invalidJob,
                "data has \(data.count) bytes, allowed are \(Limits.payloadBytesMax); store it elsewhere and enqueue its address"
            )
        }
        if !data.isEmpty { fields.append((WireField.data.rawValue, data)) }
        for (field, text) in options.texts {
            guard let text else { continue }
            fields.append((field.rawValue, try EnqueueOptions.checkedValue(field.rawValue, text)))
        }
        for (field, number) in options.numbers {
            guard let number else { continue }
            fields.append((field.rawValue, try EnqueueOptions.checkedNumber(field, number)))
        }
        for (name, value) in options.headers.sorted(by: { $0.key < $1.key }) {
            fields.append((try EnqueueOptions.checkedHeader(name), try EnqueueOptions.checkedValue(name, value)))
        }
        guard fields.count <= Limits.fieldsMax else {
            throw PondError(.invalidJob, "the job has \(fields.count) fields, allowed are \(Limits.fieldsMax)")
        }
        return fields
    }
}

extension EnqueueOptions {
    fileprivate var texts: [(WireField, String?)] {
        [
            (.key, key?.text), (.correlationID, correlationID), (.causationID, causationID),
            (.traceparent, traceparent), (.tracestate, tracestate),
            (.jobClass, jobClass?.rawValue),
        ]
    }

    fileprivate var numbers: [(WireField, Int64?)] {
        [
            (.attemptsMax, attemptsMax.map { Int64($0) }),
            (.timeout, timeout?.wholeMilliseconds),
            (.expires, expires?.milliseconds),
            (.budgetWall, budget.wall?.wholeMilliseconds),
            (.budgetCPU, budget.cpu?.wholeMilliseconds),
            (.budgetUSD, budget.usd?.micros),
        ]
    }

    fileprivate static func checkedHeader(_ name: String) throws(PondError) -> String {
        guard !name.isEmpty, name.utf8.count <= Limits.kindBytesMax else {
            throw PondError(.invalidJob, "header name \"\(name.prefix(100))\" is not 1 to \(Limits.kindBytesMax) bytes")
        }
        if WireField(rawValue: name) != nil {
            throw PondError(.invalidJob, "\(name) is a field of the wire format and cannot be a header")
        }
        guard !["delay_ms", "run_at_ms", "priority"].contains(name) else {
            throw PondError(.invalidJob, "\(name) is an argument of enqueue and cannot be a header")
        }
        return name
    }

    fileprivate static func checkedNumber(_ field: WireField, _ number: Int64) throws(PondError) -> [UInt8] {
        if let range = field.range, !range.contains(number) {
            throw PondError(
                .invalidJob,
                "\(field.rawValue) is \(number), allowed is a whole number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return Array(String(number).utf8)
    }

    fileprivate static func checkedValue(_ name: String, _ value: String) throws(PondError) -> [UInt8] {
        let bytes = Array(value.utf8)
        guard bytes.count <= Limits.headerValueBytesMax else {
            throw PondError(.invalidJob, "\(name) has \(bytes.count) bytes, allowed are \(Limits.headerValueBytesMax)")
        }
        return bytes
    }
}
