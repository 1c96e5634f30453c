/// A job to be enqueued.
public struct NewJob: Sendable {
    /// What to do.
    public var kind: JobKind
    /// The payload: opaque bytes, JSON by convention, at most 1 MiB.
    public var data: [UInt8]
    /// How and when it runs.
    public var options: EnqueueOptions

    /// A job of a kind that may have no handler here; `data` is JSON by convention.
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
    /// What all jobs of its intent together may take.
    ///
    /// Defaults to none, and for a job that another job enqueues to that job's.
    public var intentBudget: IntentBudget?
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
    /// The limits that the job needs before it may run, all at once: `openai`, or several with costs and values of the job,
    /// as in `openai,tenant:{tenant},openai-tokens@{/max_tokens}`.
    ///
    /// Defaults to what the kind's handler is registered with, and that to none.
    public var limit: String?
    /// Further fields, handed to the handler as they are.
    public var headers: [String: String] = [:]
    /// Whether the queue's depth limit is checked, at the price of a slower enqueue.
    ///
    /// Defaults to false.
    public var checksDepth = false

    /// Every option at its default.
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
    /// The same job as one that another job's handler adds: it inherits that job's correlation id and trace, and names it as
    /// what caused it, where it says nothing of its own.
    public func caused(by parent: Job) -> NewJob {
        var child = self
        child.options.correlationID = child.options.correlationID ?? parent.correlationID
        child.options.causationID = child.options.causationID ?? parent.id.text
        child.options.inheritBudget(of: parent)
        if child.options.traceparent == nil {
            child.options.traceparent = parent.traceparent
            child.options.tracestate = child.options.tracestate ?? parent.tracestate
        }
        return child
    }

    /// The stored fields of the job, names and values.
    ///
    /// - Throws: `PondError.invalidJob`, which names the field, what was given and what is allowed.
    package func fields() throws(PondError) -> [(name: String, value: [UInt8])] {
        var fields = StoredFields()
        try store(in: &fields)
        return fields.all.map { ($0.name, $0.value.bytes) }
    }

    /// Puts the stored fields of the job in the place of what `fields` holds.
    ///
    /// - Throws: as `fields()`.
    package func store(in fields: inout StoredFields) throws(PondError) {
        fields.removeAll()
        fields.append(WireField.kind.rawValue, .text(kind.text))
        guard data.count <= Limits.payloadBytesMax else {
            throw PondError(
                .invalidJob,
                "data has \(data.count) bytes, allowed are \(Limits.payloadBytesMax); store it elsewhere and enqueue its address"
            )
        }
        if !data.isEmpty { fields.append(WireField.data.rawValue, .bytes(data)) }
        try options.store(in: &fields)
        guard fields.all.count <= Limits.fieldsMax else {
            throw PondError(.invalidJob, "the job has \(fields.all.count) fields, allowed are \(Limits.fieldsMax)")
        }
    }
}

extension EnqueueOptions {
    /// Shares the budget of the intent, where both jobs are of one.
    package mutating func inheritBudget(of parent: Job) {
        guard parent.intentBudget != nil, intentBudget == nil, correlationID == parent.correlationID else { return }
        intentBudget = .inherited
    }

    fileprivate func store(in fields: inout StoredFields) throws(PondError) {
        try fields.append(.key, key?.text)
        try fields.append(.correlationID, correlationID)
        try fields.append(.causationID, causationID)
        try fields.append(.traceparent, traceparent)
        try fields.append(.tracestate, tracestate)
        try fields.append(.jobClass, jobClass?.rawValue)
        try fields.append(.attemptsMax, attemptsMax.map { Int64($0) })
        try fields.append(.timeout, timeout?.wholeMilliseconds)
        try fields.append(.expires, expires?.milliseconds)
        try fields.append(.budgetWall, budget.wall?.wholeMilliseconds)
        try fields.append(.budgetCPU, budget.cpu?.wholeMilliseconds)
        try fields.append(.budgetUSD, budget.usd?.micros)
        if let limit { fields.append(WireField.limit.rawValue, .text(try LimitNeed(limit).text)) }
        if let intentBudget { try fields.append(.intentBudget, intentBudget.description) }
        guard !headers.isEmpty else { return }
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) { try fields.append(header: name, value) }
    }
}

extension StoredFields {
    fileprivate mutating func append(_ field: WireField, _ text: String?) throws(PondError) {
        guard let text else { return }
        try appendChecked(field.rawValue, text)
    }

    fileprivate mutating func append(_ field: WireField, _ number: Int64?) throws(PondError) {
        guard let number else { return }
        if let range = field.range, !range.contains(number) {
            throw PondError(.invalidJob, field.refusal(of: number, given: "\(number)"))
        }
        append(field.rawValue, .number(number))
    }

    fileprivate mutating func append(header name: String, _ text: String) throws(PondError) {
        guard !name.isEmpty, name.utf8.count <= Limits.kindBytesMax else {
            throw PondError(.invalidJob, "header name \"\(name.prefix(100))\" is not 1 to \(Limits.kindBytesMax) bytes")
        }
        if WireField(rawValue: name) != nil {
            throw PondError(.invalidJob, "\(name) is a field of the wire format and cannot be a header")
        }
        guard EnqueueArgument(rawValue: name) == nil else {
            throw PondError(.invalidJob, "\(name) is an argument of enqueue and cannot be a header")
        }
        try appendChecked(name, text)
    }

    private mutating func appendChecked(_ name: String, _ text: String) throws(PondError) {
        let count = text.utf8.count
        guard count <= Limits.headerValueBytesMax else {
            throw PondError(.invalidJob, "\(name) has \(count) bytes, allowed are \(Limits.headerValueBytesMax)")
        }
        append(name, .text(text))
    }
}
