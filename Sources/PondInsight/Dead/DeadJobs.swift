package import PondCore
package import PondQueue

/// Which of the dead an action is for.
package enum DeadTarget: Sendable, Hashable, CustomStringConvertible {
    /// Those of one root cause.
    case group(GroupID)
    /// Those that ended under one cause, as in `attempts_exhausted`.
    case cause(String)
    /// Every dead job.
    case all

    package var description: String {
        switch self {
        case .group(let id): "\(id)"
        case .cause(let name): name
        case .all: "all"
        }
    }
}

/// The dead of one queue that an action is about.
package struct DeadPart: Sendable {
    /// The queue.
    package var queue: Queue
    /// The jobs, those that died first in front.
    package var ids: [JobID]

    package init(queue: Queue, ids: [JobID]) {
        self.queue = queue
        self.ids = ids
    }

    /// The dead of some queues that a target names; queues without any are left out.
    ///
    /// What dies after this was read is not among them, so an action that makes jobs die again comes to an end.
    package static func read(_ target: DeadTarget, in queues: [Queue]) async throws -> [DeadPart] {
        var parts: [DeadPart] = []
        for queue in queues {
            let ids: [JobID]
            switch target {
            case .group(let group): ids = try await queue.allIDs(of: group)
            case .cause(let name): ids = try await queue.deadIDs(cause: name)
            case .all: ids = try await queue.deadIDs()
            }
            if !ids.isEmpty { parts.append(DeadPart(queue: queue, ids: ids)) }
        }
        return parts
    }
}

extension Queue {
    /// The ids of a group's dead, oldest first, read a page at a time.
    fileprivate func allIDs(of group: GroupID) async throws -> [JobID] {
        var ids: [JobID] = []
        var rank: Int? = 0
        while let first = rank, ids.count < Limits.deadMax {
            let page = try await groupIDs(of: group, from: first)
            ids += page.jobs.map(\.id)
            rank = page.next
        }
        return ids
    }
}
