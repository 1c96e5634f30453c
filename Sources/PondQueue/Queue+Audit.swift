package import PondCore
import PondRedis

/// What somebody did to many of a queue's dead.
package struct AuditEntry: Sendable, Hashable {
    /// When, by Redis' clock.
    package var time: ServerTime
    /// Who: user and host, or what `MILLPOND_ACTOR` says.
    package var by: String
    /// What: `retry`, `discard`, `escalate`, `compensate`, `ignore`, `resolve` or `reopen` of dead jobs; `purge` or `set` of a
    /// queue; `saga pause`, `saga replay` and so on.
    package var action: String
    /// To which: a group, a cause, a place or a setting.
    package var target: String
    /// How many jobs it was about.
    package var jobs: Int
    /// How it went, as in `stopped after 5`; empty where there is nothing to say.
    package var result: String
    /// Why; empty when nobody said.
    package var reason: String

    package init(
        by: String,
        action: String,
        target: String,
        jobs: Int,
        result: String = "",
        reason: String = "",
        time: ServerTime = ServerTime(milliseconds: 0)
    ) {
        self.time = time
        self.by = by
        self.action = action
        self.target = target
        self.jobs = jobs
        self.result = result
        self.reason = reason
    }
}

extension Queue {
    /// Writes down what somebody did; its time is Redis' own.
    ///
    /// The oldest of more than 10,000 are forgotten.
    package func audit(_ entry: AuditEntry) async throws(QueueError) {
        _ = try await pond.call(
            "pond_audit",
            keys,
            [
                "by", .text(entry.by), "action", .text(entry.action), "target", .text(entry.target),
                "jobs", .integer(Int64(entry.jobs)), "result", .text(entry.result), "reason", .text(entry.reason),
            ]
        )
    }

    /// What people did to the queue's dead, the newest first.
    ///
    /// - Parameter limit: how many at most.
    package func auditEntries(limit: Int = 100) async throws(QueueError) -> [AuditEntry] {
        let reply = try await pond.run(
            RedisCommand("XREVRANGE", [.text(keys.audit), "+", "-", "COUNT", .integer(Int64(limit))]),
            doing: "read the audit of \(name)"
        )
        return (reply.array ?? []).compactMap { AuditEntry($0) }
    }
}

extension AuditEntry {
    /// Nil for an entry that is none.
    fileprivate init?(_ row: RESPValue) {
        guard let parts = row.array, parts.count == 2, let id = parts[0].string, let flat = parts[1].array,
            let ms = id.split(separator: "-").first.flatMap({ Int64($0) })
        else { return nil }
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: flat.count - 1, by: 2) {
            fields[flat[index].string ?? ""] = String(decoding: flat[index + 1].bytes ?? [], as: UTF8.self)
        }
        self.init(
            by: fields["by"] ?? "",
            action: fields["action"] ?? "",
            target: fields["target"] ?? "",
            jobs: fields["jobs"].flatMap { Int($0) } ?? 0,
            result: fields["result"] ?? "",
            reason: fields["reason"] ?? "",
            time: ServerTime(milliseconds: ms)
        )
    }
}
