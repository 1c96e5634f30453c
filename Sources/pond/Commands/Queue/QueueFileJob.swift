import FoundationEssentials
import Millpond
import PondCore
import PondQueue

/// A job as a line of a queue's file.
struct QueueFileJob: Decodable {
    /// The job's number in the export, from 1.
    let n: Int64
    /// The cursor behind it; only an export that goes on needs it.
    let at: String?
    let id: String
    let state: String?
    let priority: String?
    let dueMs: Int64?
    let kind: String
    /// Given for a job that is to be undone.
    let phase: String?
    let data: String?
    let dataBase64: String?
    let key: String?
    let correlationID: String?
    let causationID: String?
    let traceparent: String?
    let tracestate: String?
    let jobClass: String?
    let maxAttempts: Int?
    let timeoutMs: Int64?
    let expiresMs: Int64?
    let budgetWallMs: Int64?
    let budgetCpuMs: Int64?
    let budgetUsdMicros: Int64?
    let headers: [String: String]?

    enum CodingKeys: String, CodingKey {
        case n, at, id, state, priority, kind, phase, data, key, traceparent, tracestate, headers
        case dueMs = "due_ms"
        case dataBase64 = "data_base64"
        case correlationID = "correlation_id"
        case causationID = "causation_id"
        case jobClass = "class"
        case maxAttempts = "max_attempts"
        case timeoutMs = "timeout_ms"
        case expiresMs = "expires_ms"
        case budgetWallMs = "budget_wall_ms"
        case budgetCpuMs = "budget_cpu_ms"
        case budgetUsdMicros = "budget_usd_micros"
    }

    /// - Throws: `PondError` or `Malformed`, which says what is wrong with the line.
    static func read(_ bytes: [UInt8]) throws -> QueueFileJob {
        do throws(JSONSyntax.Flaw) { try JSONSyntax.check(bytes) } catch { throw Malformed("is not JSON: \(error)") }
        do { return try JSONDecoder().decode(QueueFileJob.self, from: Data(bytes)) } catch {
            throw Malformed("is no job: \(QueueFile.told(error))")
        }
    }

    /// The job to enqueue; its tries and what they spent begin anew.
    func newJob() throws -> NewJob {
        guard n > 0 else { throw Malformed("has the number \(n), allowed is 1 or more") }
        // As a new job it would do once more what is to be undone.
        guard phase == nil else {
            throw Malformed("is job \(id), which is to be compensated: finish that where it is, and leave the line out")
        }
        var options = EnqueueOptions()
        options.priority = try word(priority, "priority") ?? .normal
        options.jobClass = try word(jobClass, "class")
        // In the queue that it came from, its own id stood for it.
        options.correlationID = correlationID ?? id
        options.causationID = causationID
        options.traceparent = traceparent
        options.tracestate = tracestate
        options.key = try key.map { try IdempotencyKey($0) }
        options.attemptsMax = maxAttempts
        options.timeout = timeoutMs.map { .milliseconds($0) }
        options.runAt = dueMs.map { ServerTime(milliseconds: $0) }
        options.expires = expiresMs.map { ServerTime(milliseconds: $0) }
        options.budget = Budget(
            wall: budgetWallMs.map { .milliseconds($0) },
            cpu: budgetCpuMs.map { .milliseconds($0) },
            usd: budgetUsdMicros.map { USD(micros: $0) }
        )
        options.headers = headers ?? [:]
        let job = NewJob(kind: try JobKind(kind), data: try payload(), options: options)
        _ = try job.fields()
        return job
    }

    private func payload() throws -> [UInt8] {
        guard let dataBase64 else { return data.map { Array($0.utf8) } ?? [] }
        guard data == nil else { throw Malformed("has both data and data_base64") }
        guard let bytes = Data(base64Encoded: dataBase64) else { throw Malformed("has no base64 in data_base64") }
        return Array(bytes)
    }

    private func word<Value: RawRepresentable & CaseIterable>(
        _ text: String?,
        _ name: String
    ) throws -> Value? where Value.RawValue == String {
        guard let text else { return nil }
        if let value = Value(rawValue: text) { return value }
        let allowed = Value.allCases.map(\.rawValue).joined(separator: ", ")
        throw Malformed("has the \(name) \"\(text.prefix(40))\", allowed are \(allowed)")
    }

    /// What is wrong with a line, after "line 3".
    struct Malformed: Error {
        let reason: String

        init(_ reason: String) {
            self.reason = reason
        }
    }
}

extension QueueFileJob {
    /// The line of a job that was found in a queue.
    static func line(_ number: Int, _ place: ExportPlace, _ found: ExportedJob, _ job: Job) -> String {
        let state = ExportState(place)
        var members: [(String, JSONValue)] = [
            ("n", .count(number)), ("at", .string(ExportCursor(place, found.position).text)),
            ("id", .string(job.id.text)), ("state", .string(state.rawValue)),
            ("priority", .string(found.priority.rawValue)),
        ]
        func add(_ name: String, _ value: JSONValue?) {
            if let value { members.append((name, value)) }
        }
        if state == .held { add("due_ms", found.time.map { .int($0.milliseconds) }) }
        if state == .dead {
            add("died_ms", found.time.map { .int($0.milliseconds) })
            add("cause", found.cause.map { .string($0) })
            add("error", found.error.map { .string($0) })
        }
        add("kind", .string(job.kind.text))
        add("phase", job.phase.map { .string($0.rawValue) })
        if !job.data.isEmpty { members.append(payload(job.data)) }
        add("key", job.key.map { .string($0.text) })
        add("correlation_id", .string(job.correlationID))
        add("causation_id", job.causationID.map { .string($0) })
        add("traceparent", job.traceparent.map { .string($0) })
        add("tracestate", job.tracestate.map { .string($0) })
        add("class", job.jobClass.map { .string($0.rawValue) })
        add("max_attempts", job.attemptsMax.map { .count($0) })
        add("timeout_ms", job.timeout.map { .int($0.wholeMilliseconds) })
        add("expires_ms", job.expires.map { .int($0.milliseconds) })
        add("budget_wall_ms", job.budget.wall.map { .int($0.wholeMilliseconds) })
        add("budget_cpu_ms", job.budget.cpu.map { .int($0.wholeMilliseconds) })
        add("budget_usd_micros", job.budget.usd.map { .int($0.micros) })
        if !job.headers.isEmpty {
            add("headers", .object(job.headers.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
        }
        // For people: an import begins anew with these.
        add("enqueued_ms", .int(job.enqueuedAt.milliseconds))
        add("attempt", .count(job.attempt - 1))
        add("recoveries", .count(job.recoveries))
        add("spent_wall_ms", .int(job.spent.wall.wholeMilliseconds))
        add("spent_cpu_ms", .int(job.spent.cpu.wholeMilliseconds))
        add("spent_usd_micros", .int(job.spent.usd.micros))
        add("last_error", job.lastError.map { .string($0) })
        return JSONValue.object(members).text
    }

    private static func payload(_ data: [UInt8]) -> (String, JSONValue) {
        guard let text = String(validating: data, as: UTF8.self) else { return base64(data) }
        let value = JSONValue.string(text)
        // What is mostly control characters would be six times as long in a string.
        return value.text.utf8.count > data.count / 2 * 3 + 64 ? base64(data) : ("data", value)
    }

    private static func base64(_ data: [UInt8]) -> (String, JSONValue) {
        ("data_base64", .string(Data(data).base64EncodedString()))
    }
}
