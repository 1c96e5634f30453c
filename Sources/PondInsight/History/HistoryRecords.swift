package import PondCore
package import PondSQLite

// The history as programs read it.

/// Something that happened to a job.
package struct HistoryEventRecord: Sendable, Hashable, Codable {
    /// What, as in `done`.
    package var event: String
    /// When.
    @Moment package var at: ServerTime?
    /// The worker that wrote it.
    @OrNull package var worker: String?
    /// The number of the try, from 1.
    @OrNull package var attempt: Int?
    /// How long the job had been ready when the try began.
    @OrNull package var waited: Seconds?
    /// How long the try ran.
    @OrNull package var ran: Seconds?
    /// When the job is due after it.
    @Moment package var due: ServerTime?
    /// Why the job is dead.
    @OrNull package var cause: String?
    /// The failure's group, as in `E-1f3a9c2e`.
    @OrNull package var group: String?
    /// The step of a saga that it tells of.
    @OrNull package var step: String?
    /// The words behind the job's id.
    package var words: [String]
    /// The error, note or reason that came with it.
    @OrNull package var text: String?

    /// What is known, as programs read it.
    package init(_ event: HistoryEvent) {
        (self.event, words) = (event.what.name, event.words)
        _at = Moment(wrappedValue: event.time)
        _worker = OrNull(wrappedValue: event.by)
        _attempt = OrNull(wrappedValue: event.attempt)
        _waited = OrNull(wrappedValue: event.wait.map { Seconds(wrappedValue: $0) })
        _ran = OrNull(wrappedValue: event.run.map { Seconds(wrappedValue: $0) })
        _due = Moment(wrappedValue: event.due)
        _cause = OrNull(wrappedValue: event.cause)
        _group = OrNull(wrappedValue: event.group.map { "E-\($0)" })
        _step = OrNull(wrappedValue: event.step)
        _text = OrNull(wrappedValue: event.text)
    }
}

/// A job, and the last that happened to it.
package struct HistoryJobRecord: Sendable, Hashable, Codable {
    /// Its id and its queue.
    package var id, queue: String
    /// What it is.
    @OrNull package var kind: String?
    /// The id of its intent.
    package var correlationID: String
    /// The job that enqueued it.
    @OrNull package var causationID: String?
    /// Its class.
    @OrNull package var jobClass: String?
    /// When it was seen to be enqueued.
    @Moment package var enqueuedAt: ServerTime?
    /// When the history first heard of it.
    @Moment package var firstAt: ServerTime?
    /// How many events the history has had of it.
    package var eventCount: Int
    /// The last event that changed something for it.
    @OrNull package var last: HistoryEventRecord?

    private enum CodingKeys: String, CodingKey {
        case id, queue, kind, last
        case correlationID = "correlation_id"
        case causationID = "causation_id"
        case jobClass = "class"
        case enqueuedAt = "enqueued_at"
        case firstAt = "first_at"
        case eventCount = "event_count"
    }

    /// What is known, as programs read it.
    package init(_ job: HistoryJob) {
        (id, queue, correlationID, eventCount) = (job.id.text, job.queue, job.correlationID, job.eventCount)
        _kind = OrNull(wrappedValue: job.kind)
        _causationID = OrNull(wrappedValue: job.causationID)
        _jobClass = OrNull(wrappedValue: job.jobClass)
        _enqueuedAt = Moment(wrappedValue: job.enqueuedAt)
        _firstAt = Moment(wrappedValue: job.firstAt)
        _last = OrNull(wrappedValue: job.last.map { HistoryEventRecord($0) })
    }
}

/// Something that a search has found: the job's members, and `hit`.
package struct HistoryHitRecord: Sendable, Hashable, Codable {
    /// The job.
    package var job: HistoryJobRecord
    /// What happened to it that was searched for.
    package var hit: HistoryEventRecord

    private enum CodingKeys: String, CodingKey {
        case hit
    }

    /// What is known, as programs read it.
    package init(_ found: HistoryHit) {
        (job, hit) = (HistoryJobRecord(found.job), HistoryEventRecord(found.event))
    }

    /// Reads what `encode(to:)` has written.
    package init(from decoder: any Decoder) throws {
        job = try HistoryJobRecord(from: decoder)
        hit = try decoder.container(keyedBy: CodingKeys.self).decode(HistoryEventRecord.self, forKey: .hit)
    }

    package func encode(to encoder: any Encoder) throws {
        try job.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(hit, forKey: .hit)
    }
}

/// A job with everything that happened to it: the job's members, `events` and `cut`.
package struct HistoryStoryRecord: Sendable, Hashable, Codable {
    /// The job.
    package var job: HistoryJobRecord
    /// What happened, in order.
    package var events: [HistoryEventRecord]
    /// Whether older events are left out.
    package var isCut: Bool

    private enum CodingKeys: String, CodingKey {
        case events
        case isCut = "cut"
    }

    /// What is known, as programs read it.
    package init(_ jobHistory: JobHistory) {
        (job, isCut) = (HistoryJobRecord(jobHistory.job), jobHistory.isCut)
        events = jobHistory.events.map { HistoryEventRecord($0) }
    }

    /// Reads what `encode(to:)` has written.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        job = try HistoryJobRecord(from: decoder)
        events = try container.decode([HistoryEventRecord].self, forKey: .events)
        isCut = try container.decode(Bool.self, forKey: .isCut)
    }

    package func encode(to encoder: any Encoder) throws {
        try job.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(events, forKey: .events)
        try container.encode(isCut, forKey: .isCut)
    }
}
