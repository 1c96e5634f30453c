package import PondCore
package import PondQueue

/// The dead of some queues by root cause.
package struct DeadGroupListing: Sendable {
    /// Those with the most dead first.
    package var groups: [DeadGroupSum]
    /// How many groups are not listed.
    package var hidden: Int
    /// Redis' clock.
    package var now: ServerTime

    /// A listing of what was read before.
    package init(groups: [DeadGroupSum], hidden: Int, now: ServerTime) {
        (self.groups, self.hidden, self.now) = (groups, hidden, now)
    }

    /// Reads the groups of some queues.
    ///
    /// - Parameter all: those without dead, and those that are ignored, too.
    package static func read(_ queues: [Queue], all: Bool) async throws -> DeadGroupListing {
        var now = ServerTime(milliseconds: 0)
        for queue in queues { now = max(now, try await queue.depth().now) }
        let found = try await DeadGroupSum.read(queues)
        let shown = all ? found : found.filter { $0.count > 0 && $0.state != .ignored }
        return DeadGroupListing(groups: shown, hidden: found.count - shown.count, now: now)
    }

    /// The listing as programs read it.
    package var record: Record { Record(groups: groups.map { DeadGroupRecord($0) }, hidden: hidden) }

    /// The listing as programs read it.
    package struct Record: Sendable, Hashable, Codable {
        /// Those with the most dead first.
        package var groups: [DeadGroupRecord]
        /// How many groups are not listed.
        package var hidden: Int

        private enum CodingKeys: String, CodingKey {
            case hidden
            case groups = "items"
        }
    }
}

/// A group over several queues, as programs read it.
package struct DeadGroupRecord: Sendable, Hashable, Codable {
    /// The group's name, as in `E-1f3a9c2e`.
    package var group: String
    /// How many are dead now, and deaths that it has seen.
    package var dead, ever: Int
    /// The first death of it.
    @Moment package var first: ServerTime?
    /// The last death of it.
    @Moment package var last: ServerTime?
    /// What people think of it.
    package var state: String
    /// What the failures have in common.
    @OrNull package var title: String?
    /// The cause that the last one ended under.
    @OrNull package var cause: String?
    /// The last one's error.
    @OrNull package var lastError: String?
    /// Deaths in the last hour, in twelve parts, the oldest first.
    package var trend: [Int]
    /// What the dead are.
    package var kinds: [Kind]
    /// Where they are.
    package var queues: [Part]

    private enum CodingKeys: String, CodingKey {
        case group, dead, ever, first, last, state, title, cause, trend, kinds, queues
        case lastError = "last_error"
    }

    /// How many of the dead are of a kind.
    package struct Kind: Sendable, Hashable, Codable {
        /// The kind.
        package var kind: String
        /// How many.
        package var dead: Int
    }

    /// The group of one queue.
    package struct Part: Sendable, Hashable, Codable {
        /// The queue.
        package var queue: String
        /// How many are dead now, and deaths that it has seen.
        package var dead, ever: Int
        /// What people think of it.
        package var state: String
        /// Until when it is ignored.
        @Moment package var ignoredUntil: ServerTime?
        /// The last one's id.
        package var lastID: String

        private enum CodingKeys: String, CodingKey {
            case queue, dead, ever, state
            case ignoredUntil = "ignored_until"
            case lastID = "last_id"
        }
    }

    /// A group as programs read it.
    package init(_ sum: DeadGroupSum) {
        (group, dead, ever, state) = ("\(sum.id)", sum.count, sum.ever, sum.state.rawValue)
        _first = Moment(wrappedValue: sum.first)
        _last = Moment(wrappedValue: sum.latest?.last)
        _title = OrNull(wrappedValue: sum.latest?.title)
        _cause = OrNull(wrappedValue: sum.latest?.cause)
        _lastError = OrNull(wrappedValue: sum.latest?.lastError)
        trend = sum.trend
        kinds = sum.kinds.map { Kind(kind: $0.name, dead: $0.count) }
        queues = sum.parts.map { queue, group in
            Part(
                queue: queue.text,
                dead: group.count,
                ever: group.ever,
                state: group.state.rawValue,
                ignoredUntil: group.ignoredUntil,
                lastID: group.lastID.text
            )
        }
    }
}
