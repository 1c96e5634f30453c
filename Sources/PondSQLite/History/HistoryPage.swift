package import PondCore

/// A stream that a history follows: of a queue the journal, or one of the ready streams.
package struct HistorySource: Sendable, Hashable {
    /// The queue's name.
    package var queue: String
    /// Which of its streams.
    package var stream: Stream

    package init(queue: String, _ stream: Stream) {
        self.queue = queue
        self.stream = stream
    }

    /// The streams of a queue that are followed.
    ///
    /// The letters are those of the file.
    package enum Stream: String, Sendable, Hashable, CaseIterable {
        /// What happened.
        case journal = "j"
        /// The jobs that wait, by priority.
        case high = "h"
        case normal = "n"
        case low = "l"
    }
}

/// What was read from a stream, behind a position and up to another.
package struct HistoryPage: Sendable {
    /// Which stream.
    package var source: HistorySource
    /// The position that the file has, behind which was read.
    package var after: StreamID
    /// The last entry that was read, whether it could be understood or not.
    package var upTo: StreamID
    /// What the entries say.
    package var content: Content
    /// Entries of which nothing could be understood.
    package var unreadable: Int

    /// What the entries say.
    package enum Content: Sendable {
        case journal([JournalEntry])
        case waiting([WaitingJob])
    }

    package init(
        _ source: HistorySource,
        after: StreamID,
        upTo: StreamID,
        _ content: Content,
        unreadable: Int = 0
    ) {
        self.source = source
        self.after = after
        self.upTo = upTo
        self.content = content
        self.unreadable = unreadable
    }
}

/// What became of pages.
package struct HistoryIngested: Sendable, Hashable {
    /// The events that are new in the file.
    package var events = 0
    /// The waiting jobs that were looked at.
    package var waiting = 0
    /// Entries that the file had already.
    package var known = 0
    /// What was missed, as it was noticed.
    package var gaps: [HistoryGap] = []
    /// Where the file is further on, or elsewhere, than the page thought: of these nothing was indexed.
    package var moved: [HistorySource: StreamID] = [:]

    package init() {}
}

/// Events that a history does not have.
package struct HistoryGap: Sendable, Hashable {
    /// The queue whose journal has the gap.
    package var queue: String
    /// The last entry before it; nil when it is before all that was ever read.
    package var after: StreamID?
    /// The first entry behind it; nil when none has come yet.
    package var before: StreamID?
    /// How many events; nil when nobody can say.
    package var missed: Int64?
    /// How they were lost.
    package var reason: Reason
    /// When it was noticed, by the follower's wall clock.
    package var noted: ServerTime

    package init(
        queue: String,
        after: StreamID?,
        before: StreamID? = nil,
        missed: Int64? = nil,
        reason: Reason,
        noted: ServerTime
    ) {
        self.queue = queue
        self.after = after
        self.before = before
        self.missed = missed
        self.reason = reason
        self.noted = noted
    }

    /// How events can be lost.
    ///
    /// The texts are those of the file.
    package enum Reason: String, Sendable, Hashable {
        /// The journal was trimmed before they were read.
        case trimmed
        /// Redis, or the journal, began again with less than had been read from it. What was lost in between, if anything,
        /// nobody can say.
        case restarted
    }
}

/// How far a stream was read.
package struct HistoryPosition: Sendable, Hashable {
    /// Which stream.
    package var source: HistorySource
    /// The last entry that was read.
    package var position: StreamID
    /// How many events the journal had ever had behind that entry; nil when nobody can say, as of a ready stream.
    package var expected: Int64?
    /// How many events of the journal were not read yet when a follower last looked; nil when it cannot say.
    package var behind: Int64?
    /// When a follower last read from it, by its wall clock.
    package var readAt: ServerTime
}
