package import PondCore

/// The answer to "where is this job, and why": for the command line and for HTTP alike.
package struct WhyReport: Sendable, Hashable {
    /// The job's queue; nil when nobody has heard of the job.
    package var queue: String?
    /// The job.
    package var id: JobID
    /// What it is, when that is known.
    package var kind: String?
    /// Where it is, in one word; a held job whose time has come waits.
    package var state: WhyState
    /// Why it is there.
    package var reason: Reason
    /// Since when it has been there; nil when that is not recorded.
    package var since: ServerTime?
    /// The reason in a sentence, with its numbers and names.
    package var detail: String
    /// What will happen next, and when.
    package var next: String
    /// What to act with, the likeliest first.
    package var actions: [Action]
    /// What is known beside: names and values in order.
    package var facts: [Fact]
    /// What could not be seen, and why.
    package var unseen: [String]
    /// Redis' clock when it was read.
    package var now: ServerTime

    /// - Parameters:
    ///   - detail: the reason in a sentence.
    ///   - now: Redis' clock when it was read.
    package init(
        queue: String?,
        id: JobID,
        kind: String? = nil,
        reason: Reason,
        since: ServerTime? = nil,
        detail: String,
        next: String,
        actions: [Action] = [],
        facts: [Fact] = [],
        unseen: [String] = [],
        now: ServerTime
    ) {
        (self.queue, self.id, self.kind) = (queue, id, kind)
        (state, self.reason, self.since) = (reason.state, reason, since)
        (self.detail, self.next, self.actions) = (detail, next, actions)
        (self.facts, self.unseen, self.now) = (facts, unseen, now)
    }

    /// The job with its queue, where that is known.
    package var address: String { queue.map { "\($0)/\(id)" } ?? id.text }

    /// Something that is known of the job beside the reason.
    package struct Fact: Sendable, Hashable {
        /// What it is, as in `last error`.
        package var name: String
        /// The name as people read it.
        ///
        /// In JSON the events of a job are called `jobHistory`, which programs rely on.
        package var label: String { name == "story" ? "history" : name }
        /// What it is like.
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }
}
