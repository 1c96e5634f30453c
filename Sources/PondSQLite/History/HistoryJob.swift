package import PondCore

/// What a history knows of a job, without the events on the way.
package struct HistoryJob: Sendable, Hashable {
    /// The job.
    package var id: JobID
    /// Its queue's name, as it was found in Redis.
    package var queue: String
    /// What the job is; nil when nobody said, as older workers do.
    package var kind: String?
    /// The id of its intent; its own id when it is the first of it.
    package var correlationID: String
    /// The job that enqueued it; nil when none did, or nobody said.
    package var causationID: String?
    /// How long it takes, as its producer says.
    package var jobClass: String?
    /// When it was seen to be enqueued; nil when the history was not there, or does not look at waiting jobs.
    package var enqueuedAt: ServerTime?
    /// When the history first heard of it.
    package var firstAt: ServerTime
    /// The last event that changed something for the job; nil when it is only known to wait.
    package var last: HistoryEvent?
    /// How many events the history has had of it, those that retention has taken since included.
    package var eventCount: Int
}

extension JobHistory {
    /// A history that was put together elsewhere, as from Redis' own journal.
    ///
    /// - Parameter events: in order.
    package init(
        of id: JobID,
        in queue: String,
        kind: String?,
        correlationID: String?,
        causationID: String?,
        events: [HistoryEvent]
    ) {
        self.init(
            job: HistoryJob(
                id: id,
                queue: queue,
                kind: kind,
                correlationID: correlationID ?? id.text,
                causationID: causationID,
                jobClass: nil,
                enqueuedAt: nil,
                firstAt: events.first?.time ?? ServerTime(milliseconds: 0),
                last: events.last,
                eventCount: events.count
            ),
            events: events,
            isCut: false
        )
    }
}

/// A job with everything that happened to it.
package struct JobHistory: Sendable, Hashable {
    /// The job.
    package var job: HistoryJob
    /// What happened, in order, the enqueuing first when it was seen.
    package var events: [HistoryEvent]
    /// Whether there are more events than were asked for; then the oldest are left out.
    package var isCut: Bool

    /// Whether the last that happened was its end.
    package var hasEnded: Bool { events.last { !$0.what.isAside }.map { $0.what.isEnd || $0.what == .ghost } ?? false }
}

/// One thing that a search has found.
package struct HistoryHit: Sendable, Hashable {
    /// The job.
    package var job: HistoryJob
    /// What happened to it that was searched for; without conditions on events its last one.
    package var event: HistoryEvent
}
