import Glibc
package import PondCore
package import PondQueue

/// Who does something to the dead, and why: what the audit is told.
package struct DeadActor: Sendable, Hashable {
    /// The person, or the program.
    package var name: String
    /// Why; empty when nobody said.
    package var reason: String

    package init(name: String, reason: String = "") {
        self.name = name
        self.reason = reason
    }

    /// What `MILLPOND_ACTOR` says; without it the user and the host of this process.
    package static func current(reason: String?) -> DeadActor {
        let user = variable("USER") ?? variable("LOGNAME") ?? "uid \(getuid())"
        return DeadActor(name: variable("MILLPOND_ACTOR") ?? "\(user)@\(Host.name)", reason: reason ?? "")
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Writes into each queue's audit what is done to its jobs.
    package func write(_ action: String, _ target: String, _ parts: [DeadPart], result: String) async throws {
        for part in parts {
            try await part.queue.audit(
                AuditEntry(
                    by: name,
                    action: action,
                    target: target,
                    jobs: part.ids.count,
                    result: result,
                    reason: reason
                )
            )
        }
    }
}

/// A group over several queues: the same root cause has the same name in all of them.
package struct DeadGroupSum: Sendable {
    /// The group's name.
    package var id: GroupID
    /// The group of each queue that has it.
    package var parts: [(queue: QueueName, group: DeadGroup)]

    package init(id: GroupID, parts: [(queue: QueueName, group: DeadGroup)]) {
        self.id = id
        self.parts = parts
    }

    /// How many are dead now.
    package var count: Int { parts.reduce(0) { $0 + $1.group.count } }
    /// How many died of it, those that were sent back included.
    package var ever: Int { parts.reduce(0) { $0 + $1.group.ever } }
    /// The first death.
    package var first: ServerTime? { parts.map(\.group.first).min() }
    /// The part that killed last.
    package var latest: DeadGroup? { parts.map(\.group).max { $0.last < $1.last } }
    /// Deaths in each five minutes of the last hour, the oldest first.
    package var trend: [Int] {
        parts.reduce(into: [Int](repeating: 0, count: 12)) { sums, part in
            for (index, count) in part.group.trend.prefix(12).enumerated() { sums[index] += count }
        }
    }
    /// The kinds of the dead and how many are of each, the most first.
    package var kinds: [DeadGroup.Kind] {
        var counts: [String: Int] = [:]
        for part in parts { for kind in part.group.kinds { counts[kind.name, default: 0] += kind.count } }
        return counts.map { DeadGroup.Kind(name: $0.key, count: $0.value) }
            .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    }
    /// What people think of it; where queues differ, what needs most attention.
    package var state: DeadGroup.State {
        let states = Set(parts.map(\.group.state))
        return [.regressed, .open, .ignored].first { states.contains($0) } ?? .resolved
    }

    /// The groups of some queues, those with the most dead first.
    package static func read(_ queues: [Queue]) async throws -> [DeadGroupSum] {
        var groups: [(queue: QueueName, groups: [DeadGroup])] = []
        for queue in queues { groups.append((queue.name, try await queue.groups())) }
        return of(groups)
    }

    /// The same of groups that were read before.
    package static func of(_ groups: [(queue: QueueName, groups: [DeadGroup])]) -> [DeadGroupSum] {
        var sums: [GroupID: DeadGroupSum] = [:]
        for (queue, groups) in groups {
            for group in groups {
                sums[group.id, default: DeadGroupSum(id: group.id, parts: [])].parts.append((queue, group))
            }
        }
        return sums.values.sorted { ($1.count, $0.id) < ($0.count, $1.id) }
    }
}
