/// A job that was put into a ready stream, without its payload: what the journal does not tell before somebody runs it.
package struct WaitingJob: Sendable, Hashable {
    /// The job.
    package var id: JobID
    /// What the job is.
    package var kind: String
    /// The id of its intent; nil when that is the job's own id.
    package var correlationID: String?
    /// The job that enqueued it.
    package var causationID: String?
    /// How long it takes, as its producer says.
    package var jobClass: String?
    /// When it was enqueued.
    package var enqueuedAt: ServerTime

    package init(
        id: JobID,
        kind: String,
        correlationID: String? = nil,
        causationID: String? = nil,
        jobClass: String? = nil,
        enqueuedAt: ServerTime
    ) {
        self.id = id
        self.kind = kind
        self.correlationID = correlationID
        self.causationID = causationID
        self.jobClass = jobClass
        self.enqueuedAt = enqueuedAt
    }
}
