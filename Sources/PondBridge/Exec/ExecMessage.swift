import FoundationEssentials
package import PondCore

/// A line that a handler writes, read and checked.
package enum ExecMessage: Sendable, Equatable {
    /// The last word on the job.
    package enum Answer: Sendable, Equatable {
        case done(result: [UInt8]?, keptFor: Duration?)
        case retry(after: Duration?, error: String, rootCause: String? = nil)
        case fail(error: String, cause: String, rootCause: String? = nil)
    }

    /// A child job to be enqueued, and what its answer shall be called.
    package struct ChildJob: Sendable, Equatable {
        var kind: String
        var data: [UInt8]
        var queue: String?
        var key: String?
        var delay: Duration?
        var priority: Priority
        var correlationID: String?
        var reference: String?
    }

    case heartbeat(progress: Double?, note: String?)
    case enqueue(ChildJob)
    case spend(usd: USD?, cpu: Duration?)
    case answer(Answer)

    /// Reads a line.
    ///
    /// - Returns: the message, and the id of the job that it says it is about.
    /// - Throws: `BridgeFailure` with the cause `garbage`, which quotes the line.
    package static func read(_ line: [UInt8]) throws(BridgeFailure) -> (message: ExecMessage, id: String?) {
        do throws(FlawedMessage) {
            let members = try JSONMembers(line)
            return (try message(members), try members.text("id"))
        } catch {
            let quote = SafeLine.quoted(line)
            throw BridgeFailure(.garbage, "it wrote a line that is no message (\(error.reason)): \(quote)")
        }
    }

    /// Whether it says no more than that the program lives.
    var isHeartbeat: Bool {
        if case .heartbeat = self { return true }
        return false
    }

    static func isHeartbeat(_ line: [UInt8]) -> Bool {
        do throws(BridgeFailure) {
            return try read(line).message.isHeartbeat
        } catch {
            return false
        }
    }

    private static func message(_ members: JSONMembers) throws(FlawedMessage) -> ExecMessage {
        guard let type = try members.text("type") else { throw FlawedMessage("it has no type") }
        switch type {
        case "heartbeat", "progress":
            return .heartbeat(progress: try members.number("progress"), note: try members.text("note"))
        case "enqueue": return .enqueue(try ChildJob(members))
        case "spend":
            let micros = try members.number("usd_micros").map { USD(micros: Int64(clamping: $0)) }
            return .spend(
                usd: try members.number("usd").map { USD($0) } ?? micros,
                cpu: try members.milliseconds("cpu_ms")
            )
        case "done":
            return .answer(.done(result: try members.bytes("result"), keptFor: try members.milliseconds("keep_ms")))
        case "retry":
            let error = try members.text("error") ?? "the handler asked to be called again"
            let rootCause = try members.text("root_cause")
            return .answer(.retry(after: try members.milliseconds("after_ms"), error: error, rootCause: rootCause))
        case "fail":
            let error = try members.text("error") ?? "the handler said that no further try can help"
            let cause = try members.text("cause") ?? "failed"
            return .answer(.fail(error: error, cause: cause, rootCause: try members.text("root_cause")))
        default: throw FlawedMessage("its type \"\(type.prefix(50))\" is unknown")
        }
    }
}

extension ExecMessage.ChildJob {
    fileprivate init(_ members: JSONMembers) throws(FlawedMessage) {
        guard let kind = try members.text("kind") else { throw FlawedMessage("a child job needs a kind") }
        self.kind = kind
        data = try members.bytes("data") ?? []
        queue = try members.text("queue")
        key = try members.text("key")
        delay = try members.milliseconds("delay_ms")
        correlationID = try members.text("correlation_id")
        reference = try members.text("ref")
        guard reference?.utf8.count ?? 0 <= BridgeLimits.referenceBytesMax else {
            throw FlawedMessage("its ref has more than \(BridgeLimits.referenceBytesMax) bytes")
        }
        let name = try members.text("priority") ?? Priority.normal.rawValue
        guard let priority = Priority(rawValue: name) else {
            throw FlawedMessage("its priority \"\(name.prefix(50))\" is none of high, normal and low")
        }
        self.priority = priority
    }

    /// The job as it is enqueued.
    ///
    /// - Throws: `PondError`, when a name or a number of it is not allowed.
    func job() throws(PondError) -> NewJob {
        var options = EnqueueOptions()
        options.key = try key.map { text throws(PondError) in try IdempotencyKey(text) }
        options.delay = delay
        options.priority = priority
        options.correlationID = correlationID
        return NewJob(kind: try JobKind(kind), data: data, options: options)
    }
}
