package import PondCore
import PondRedis

/// What decides why a job is where it is, read in one call.
package struct JobSituation: Sendable {
    /// Where the job is, its fields without the payload.
    package var report: JobReport
    /// The group of the dead that it belongs to.
    package var group: String?
    /// Jobs that are fetched before it; nil when it does not wait for that.
    package var ahead: Int?
    /// Whether `ahead` was counted; otherwise it is about that many.
    package var isAheadExact: Bool
    /// What holds it back; nil when no limit does.
    package var limit: LimitHold?
    /// Whether somebody cancelled it and its worker has not heard it yet.
    package var isCancelling: Bool
    /// When its worker beat last.
    package var ownerBeat: ServerTime?
    /// What its worker says of itself, as JSON.
    package var ownerAbout: String?
    /// Nobody is declared lost before this moment, because the server itself was away.
    package var reclaimFrom: ServerTime?
    /// Runnable jobs of the queue that nobody has fetched.
    package var ready: Int
    /// Jobs of the queue that a worker has.
    package var inFlight: Int
    /// Scheduled and retrying jobs of the queue.
    package var held: Int
    /// Jobs of the queue that a limit holds back.
    package var limited: Int
    /// Workers whose beat is fresh.
    package var workers: Int
    /// Since when the queue is paused; nil when it is not.
    package var pausedAt: ServerTime?
    /// Why it is paused, when somebody said.
    package var pauseReason: String?
    /// Redis' clock.
    package var now: ServerTime
}

/// What holds a job back that may not go yet.
package struct LimitHold: Sendable, Hashable {
    /// The limit that has no room, by its full name.
    package var name: String
    /// Why it has none; nil for what a newer library calls so.
    package var reason: LimitReason?
    /// Jobs that go before it.
    package var before: Int
    /// When it may go, about; nil when nothing tells.
    package var due: ServerTime?

    /// A hold as it was read.
    package init(name: String, reason: LimitReason?, before: Int = 0, due: ServerTime? = nil) {
        (self.name, self.reason, self.before, self.due) = (name, reason, before, due)
    }

    /// Nil for a job that no limit holds back.
    fileprivate init?(_ facts: [String: String]) {
        guard let name = facts.text("limit") else { return nil }
        self.init(
            name: name,
            reason: facts.text("limit_reason").flatMap { LimitReason(rawValue: $0) },
            before: facts.number("limit_before").map { Int(clamping: $0) } ?? 0,
            due: facts.time("limit_due_ms")
        )
    }
}

extension Queue {
    /// Where a job is and what decides why, in one read.
    package func situation(of id: JobID) async throws(QueueError) -> JobSituation {
        let reply = try await pond.call("pond_why", keys, [.text(id.text)], readOnly: true)
        var reader = try ReplyReader("pond_why", reply)
        let facts = try reader.factsBeforeFields()
        return JobSituation(
            report: try JobReport(facts, fields: &reader, id: id),
            group: facts.text("group"),
            ahead: facts.number("ahead").map { Int($0) },
            isAheadExact: facts["ahead_exact"] == "1",
            limit: LimitHold(facts),
            isCancelling: facts["cancelling"] == "1",
            ownerBeat: facts.time("owner_beat_ms"),
            ownerAbout: facts.text("owner_about"),
            reclaimFrom: facts.time("reclaim_from_ms"),
            ready: facts.number("ready").map { Int($0) } ?? 0,
            inFlight: facts.number("in_flight").map { Int($0) } ?? 0,
            held: facts.number("held").map { Int($0) } ?? 0,
            limited: facts.number("limited").map { Int($0) } ?? 0,
            workers: facts.number("workers").map { Int($0) } ?? 0,
            pausedAt: facts.time("paused_ms"),
            pauseReason: facts.text("paused_reason"),
            now: facts.time("now_ms") ?? ServerTime(milliseconds: 0)
        )
    }
}

extension [String: String] {
    fileprivate func text(_ name: String) -> String? { self[name].flatMap { $0.isEmpty ? nil : $0 } }
    fileprivate func number(_ name: String) -> Int64? { self[name].flatMap { Int64($0) } }
    fileprivate func time(_ name: String) -> ServerTime? { number(name).map { ServerTime(milliseconds: $0) } }
}

extension ReplyReader {
    /// Names and values up to the number of a job's fields, which follow.
    mutating func factsBeforeFields() throws(QueueError) -> [String: String] {
        var facts: [String: String] = [:]
        while facts["fields"] == nil {
            let name = try text()
            facts[name] = try text()
        }
        return facts
    }
}

extension JobReport {
    /// Reads what `pond_job` and `pond_why` say of a job, up to the end of the reply.
    init(_ facts: [String: String], fields reader: inout ReplyReader, id: JobID) throws(QueueError) {
        var fields: [(name: [UInt8], value: [UInt8])] = []
        while !reader.isAtEnd {
            let field = try reader.bytes()
            fields.append((field, try reader.bytes()))
        }
        self.init(
            id: JobID(facts.text("id") ?? id.text),
            state: facts.text("state").flatMap { JobReport.State(rawValue: $0) } ?? .unknown,
            since: facts.time("since_ms"),
            owner: facts.text("owner").map { Consumer($0) },
            due: facts.time("due_ms"),
            attempts: facts.number("attempt").map { Int($0) } ?? 0,
            cause: facts.text("cause"),
            error: facts.text("error"),
            fields: fields
        )
    }
}
