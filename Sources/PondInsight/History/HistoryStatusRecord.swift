package import PondCore
package import PondSQLite

/// How a history's file stands, as programs read it.
package struct HistoryStatusRecord: Sendable, Hashable, Codable {
    /// How far each stream was read.
    package var positions: [Position]
    /// The file.
    package var file: String
    /// What it is the history of.
    @OrNull package var server: String?
    /// Whether somebody fills it.
    package var isFollowed: Bool
    /// Events in it, older ones that are gone, and entries that could not be understood.
    package var events, removed, unreadable: Int
    /// The oldest event's time.
    @Moment package var oldest: ServerTime?
    /// Events in the journals that were not read yet.
    package var behind: Int64
    /// How fast events came in the last minute.
    package var eventsPerSecond: Double
    /// The sizes of the file, of what is used of it, and of the log beside it, in bytes.
    package var bytes, usedBytes, logBytes: Int64
    /// How many gaps there are.
    package var gapCount: Int
    /// How many events were missed in them.
    package var missed: Int64
    /// The newest gaps.
    package var gaps: [HistoryGapRecord]

    private enum CodingKeys: String, CodingKey {
        case file, server, events, removed, unreadable, oldest, behind, bytes, missed, gaps
        case positions = "items"
        case isFollowed = "followed"
        case eventsPerSecond = "events_per_second"
        case usedBytes = "used_bytes"
        case logBytes = "log_bytes"
        case gapCount = "gap_count"
    }

    /// How far a stream was read.
    package struct Position: Sendable, Hashable, Codable {
        /// The stream, and the last entry that was read of it.
        package var queue, stream, position: String
        /// Events of the journal that were not read yet.
        @OrNull package var behind: Int64?
        /// When it was last read.
        @Moment package var readAt: ServerTime?

        private enum CodingKeys: String, CodingKey {
            case queue, stream, position, behind
            case readAt = "read_at"
        }
    }

    /// What is known, as programs read it.
    package init(_ status: HistoryStatus, file: String) {
        positions = status.positions.map { place in
            Position(
                queue: place.source.queue,
                stream: "\(place.source.stream)",
                position: "\(place.position)",
                behind: place.behind,
                readAt: place.readAt
            )
        }
        self.file = file
        _server = OrNull(wrappedValue: status.server)
        _oldest = Moment(wrappedValue: status.oldest)
        (isFollowed, events, removed) = (status.isFollowed, status.events, status.removed)
        (unreadable, behind, eventsPerSecond) = (status.unreadable, status.behind, status.eventsPerSecond)
        (bytes, usedBytes, logBytes) = (status.bytes, status.usedBytes, status.logBytes)
        (gapCount, missed) = (status.gapCount, status.missed)
        gaps = status.gaps.map { HistoryGapRecord($0) }
    }
}

/// Events that a history has missed, as programs read it.
package struct HistoryGapRecord: Sendable, Hashable, Codable {
    /// Whose journal.
    package var queue: String
    /// The entries between which something is missing.
    @OrNull package var after: String?
    /// The entry behind it.
    @OrNull package var before: String?
    /// How many events, when that is known.
    @OrNull package var missed: Int64?
    /// Why.
    package var reason: String
    /// When it was noticed.
    @Moment package var notedAt: ServerTime?

    private enum CodingKeys: String, CodingKey {
        case queue, after, before, missed, reason
        case notedAt = "noted_at"
    }

    /// What is known, as programs read it.
    package init(_ gap: HistoryGap) {
        (queue, reason) = (gap.queue, gap.reason.rawValue)
        _after = OrNull(wrappedValue: gap.after?.description)
        _before = OrNull(wrappedValue: gap.before?.description)
        _missed = OrNull(wrappedValue: gap.missed)
        _notedAt = Moment(wrappedValue: gap.noted)
    }
}
