package import Logging
package import PondCore
import NIOCore
import NIOPosix

/// One connection to a Redis server that many tasks share, made when it is first needed and made again when it is lost.
///
/// Commands of all tasks travel in one pipeline: a command that blocks (`XREADGROUP … BLOCK`) holds up those behind it,
/// so give a blocking reader a client of its own. Commands that change how the server answers (`SUBSCRIBE`, `MONITOR`,
/// `CLIENT REPLY`, `HELLO 3`) or the connection's state (`SELECT`, `MULTI`) must not be sent through it.
///
/// While there is no connection, calls wait for one until their deadline. Nothing runs in the background: with no call
/// under way, a client neither connects nor wakes up.
package final class RedisClient: Sendable {
    /// Runs tasks on the thread of this client's connection, which saves each of their calls two changes of thread.
    ///
    /// For tasks that do little but call: while one computes, nothing is sent or received. When none can go on, their
    /// replies are polled for, see `RedisConfiguration.busyPoll`.
    package let executor: EventLoopExecutor
    private let configuration: RedisConfiguration
    private let clock: LocalClock
    private let eventLoop: any EventLoop
    private let inbox = Inbox()
    private let status = StatusBox()
    private let connection: NIOLoopBoundBox<Connection>

    /// Makes a client; the connection is opened by the first call.
    ///
    /// - Parameter other: whose thread the connection is to live on; for tasks that run there, a reply changes no thread.
    ///   Defaults to one of the process' event loops.
    package init(
        _ configuration: RedisConfiguration,
        clock: LocalClock = .system,
        logger: Logger,
        beside other: EventLoopExecutor? = nil
    ) {
        self.configuration = configuration
        self.clock = clock
        eventLoop = other?.eventLoop ?? MultiThreadedEventLoopGroup.singleton.next()
        let connection = Connection(
            configuration,
            eventLoop: eventLoop,
            clock: clock,
            logger: logger,
            inbox: inbox,
            status: status
        )
        let box = NIOLoopBoundBox.makeBoxSendingValue(connection, eventLoop: eventLoop)
        self.connection = box
        executor = EventLoopExecutor(eventLoop) { box.value.poll() }
    }

    deinit {
        // A call holds its client, so that nobody waits any more.
        let connection = connection
        eventLoop.execute { _ = connection.value.close() }
    }

    /// Whether there is a connection that is logged in.
    package var isConnected: Bool { status.isConnected }

    /// Sends a command and waits for its reply.
    ///
    /// Cancelling the task takes back a command that was not written yet; the reply of one that was written is dropped
    /// when it comes, or, when no other call shares the connection, the connection is closed. A command that has no
    /// reply by its deadline closes the connection, and all other calls in flight on it fail with `connectionLost`.
    /// - Parameter timeout: how long the call may take, waiting for a connection included. Defaults to the
    ///   configuration's `commandTimeout`.
    /// - Throws: `RedisError`; an error reply has the code `.reply` with its prefix.
    package func send(_ command: RedisCommand, timeout: Duration? = nil) async throws(RedisError) -> RESPValue {
        try await send(try EncodedCommands(command), timeout: timeout)
    }

    /// Sends one command that is encoded already, and waits for its reply.
    nonisolated(nonsending) package func send(
        _ command: EncodedCommands,
        timeout: Duration? = nil
    ) async throws(RedisError) -> RESPValue {
        precondition(command.count == 1, "\(command.count) commands were sent as one")
        switch await answer(command, isPipeline: false, timeout) {
        case .one(.error(let text)): throw .reply(text)
        case .one(let reply): return reply
        case .failed(let error): throw error
        case .many, .connected: preconditionFailure("a single command got the answer of another call")
        }
    }

    /// Sends commands in one go and waits for all replies; an error reply of one does not stop the others.
    ///
    /// Other tasks' commands do not come between them. Deadline and cancellation are those of `send`.
    /// - Parameter isFlat: whether arrays are to be left as they were read, as `RESPValue.flat`.
    /// - Returns: one result a command, in order; when the connection is lost on the way, the commands without a reply
    ///   have the error `connectionLost`, `timedOut`, `cancelled` or `closed`.
    /// - Throws: `RedisError` when nothing was sent.
    package func pipeline(
        _ commands: [RedisCommand],
        timeout: Duration? = nil,
        isFlat: Bool = false
    ) async throws(RedisError) -> [Result<RESPValue, RedisError>] {
        var encoded = EncodedCommands()
        for command in commands { try encoded.append(command) }
        let (replies, rest) = try await pipeline(encoded, timeout: timeout, isFlat: isFlat)
        let results = replies.map { reply -> Result<RESPValue, RedisError> in
            if case .error(let text) = reply { .failure(.reply(text)) } else { .success(reply) }
        }
        guard let rest else { return results }
        return results + Array(repeating: .failure(rest), count: commands.count - replies.count)
    }

    /// Sends commands that are encoded already in one go and waits for all replies.
    ///
    /// - Returns: the replies that came, in order, error replies among them; when the connection was lost on the way,
    ///   also why the rest did not come.
    /// - Throws: `RedisError` when nothing was sent.
    nonisolated(nonsending) package func pipeline(
        _ commands: EncodedCommands,
        timeout: Duration? = nil,
        isFlat: Bool = false
    ) async throws(RedisError) -> (replies: [RESPValue], rest: RedisError?) {
        guard commands.count > 0 else { return ([], nil) }
        switch await answer(commands, isPipeline: true, isFlat: isFlat, timeout) {
        case .many(let replies, let rest): return (replies, rest)
        case .failed(let error): throw error
        case .one, .connected: preconditionFailure("a pipeline got the answer of another call")
        }
    }

    /// The server's number for the present connection (`CLIENT ID`), for a `CLIENT UNBLOCK` by another client.
    ///
    /// It is known since the login and nothing is sent for it, so a blocking command does not delay it. Connects when
    /// there is no connection. The number changes with every new connection.
    package func connectionID() async throws(RedisError) -> Int64 {
        switch await answer(EncodedCommands(), isPipeline: false, nil) {
        case .connected(let id?): return id
        case .connected(nil):
            throw RedisError(.reply("NOPERM"), "the connection's number is unknown: this user may not run CLIENT ID")
        case .failed(let error): throw error
        case .one, .many: preconditionFailure("a wait for the connection got the answer of another call")
        }
    }

    /// Closes the connection for good; calls under way and later ones fail with `closed`.
    ///
    /// The second call does nothing.
    package func close() async {
        let connection = connection
        let closed = eventLoop.flatSubmit { connection.value.close() }
        // Fails in no case: a channel's close future always succeeds.
        _ = try? await closed.get()
    }

    nonisolated(nonsending) private func answer(
        _ commands: EncodedCommands,
        isPipeline: Bool,
        isFlat: Bool = false,
        _ timeout: Duration?
    ) async -> Call.Answer {
        let deadline = clock.now() + (timeout ?? configuration.commandTimeout)
        let call = Call(commands, isPipeline: isPipeline, wantsFlat: isFlat, deadline: deadline)
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                call.prepare(continuation)
                if inbox.submit(call) { wakeLoop() }
            }
        } onCancel: {
            if inbox.cancel(call) { wakeLoop() }
        }
    }

    private func wakeLoop() {
        let connection = connection
        eventLoop.execute { connection.value.drain() }
    }
}
