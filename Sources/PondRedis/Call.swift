import NIOCore
import PondCore
import Synchronization

/// One call of `send` or `pipeline` on its way through the connection.
final class Call: PipelineCall, Sendable {
    enum Answer: Sendable {
        /// The reply to a single command; it may be an error reply.
        case one(RESPValue)
        /// The replies to a pipeline in order, as many as came, and why the others did not.
        case many([RESPValue], rest: RedisError?)
        /// The connection is ready; the server's number for it if the user may ask.
        case connected(Int64?)
        /// There is no reply at all.
        case failed(RedisError)
    }

    /// Without a command the call waits for the connection.
    let commands: EncodedCommands
    let deadline: LocalInstant
    let wantsFlat: Bool
    private let isPipeline: Bool
    private let isCancelledFlag = Atomic(false)
    // Safe: set by the caller before it hands the call to the inbox (a lock), from then on used on the event loop only.
    nonisolated(unsafe) private var continuation: UnsafeContinuation<Answer, Never>?
    // Safe: used on the event loop only.
    nonisolated(unsafe) private var replies: [RESPValue] = []

    init(_ commands: EncodedCommands, isPipeline: Bool, wantsFlat: Bool = false, deadline: LocalInstant) {
        self.wantsFlat = wantsFlat
        self.commands = commands
        self.isPipeline = isPipeline
        self.deadline = deadline
    }

    static func == (lhs: Call, rhs: Call) -> Bool { lhs === rhs }

    var commandCount: Int { commands.count }

    /// Whether the caller's task was cancelled, perhaps before the call reached the event loop.
    var isCancelled: Bool { isCancelledFlag.load(ordering: .acquiring) }

    func markCancelled() {
        isCancelledFlag.store(true, ordering: .releasing)
    }

    func prepare(_ continuation: UnsafeContinuation<Answer, Never>) {
        self.continuation = continuation
    }

    func received(_ reply: RESPValue, isLast: Bool) {
        guard isPipeline else { return resume(.one(reply)) }
        if replies.isEmpty { replies.reserveCapacity(commandCount) }
        replies.append(reply)
        if isLast { resume(.many(replies, rest: nil)) }
    }

    func connected(_ connectionID: Int64?) {
        resume(.connected(connectionID))
    }

    /// Ends the call; the replies that a pipeline got so far are kept when it was sent.
    func fail(_ error: RedisError) {
        resume(isPipeline && error.outcomeUnknown ? .many(replies, rest: error) : .failed(error))
    }

    private func resume(_ answer: Answer) {
        guard let continuation else { preconditionFailure("a Redis call was answered twice") }
        self.continuation = nil
        continuation.resume(returning: answer)
    }
}

/// Where callers leave their calls for the event loop.
final class Inbox: Sendable {
    struct Contents: Sendable {
        var submitted: [Call] = []
        var cancelled: [Call] = []
        var isEmpty: Bool { submitted.isEmpty && cancelled.isEmpty }
    }

    private let contents = Mutex(Contents())

    /// True when the event loop has to be told: the inbox was empty.
    func submit(_ call: Call) -> Bool {
        contents.withLock { contents in
            let wasEmpty = contents.isEmpty
            contents.submitted.append(call)
            return wasEmpty
        }
    }

    /// True when the event loop has to be told: the inbox was empty.
    func cancel(_ call: Call) -> Bool {
        call.markCancelled()
        return contents.withLock { contents in
            let wasEmpty = contents.isEmpty
            contents.cancelled.append(call)
            return wasEmpty
        }
    }

    /// Exchanges the contents for `other`, an emptied one whose memory is used again.
    func swap(_ other: inout Contents) {
        contents.withLock { Swift.swap(&$0, &other) }
    }
}
