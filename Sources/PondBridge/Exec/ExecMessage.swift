import FoundationEssentials
package import PondCore

/// A line that a handler writes, read and checked.
package enum ExecMessage: Sendable, Equatable {
    /// The last word on the job.
    package enum Answer: Sendable, Equatable {
        /// `dropped` is why the result is not there, when the program had one.
        case done(result: [UInt8]?, keptFor: Duration?, dropped: String? = nil)
        /// `trace` is for people, as many lines as it has.
        case retry(after: Duration?, error: String, rootCause: String? = nil, trace: String? = nil)
        case fail(error: String, cause: String, rootCause: String? = nil, trace: String? = nil)
        /// The handler has unwound, because its saga waits or goes no further here.
        case suspended
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
        /// Why it cannot be enqueued as it is.
        var flaw: String?
    }

    case heartbeat(progress: Double?, note: String?)
    case enqueue(ChildJob)
    case spend(usd: USD?, cpu: Duration?)
    case answer(Answer)
    /// It asks for a limit, gives one back, or corrects what it took.
    case limit(ExecLimit)
    /// The kinds that it has handlers for; said at its start.
    case kinds([AnnouncedKind])
    /// What is remembered: a step, a wait, or how one ended.
    case saga(ExecSagaMessage)
    /// What it wants to spend of its intent's budget, or has.
    case ledger(ExecLedgerMessage)

    /// Reads a line.
    ///
    /// - Returns: the message, and the id of the job that it says it is about.
    /// - Throws: `BridgeFailure` with the cause `garbage`, which quotes the line.
    package static func read(_ line: [UInt8]) throws(BridgeFailure) -> (message: ExecMessage, id: String?) {
        do throws(FlawedMessage) {
            return try read(.message(line))
        } catch {
            if let answer = readLeniently(line) { return answer }
            let quote = SafeLine.quoted(line)
            throw BridgeFailure(.garbage, "it wrote a line that is no message (\(error.reason)): \(quote)")
        }
    }

    private static func read(_ members: JSONMembers) throws(FlawedMessage) -> (message: ExecMessage, id: String?) {
        (try message(members), try members.text("id"))
    }

    /// Whether it says no more than that the program lives.
    var isHeartbeat: Bool {
        if case .heartbeat = self { return true }
        return false
    }

    /// Whether a line may come although nothing was asked.
    static func isUnasked(_ line: [UInt8]) -> Bool {
        do throws(BridgeFailure) {
            switch try read(line).message {
            case .heartbeat, .kinds: return true
            case .enqueue, .spend, .answer, .limit, .saga, .ledger: return false
            }
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
        case "done": return .answer(done(members))
        case "kinds": return .kinds(try AnnouncedKind.list(members.bytes("kinds") ?? []))
        case "retry":
            let error = try members.text("error") ?? "the handler asked to be called again"
            let (rootCause, trace) = (try members.text("root_cause"), try members.text("trace"))
            let after = try members.milliseconds("after_ms")
            return .answer(.retry(after: after, error: error, rootCause: rootCause, trace: trace))
        case "fail":
            let error = try members.text("error") ?? "the handler said that no further try can help"
            let cause = try members.text("cause") ?? "failed"
            let (rootCause, trace) = (try members.text("root_cause"), try members.text("trace"))
            return .answer(.fail(error: error, cause: cause, rootCause: rootCause, trace: trace))
        case "suspended": return .answer(.suspended)
        case "limit", "limit_release", "limit_adjust": return .limit(try ExecLimit(type, members))
        default:
            if let message = try ExecSagaMessage(type, members) { return .saga(message) }
            if let message = try ExecLedgerMessage(type, members) { return .ledger(message) }
            throw FlawedMessage("its type \"\(type.prefix(50))\" is unknown")
        }
    }

    /// Work that is done is not done again because its result cannot be read.
    private static func done(_ members: JSONMembers) -> Answer {
        do throws(FlawedMessage) {
            return .done(
                result: try members.bytes("result"),
                keptFor: try members.milliseconds("keep_ms"),
                dropped: try members.text("result_dropped")
            )
        } catch {
            return .done(result: nil, keptFor: nil, dropped: error.reason)
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
        if let flaw { throw PondError(.invalidJob, flaw) }
        var options = EnqueueOptions()
        options.key = try key.map { text throws(PondError) in try IdempotencyKey(text) }
        options.delay = delay
        options.priority = priority
        options.correlationID = correlationID
        return NewJob(kind: try JobKind(kind), data: data, options: options)
    }
}
