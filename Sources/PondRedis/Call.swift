import NIOCore
import Synchronization

/// One call of `send` or `pipeline` on its way through the connection.
final class Call: PipelineCall, Sendable {
    /// What the caller gets: for one command its reply or error, for a pipeline one of these a command.
    enum Answer: Sendable {
        case one(Result<RESPValue, RedisError>)
        case many([Result<RESPValue, RedisError>])
        /// The connection is ready; the server's number for it if the user may ask.
        case connected(Int64?)
        /// Nothing was sent.
        case unsent(RedisError)
    }

    enum Work: Sendable {
        case one(RedisCommand, sizeBound: Int)
        case many([RedisCommand], sizeBounds: [Int])
        /// Waits for the connection.
        case connect
    }

    let work: Work
    let deadline: ContinuousClock.Instant
    private let isCancelledFlag = Atomic(false)
    // Safe: set by the caller before it hands the call to the inbox (a lock), from then on used on the event loop only.
    nonisolated(unsafe) private var continuation: UnsafeContinuation<Answer, Never>?
    // Safe: used on the event loop only.
    nonisolated(unsafe) private var replies: [Result<RESPValue, RedisError>] = []

    init(_ work: Work, deadline: ContinuousClock.Instant) {
        self.work = work
        self.deadline = deadline
    }

    static func == (lhs: Call, rhs: Call) -> Bool { lhs === rhs }

    var commandCount: Int {
        switch work {
        case .one: 1
        case .many(let commands, _): commands.count
        case .connect: 0
        }
    }

    /// Whether the caller's task was cancelled, perhaps before the call reached the event loop.
    var isCancelled: Bool { isCancelledFlag.load(ordering: .acquiring) }

    func markCancelled() {
        isCancelledFlag.store(true, ordering: .releasing)
    }

    func prepare(_ continuation: UnsafeContinuation<Answer, Never>) {
        self.continuation = continuation
    }

    func encode(into buffer: inout ByteBuffer) {
        switch work {
        case .one(let command, let bound): CommandEncoder.encode(command, sizeBound: bound, into: &buffer)
        case .many(let commands, let bounds):
            replies.reserveCapacity(commands.count)
            for (command, bound) in zip(commands, bounds) {
                CommandEncoder.encode(command, sizeBound: bound, into: &buffer)
            }
        case .connect: break
        }
    }

    func received(_ reply: RESPValue, isLast: Bool) {
        let result: Result<RESPValue, RedisError> =
            if case .error(let text) = reply { .failure(.reply(text)) } else { .success(reply) }
        if case .one = work { return resume(.one(result)) }
        replies.append(result)
        if isLast { resume(.many(replies)) }
    }

    func connected(_ connectionID: Int64?) {
        resume(.connected(connectionID))
    }

    /// Ends the call; the replies that a pipeline got so far are kept when it was sent.
    func fail(_ error: RedisError) {
        guard error.outcomeUnknown else { return resume(.unsent(error)) }
        guard case .many(let commands, _) = work else { return resume(.one(.failure(error))) }
        resume(.many(replies + Array(repeating: .failure(error), count: commands.count - replies.count)))
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
