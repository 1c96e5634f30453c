package import PondCore
package import PondQueue

/// What people did to the dead of some queues.
package struct DeadAudit: Sendable, Hashable, Codable {
    /// The newest first.
    package var items: [Entry]

    /// One thing that somebody did.
    package struct Entry: Sendable, Hashable, Codable {
        /// When.
        @Moment package var time: ServerTime?
        /// Who, what, and to which of them in which queue.
        package var by, action, queue, target: String
        /// How many jobs it was about.
        package var jobs: Int
        /// How it went, and why it was done; empty where nobody said.
        package var result, reason: String
    }

    /// Reads the newest entries.
    ///
    /// - Parameter limit: how many at most.
    package static func read(_ queues: [Queue], limit: Int) async throws -> DeadAudit {
        var items: [Entry] = []
        for queue in queues {
            items += try await queue.auditEntries(limit: limit).map { entry in
                Entry(
                    time: entry.time,
                    by: entry.by,
                    action: entry.action,
                    queue: queue.name.text,
                    target: entry.target,
                    jobs: entry.jobs,
                    result: entry.result,
                    reason: entry.reason
                )
            }
        }
        let earliest = ServerTime(milliseconds: 0)
        items.sort { ($1.time ?? earliest) < ($0.time ?? earliest) }
        return DeadAudit(items: Array(items.prefix(limit)))
    }
}
