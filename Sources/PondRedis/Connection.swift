// The shell around `ConnectionMachine`: it moves calls from the inbox into the machine, does what the machine says, and
// tells it what the channel did. Everything here runs on one event loop. One timer watches the earliest deadline; it is
// not moved when a call ends in time, but looks again when it fires. Nothing is scheduled while no call is under way.

import Logging
import NIOCore
import PondCore
import Synchronization

/// A client's connection, on its event loop.
final class Connection {
    /// What other threads may see.
    struct Status: Sendable {
        var isConnected = false
        var connectionID: Int64?
    }

    private struct Link {
        let channel: any Channel
        let handler: RedisChannelHandler
        /// Nil when what arrives there is not what the handler parses.
        let socket: CInt?
    }

    private let configuration: RedisConfiguration
    private let eventLoop: any EventLoop
    private let clock: LocalClock
    private let logger: Logger
    private let inbox: Inbox
    private let status: StatusBox
    private let connector: Connector
    private var machine: ConnectionMachine<Call>
    private var link: Link?
    private var batch = Inbox.Contents()
    private var buffer = ByteBuffer()
    private var attemptTimer: Scheduled<Void>?
    private var wakeTimer: Scheduled<Void>?
    private var deadlineTimer: (at: LocalInstant, timer: Scheduled<Void>)?
    /// Whether the present outage was reported; only its first failure is a warning.
    private var hasWarned = false
    private var busyPoll: BusyPoll
    private var closing: EventLoopFuture<Void>?

    init(
        _ configuration: RedisConfiguration,
        eventLoop: any EventLoop,
        clock: LocalClock,
        logger: Logger,
        inbox: Inbox,
        status: StatusBox
    ) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.clock = clock
        self.logger = logger
        self.inbox = inbox
        self.status = status
        connector = Connector(configuration, eventLoop: eventLoop)
        machine = ConnectionMachine(.init(configuration))
        busyPoll = BusyPoll(configuration.busyPoll)
    }

    /// Takes over what callers left in the inbox; called once a loop turn however many they are.
    func drain() {
        inbox.swap(&batch)
        let now = clock.now()
        for call in batch.submitted {
            if call.isCancelled {
                call.fail(RedisError(.cancelled, "the task was cancelled before the command was sent"))
            } else {
                perform(machine.submit(call, now: now))
            }
        }
        for call in batch.cancelled { perform(machine.cancel(call, now: now)) }
        batch.submitted.removeAll(keepingCapacity: true)
        batch.cancelled.removeAll(keepingCapacity: true)
        write()
        watchDeadlines(now)
    }

    /// Fails every call and closes the channel; later calls fail too.
    func close() -> EventLoopFuture<Void> {
        if let closing { return closing }
        let channel = link?.channel
        // Calls that were left in the inbox before this fail here, later ones in `drain`.
        drain()
        perform(machine.close())
        for timer in [attemptTimer, wakeTimer, deadlineTimer?.timer] { timer?.cancel() }
        let closed = channel?.closeFuture ?? eventLoop.makeSucceededVoidFuture()
        closing = closed
        return closed
    }

    private func perform(_ actions: [ConnectionMachine<Call>.Action]) {
        for action in actions {
            switch action {
            case .connect(let attempt): connect(attempt)
            case .wake(let delay): wake(after: delay)
            case .logIn(let commands): logIn(commands)
            case .write: becameWritable()
            case .hangUp: hangUp()
            case .discard: break
            case .fail(let call, let error): call.fail(error)
            }
        }
    }
}

// Writing.
extension Connection {
    /// Writes every call that may go out now: small ones gathered, large ones as they are, with one flush at the end.
    private func write() {
        guard let channel = link?.channel else { return }
        var hasWritten = false
        while let call = machine.nextWrite() {
            guard call.commandCount > 0 else {
                call.connected(machine.connectionID)
                continue
            }
            // By now the channel has let go of it, so that this is the same memory again.
            if !hasWritten { buffer.clear() }
            hasWritten = true
            if buffer.readableBytes + call.commands.bytes.readableBytes <= Limits.writeBatchBytes {
                buffer.writeImmutableBuffer(call.commands.bytes)
            } else {
                if buffer.readableBytes > 0 { channel.write(buffer, promise: nil) }
                channel.write(call.commands.bytes, promise: nil)
                buffer.clear()
            }
        }
        guard hasWritten else { return }
        if buffer.readableBytes > 0 { channel.write(buffer, promise: nil) }
        channel.flush()
    }

    private func becameWritable() {
        if machine.isReady && !status.isConnected { becameReady() }
        write()
    }

    private func becameReady() {
        endAttempt()
        status.set(Status(isConnected: true, connectionID: machine.connectionID))
        if hasWarned { logger.notice("Redis can be reached again", metadata: metadata()) }
        hasWarned = false
    }
}

// Waiting.
extension Connection {
    /// Sends what tasks on this thread have left, and takes the reply at once when it comes within moments.
    func poll() {
        drain()
        // The number of a socket that is closed may be another's by now.
        guard machine.isWaitingForReply, let link, let socket = link.socket, link.channel.isActive else { return }
        busyPoll.read(socket) { link.handler.receive($0) }
    }

    private func plainSocket(of channel: any Channel) -> CInt? {
        guard configuration.tls == nil else { return nil }
        // Without access to the socket, replies come by the event loop alone.
        return try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 }
    }
}

// Connecting.
extension Connection {
    private func connect(_ attempt: Int) {
        let owner = NIOLoopBound(self, eventLoop: eventLoop)
        endAttempt()
        attemptTimer = schedule(after: configuration.connectTimeout) { connection in
            connection.noteFailure("no answer within the connect timeout")
            connection.perform(connection.machine.connectTimedOut(attempt: attempt, now: connection.clock.now()))
        }
        let replyBytesMax = configuration.replyBytesMax
        connector.connect { RedisChannelHandler(replyBytesMax: replyBytesMax, receiver: self) }.whenComplete { result in
            owner.value.connectCompleted(attempt, result)
        }
    }

    private func connectCompleted(
        _ attempt: Int,
        _ result: Result<(any Channel, NIOLoopBound<RedisChannelHandler>), any Error>
    ) {
        switch result {
        case .success(let (channel, handler)):
            let actions = machine.connected(attempt: attempt)
            if actions.contains(.discard) {
                handler.value.isAbandoned = true
                channel.close(promise: nil)
            } else {
                link = Link(channel: channel, handler: handler.value, socket: plainSocket(of: channel))
                perform(actions)
                // A channel that ended before it was ours has told nobody.
                if !channel.isActive { disconnected(handler.value) }
            }
        case .failure(let error):
            guard attempt == machine.attempt else { return }
            endAttempt()
            let (failure, isFinal) = Self.connectError(error)
            noteFailure(failure.message)
            perform(machine.connectFailed(attempt: attempt, failure, isFinal: isFinal, now: clock.now()))
        }
    }

    private func logIn(_ commands: [RedisCommand]) {
        guard let channel = link?.channel else { return }
        var encoded = EncodedCommands()
        do throws(RedisError) {
            for command in commands { try encoded.append(command) }
        } catch {
            preconditionFailure("a user, password or client name of more than \(Limits.argumentBytesMax) bytes")
        }
        channel.writeAndFlush(encoded.bytes, promise: nil)
    }

    private func endAttempt() {
        attemptTimer?.cancel()
        attemptTimer = nil
    }

    private func hangUp() {
        endAttempt()
        guard let link else { return }
        self.link = nil
        status.set(Status())
        link.handler.isAbandoned = true
        link.channel.close(promise: nil)
    }

    private func noteFailure(_ reason: String) {
        let level: Logger.Level = hasWarned ? .debug : .warning
        logger.log(level: level, "Redis cannot be reached; calls wait", metadata: metadata(reason))
        hasWarned = true
    }

    private func metadata(_ reason: String? = nil) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["address": "\(configuration.address)"]
        if let reason { metadata["reason"] = .string(reason) }
        return metadata
    }
}

// Timers.
extension Connection {
    private func wake(after delay: Duration) {
        wakeTimer?.cancel()
        wakeTimer = schedule(after: delay) { connection in
            connection.wakeTimer = nil
            connection.perform(connection.machine.wakeUp())
        }
    }

    private func watchDeadlines(_ now: LocalInstant) {
        guard let deadline = machine.nextDeadline else { return }
        if let deadlineTimer {
            if deadlineTimer.at <= deadline { return }
            deadlineTimer.timer.cancel()
        }
        let timer = schedule(after: now.duration(to: deadline)) { connection in
            connection.deadlineTimer = nil
            let now = connection.clock.now()
            connection.perform(connection.machine.expire(now: now))
            connection.write()
            connection.watchDeadlines(now)
        }
        deadlineTimer = (deadline, timer)
    }

    private func schedule(after delay: Duration, _ action: @escaping (Connection) -> Void) -> Scheduled<Void> {
        let owner = NIOLoopBound((self, action), eventLoop: eventLoop)
        return eventLoop.scheduleTask(in: .nanoseconds(delay.nanoseconds)) { owner.value.1(owner.value.0) }
    }
}

extension Connection: ReplyReceiver {
    var wantsFlat: Bool { machine.nextWantsFlat }

    func received(_ reply: RESPValue, from handler: RedisChannelHandler) {
        guard handler === link?.handler else { return }
        switch machine.received(reply, now: clock.now()) {
        case .reply(let call, let isLast):
            call.received(reply, isLast: isLast)
            if machine.isRetiring { perform(machine.retire(now: clock.now())) }
        case .actions(let actions):
            if actions.first == .hangUp, let failure = machine.lastFailure { noteFailure(failure.message) }
            perform(actions)
        }
    }

    func failed(_ error: any Error, from handler: RedisChannelHandler) {
        guard handler === link?.handler else { return }
        let (failure, isFinal) = Self.lossError(error)
        ended(failure, isFinal: isFinal, hangUp: true)
    }

    func disconnected(_ handler: RedisChannelHandler) {
        guard handler === link?.handler else { return }
        let failure = RedisError(
            .connectionLost,
            "the server at \(configuration.address) closed the connection",
            outcomeUnknown: true
        )
        link = nil
        status.set(Status())
        ended(failure, isFinal: false, hangUp: false)
    }

    func writabilityChanged(_ isWritable: Bool, of handler: RedisChannelHandler) {
        guard handler === link?.handler else { return }
        perform(machine.writabilityChanged(isWritable))
    }

    private func ended(_ error: RedisError, isFinal: Bool, hangUp: Bool) {
        endAttempt()
        if machine.isReady {
            logger.info("the connection to Redis was lost", metadata: metadata(error.message))
        } else {
            noteFailure(error.message)
        }
        perform(machine.lost(error, isFinal: isFinal, now: clock.now(), hangUp: hangUp))
    }
}

/// A connection's status for other threads.
final class StatusBox: Sendable {
    private let status = Mutex(Connection.Status())

    var isConnected: Bool { status.withLock { $0.isConnected } }

    func set(_ new: Connection.Status) {
        status.withLock { $0 = new }
    }
}
