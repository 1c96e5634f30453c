public import PondCore

/// What a handler is told of its job in a test; everything has a default.
public struct TestJob: Sendable {
    /// The queue that the job comes from.
    ///
    /// Defaults to `test`.
    public var queue = "test"
    /// Defaults to `1-0`.
    public var id = "1-0"
    /// The number of this try, from 1.
    ///
    /// Defaults to 1.
    public var attempt = 1
    /// How often the job's worker died.
    ///
    /// Defaults to never.
    public var recoveries = 0
    /// How often the job was moved.
    ///
    /// Defaults to 0.
    public var fence: Int64 = 0
    /// The key, the correlation id, headers and limits that its producer gave.
    ///
    /// Defaults to none.
    public var options = EnqueueOptions()
    /// What earlier tries have spent.
    ///
    /// Defaults to nothing.
    public var spent = Spending()
    /// The text of the last try's error.
    ///
    /// Defaults to none.
    public var lastError: String?
    /// The limits that have no room when the handler asks for them (`job.limit`), and for how long; all others have some.
    ///
    /// A wait of up to 30 seconds passes on the clock that is given; with a longer one the handler gets `LimitReached`.
    /// Defaults to none.
    public var limited: [String: Duration] = [:]
    /// Whether the job is to be undone and not done.
    ///
    /// Defaults to false.
    public var isCompensation = false
    /// Whether steps of it are remembered, and whether those are to be undone.
    var isSaga = false
    var isUndoing = false

    public init() {}

    /// A job with some of it changed: `TestJob { $0.attempt = 3 }`.
    public init(_ change: (inout TestJob) throws -> Void) rethrows {
        try change(&self)
    }

    /// The job as a worker would have read it, bounds and all.
    func job(kind: String, data: [UInt8]) throws -> Job {
        let new = NewJob(kind: try JobKind(kind), data: data, options: options)
        var flat: [[UInt8]] = []
        for (name, value) in try new.fields() { flat += [Array(name.utf8), value] }
        for (field, value) in owned { flat += [Array(field.rawValue.utf8), Array(value.utf8)] }
        return try Envelope(flat: flat).job(
            queue: try QueueName(queue),
            ownID: JobID(id),
            entryTime: WallClock.read()
        )
    }

    /// What the library itself notes on a job that is not new.
    private var owned: [(WireField, String)] {
        var fields: [(WireField, String)] = []
        if attempt > 1 { fields.append((.attempt, "\(attempt - 1)")) }
        if recoveries > 0 { fields.append((.recoveries, "\(recoveries)")) }
        if fence > 0 { fields.append((.fence, "\(fence)")) }
        if spent.wall > .zero { fields.append((.spentWall, "\(spent.wall.wholeMilliseconds)")) }
        if spent.cpu > .zero { fields.append((.spentCPU, "\(spent.cpu.wholeMilliseconds)")) }
        if spent.usd > .zero { fields.append((.spentUSD, "\(spent.usd.micros)")) }
        if let lastError { fields.append((.lastError, lastError)) }
        if isCompensation { fields.append((.phase, JobPhase.compensate.rawValue)) }
        if isSaga { fields.append((.saga, "1")) }
        if isUndoing { fields.append((.phase, JobPhase.undo.rawValue)) }
        return fields
    }
}
