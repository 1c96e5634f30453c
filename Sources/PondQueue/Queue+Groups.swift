package import PondCore
import PondRedis

/// The name of a group of the dead: 8 hex digits of its root cause's hash, or `other`.
package struct GroupID: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The text itself, as Redis has it.
    package let text: String

    /// Where the dead of root causes go that came when all groups were taken.
    package static let other = GroupID(unchecked: "other")

    /// Reads a name as people write it: `1f3a9c2e`, `E-1f3a9c2e` or `E-other`; nil when it is none.
    package init?(_ text: String) {
        let name = text.hasPrefix("E-") || text.hasPrefix("e-") ? text.dropFirst(2) : text[...]
        let isHex =
            name.utf8.count == 8
            && name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0 | 0x20) }
        guard isHex || name == "other" else { return nil }
        self.text = name.lowercased()
    }

    private init(unchecked text: String) {
        self.text = text
    }

    /// As people read it, as in `E-1f3a9c2e`.
    package var description: String { "E-" + text }

    package static func < (lhs: GroupID, rhs: GroupID) -> Bool { lhs.text < rhs.text }
}

/// The dead of one root cause, summed up.
package struct DeadGroup: Sendable, Hashable {
    /// The group's name; the same root cause has the same one in every queue.
    package var id: GroupID
    /// How many are dead now.
    package var count: Int
    /// How many deaths it has seen, those of jobs that were sent back included.
    package var ever: Int
    /// The first death of it.
    package var first: ServerTime
    /// The last death of it.
    package var last: ServerTime
    /// The cause that the last one ended under, as in `attempts_exhausted`.
    package var cause: String
    /// What the failures have in common, for people.
    package var title: String
    /// The last one's id.
    package var lastID: JobID
    /// The last one's error, at most 1 KiB of it.
    package var lastError: String
    /// What people think of it.
    package var state: State
    /// Until when it is ignored; nil for ever, or when it is not.
    package var ignoredUntil: ServerTime?
    /// Deaths in each five minutes of the last hour, the oldest first.
    package var trend: [Int]
    /// How many of the dead are of each kind, the most first; `*` stands for all kinds beyond the first eight.
    package var kinds: [Kind]

    /// A group without dead that nobody has said anything of.
    package init(id: GroupID, first: ServerTime, last: ServerTime, cause: String, title: String, lastID: JobID) {
        (self.id, self.first, self.last) = (id, first, last)
        (self.cause, self.title, self.lastID) = (cause, title, lastID)
        (count, ever, lastError, state) = (0, 0, "", .open)
        (trend, kinds) = ([], [])
    }

    /// The dead of one kind.
    package struct Kind: Sendable, Hashable {
        /// The kind; `-` where the entry has none.
        package var name: String
        /// How many are dead now.
        package var count: Int

        package init(name: String, count: Int) {
            self.name = name
            self.count = count
        }
    }

    /// What people think of a group.
    package enum State: String, Sendable, Hashable, CaseIterable {
        /// Nobody has said anything.
        case open
        /// It is known, and nobody wants to hear of it for a while.
        case ignored
        /// Somebody said that its cause is gone.
        case resolved
        /// It was resolved, and killed again.
        case regressed
    }
}

extension Queue {
    /// The groups of the dead, those with the most dead first; with those that have none left.
    package func groups() async throws(QueueError) -> [DeadGroup] {
        try await readGroups("")
    }

    /// One group; nil when the queue has none of that name.
    package func group(_ id: GroupID) async throws(QueueError) -> DeadGroup? {
        try await readGroups(id.text).first
    }

    private func readGroups(_ name: String) async throws(QueueError) -> [DeadGroup] {
        let reply = try await pond.call("pond_groups", keys, [.text(name)], readOnly: true)
        var reader = try ReplyReader("pond_groups", reply)
        _ = try reader.time()
        let words = Int(try reader.number())
        var groups: [DeadGroup] = []
        while !reader.isAtEnd {
            if let group = try DeadGroup(&reader) { groups.append(group) }
            // A newer library may say more.
            for _ in 0..<max(0, words - DeadGroup.wordCount) { _ = try reader.text() }
        }
        return groups
    }

    /// A page of the ids of a group's dead, oldest first.
    ///
    /// - Parameters:
    ///   - rank: where to begin, 0 for the oldest.
    ///   - limit: how many at most, 1 to 1,000.
    ///   - time: only those that died then or before.
    /// - Returns: the ids with the times of their deaths, and the rank of the next page; nil behind the last.
    package func groupIDs(
        of group: GroupID,
        from rank: Int = 0,
        limit: Int = 1_000,
        diedBy time: ServerTime? = nil
    ) async throws(QueueError) -> (jobs: [(id: JobID, diedAt: ServerTime)], next: Int?) {
        let reply = try await pond.call(
            "pond_group_ids",
            keys,
            [
                .text(group.text), .integer(Int64(rank)), .integer(Int64(limit)),
                .text(time.map { String($0.milliseconds) } ?? ""),
            ],
            readOnly: true
        )
        var reader = try ReplyReader("pond_group_ids", reply)
        let next = Int(try reader.number())
        var jobs: [(id: JobID, diedAt: ServerTime)] = []
        while !reader.isAtEnd { jobs.append((JobID(try reader.text()), try reader.time())) }
        return (jobs, next < 0 ? nil : next)
    }

    /// Says what people think of a group.
    ///
    /// - Parameters:
    ///   - state: `open`, `ignored` or `resolved`; `regressed` says Redis itself.
    ///   - until: for `ignored`, when it is open again; nil for ever.
    /// - Returns: what they thought before; nil when there is no such group.
    @discardableResult
    package func setState(
        of group: GroupID,
        _ state: DeadGroup.State,
        until: ServerTime? = nil
    ) async throws(QueueError) -> DeadGroup.State? {
        let reply = try await pond.call(
            "pond_group_state",
            keys,
            [.text(group.text), .text(state.rawValue), .text(until.map { String($0.milliseconds) } ?? "")]
        )
        guard let before = reply.string, before != "unknown" else { return nil }
        return DeadGroup.State(rawValue: before) ?? .open
    }
}

extension DeadGroup {
    fileprivate static let wordCount = 13

    /// Nil for a group whose name is none.
    fileprivate init?(_ reader: inout ReplyReader) throws(QueueError) {
        let name = try reader.text()
        count = Int(try reader.number())
        ever = Int(try reader.number())
        first = try reader.timeIfAny() ?? ServerTime(milliseconds: 0)
        last = try reader.timeIfAny() ?? ServerTime(milliseconds: 0)
        cause = try reader.text()
        title = try reader.text()
        lastID = JobID(try reader.text())
        lastError = try reader.text()
        state = State(rawValue: try reader.text()) ?? .open
        ignoredUntil = try reader.timeIfAny()
        trend = try reader.text().split(separator: " ").map { Int($0) ?? 0 }
        let words = try reader.text().split(separator: " ")
        kinds = stride(from: 0, to: words.count - 1, by: 2).map { place in
            Kind(name: String(words[place]), count: Int(words[place + 1]) ?? 0)
        }
        kinds.sort { ($1.count, $0.name) < ($0.count, $1.name) }
        guard let id = GroupID(name) else { return nil }
        self.id = id
    }
}
