// The life of the one connection and of the calls that share it, as a value: events in, actions out, no I/O, no clock.
//
//     idle ──call──► connecting ──► loggingIn ──► ready ──lost──► idle, or connecting when calls wait
//                        └──────failed──────┴──► backingOff ──► connecting     (only while calls wait)
//     every state ──close──► closed
//
// A call is either waiting (not written, may be taken back) or in flight (written; a deadline that passes before its reply
// closes the connection, a cancelled caller only stops listening). Replies come in the order of the calls.

import NIOCore
package import PondCore

/// What the machine needs to know about a call.
package protocol PipelineCall: Equatable {
    /// How many replies belong to it; a call without any only waits for the connection.
    var commandCount: Int { get }
    /// When it ends without a reply.
    var deadline: LocalInstant { get }
    /// Whether arrays are to be left as they were read.
    var wantsFlat: Bool { get }
}

extension PipelineCall {
    package var wantsFlat: Bool { false }
}

/// The lifecycle of a connection and the queue of its calls.
package struct ConnectionMachine<Call: PipelineCall> {
    /// Where the connection is in its life.
    package enum State: Equatable {
        case idle
        case connecting
        case loggingIn(Login)
        case ready(connectionID: Int64?)
        case backingOff
        case closed
    }

    /// What the shell has to do, in order.
    package enum Action: Equatable {
        /// Make a connection, and report under this number.
        case connect(attempt: Int)
        /// Call `wakeUp` after this time.
        case wake(after: Duration)
        /// Send the login on the new connection.
        case logIn([RedisCommand])
        /// Write whatever `nextWrite` gives.
        case write
        /// Close the present connection, whose events no longer count.
        case hangUp
        /// Close a connection that came too late.
        case discard
        case fail(Call, RedisError)
    }

    /// Whose reply it is.
    package enum Delivery: Equatable {
        case reply(Call, isLast: Bool)
        case actions([Action])
    }

    /// What does not change over a connection's life.
    package struct Settings {
        /// The client's configuration.
        package let configuration: RedisConfiguration
        /// A number in -1...1 for the jitter of the next delay.
        package let random: @Sendable () -> Double

        package init(
            _ configuration: RedisConfiguration,
            random: @escaping @Sendable () -> Double = { .random(in: -1...1) }
        ) {
            self.configuration = configuration
            self.random = random
        }
    }

    private struct InFlight {
        let call: Call
        var repliesLeft: Int
        /// Its caller was cancelled and told so; what still comes for it is dropped.
        var isAbandoned = false
    }

    /// Where the connection is in its life.
    package private(set) var state = State.idle
    /// The earliest moment at which `expire` may have something to do.
    package private(set) var nextDeadline: LocalInstant?
    /// The number of the present or last attempt to connect.
    package private(set) var attempt = 0
    let settings: Settings
    private var waiting = CircularBuffer<Call>()
    private var inFlight = CircularBuffer<InFlight>()
    /// How many commands wait or are in flight.
    package private(set) var commandCount = 0
    private var isWritable = true
    /// Whether the connection leads to the wrong server: nothing more is written, and after the last reply it ends.
    package private(set) var isRetiring = false
    /// Failed attempts in a row, and connections lost before they answered a single call.
    private var failures = 0
    private var hasAnswered = false
    private var notBefore: LocalInstant?
    /// Why there is no connection; nil while there is one.
    private(set) var lastFailure: RedisError?

    package init(_ settings: Settings) {
        self.settings = settings
    }

    /// Whether calls can be written.
    package var isReady: Bool {
        if case .ready = state { true } else { false }
    }

    /// Whether the next reply is for a call that wants arrays as they were read.
    var nextWantsFlat: Bool { isReady && inFlight.first?.call.wantsFlat == true }

    /// Whether a written call has no reply yet.
    var isWaitingForReply: Bool { isReady && !inFlight.isEmpty }

    /// The server's number for the connection, while there is one and the user may know it.
    package var connectionID: Int64? {
        if case .ready(let id) = state { id } else { nil }
    }
}

// Calls.
extension ConnectionMachine {
    /// Takes a new call.
    package mutating func submit(_ call: Call, now: LocalInstant) -> [Action] {
        guard state != .closed else { return [.fail(call, Self.closedError)] }
        guard commandCount + call.commandCount <= settings.configuration.pipelineLimit else {
            return [.fail(call, pipelineFull(call))]
        }
        waiting.append(call)
        commandCount += call.commandCount
        nextDeadline = nextDeadline.map { min($0, call.deadline) } ?? call.deadline
        guard state == .idle else { return [] }
        return connectOrBackOff(now)
    }

    /// The next call to write now; nil when there is none, or the connection takes no more.
    package mutating func nextWrite() -> Call? {
        guard isReady, isWritable, !isRetiring, let call = waiting.popFirst() else { return nil }
        if call.commandCount > 0 { inFlight.append(InFlight(call: call, repliesLeft: call.commandCount)) }
        return call
    }

    /// Takes the next reply of the connection; the clock is read when something is wrong, not for every reply.
    package mutating func received(_ reply: RESPValue, now: @autoclosure () -> LocalInstant) -> Delivery {
        if case .loggingIn(var login) = state { return .actions(loggedIn(login.received(reply), login, now())) }
        guard isReady, !inFlight.isEmpty else {
            return .actions(failConnection(Self.unexpected(reply), now: now(), hangUp: true))
        }
        if !hasAnswered {
            hasAnswered = true
            failures = 0
        }
        // A master that became a replica: its name may lead to the new master by now.
        if case .error(let text) = reply, text.hasPrefix("READONLY ") { isRetiring = true }
        commandCount -= 1
        inFlight[inFlight.startIndex].repliesLeft -= 1
        let entry = inFlight[inFlight.startIndex]
        let isLast = entry.repliesLeft == 0
        if isLast { inFlight.removeFirst() }
        return entry.isAbandoned ? .actions([]) : .reply(entry.call, isLast: isLast)
    }

    /// Leaves a connection that is retiring and has no call in flight.
    package mutating func retire(now: LocalInstant) -> [Action] {
        guard isReady, isRetiring, inFlight.isEmpty else { return [] }
        // Counts as a failure, so that a server which stays a replica is not asked in a tight loop.
        hasAnswered = false
        return failConnection(Self.readOnlyError, now: now, hangUp: true)
    }

    /// Takes back a call that still waits.
    ///
    /// One that is in flight is abandoned: when others share the connection its reply is dropped once it comes, when it
    /// is alone (as a blocking read is) the connection is closed.
    package mutating func cancel(_ call: Call, now: LocalInstant) -> [Action] {
        if let index = waiting.firstIndex(of: call) {
            waiting.remove(at: index)
            commandCount -= call.commandCount
            return [.fail(call, RedisError(.cancelled, "the task was cancelled before the command was sent"))]
        }
        guard let index = inFlight.firstIndex(where: { $0.call == call && !$0.isAbandoned }) else { return [] }
        let error = RedisError(.cancelled, "the task was cancelled before the reply came", outcomeUnknown: true)
        guard inFlight.count == 1, waiting.isEmpty else {
            inFlight[index].isAbandoned = true
            return [.fail(call, error)]
        }
        return failConnection(error, now: now, hangUp: true)
    }

    /// Ends the calls whose deadline has passed; one in flight takes the connection with it.
    package mutating func expire(now: LocalInstant) -> [Action] {
        var actions: [Action] = []
        let late = waiting.filter { $0.deadline <= now }
        if !late.isEmpty {
            waiting = CircularBuffer(waiting.filter { $0.deadline > now })
            for call in late {
                commandCount -= call.commandCount
                actions.append(.fail(call, unsentError()))
            }
        }
        if inFlight.contains(where: { $0.call.deadline <= now }) {
            let lost = RedisError(
                .connectionLost,
                "the connection was closed because another call on it had no reply by its deadline; call again",
                outcomeUnknown: true
            )
            let address = settings.configuration.address
            let text = "no reply from \(address) by the call's deadline, and the connection was closed"
            let own = RedisError(.timedOut, text, outcomeUnknown: true)
            actions += failConnection(lost, now: now, hangUp: true) { $0.deadline <= now ? own : nil }
        }
        nextDeadline = [waiting.map(\.deadline).min(), inFlight.map(\.call.deadline).min()].compactMap(\.self).min()
        return actions
    }

    /// Ends everything for good.
    package mutating func close() -> [Action] {
        guard state != .closed else { return [] }
        let hasChannel = state.hasChannel
        state = .closed
        let calls = takeAll(inFlight: Self.closedError(outcomeUnknown: true), waiting: Self.closedError)
        return (hasChannel ? [.hangUp] : []) + calls
    }
}

// The connection.
extension ConnectionMachine {
    /// The attempt made a connection.
    package mutating func connected(attempt: Int) -> [Action] {
        guard state == .connecting, attempt == self.attempt else { return [.discard] }
        let login = Login(settings.configuration)
        state = .loggingIn(login)
        isWritable = true
        return [.logIn(login.commands)]
    }

    /// The attempt failed before there was a connection; `isFinal` when another try would end the same way.
    package mutating func connectFailed(
        attempt: Int,
        _ error: RedisError,
        isFinal: Bool = false,
        now: LocalInstant
    ) -> [Action] {
        guard state == .connecting, attempt == self.attempt else { return [] }
        return failAttempt(error, isFinal: isFinal, now: now, hangUp: false)
    }

    /// The time for connecting and logging in is over.
    package mutating func connectTimedOut(attempt: Int, now: LocalInstant) -> [Action] {
        guard attempt == self.attempt else { return [] }
        switch state {
        case .connecting:
            let timeout = settings.configuration.connectTimeout
            let error = RedisError(.connectFailed, "no connection after \(timeout.human)")
            return failAttempt(error, isFinal: false, now: now, hangUp: false)
        case .loggingIn:
            return failAttempt(loginTimeoutError, isFinal: false, now: now, hangUp: true)
        case .idle, .ready, .backingOff, .closed: return []
        }
    }

    /// The present connection ended by itself (`hangUp` false) or sent something unusable (`hangUp` true).
    package mutating func lost(
        _ error: RedisError,
        isFinal: Bool = false,
        now: LocalInstant,
        hangUp: Bool
    ) -> [Action] {
        switch state {
        case .loggingIn: failAttempt(error, isFinal: isFinal, now: now, hangUp: hangUp)
        case .ready: failConnection(error, now: now, hangUp: hangUp)
        case .idle, .connecting, .backingOff, .closed: []
        }
    }

    /// The delay that `Action.wake` asked for is over.
    package mutating func wakeUp() -> [Action] {
        guard state == .backingOff else { return [] }
        guard !waiting.isEmpty else {
            state = .idle
            return []
        }
        return connect()
    }

    /// The channel takes more bytes, or has to send some first.
    package mutating func writabilityChanged(_ isWritable: Bool) -> [Action] {
        self.isWritable = isWritable
        return isWritable && isReady ? [.write] : []
    }

    private mutating func loggedIn(
        _ progress: Login.Progress,
        _ login: Login,
        _ now: LocalInstant
    ) -> [Action] {
        switch progress {
        case .more:
            state = .loggingIn(login)
            return []
        case .done:
            state = .ready(connectionID: login.connectionID)
            hasAnswered = false
            isRetiring = false
            lastFailure = nil
            return [.write]
        case .failed(let error, let isFinal):
            return failAttempt(error, isFinal: isFinal, now: now, hangUp: true)
        }
    }

    private mutating func connect() -> [Action] {
        attempt += 1
        state = .connecting
        return [.connect(attempt: attempt)]
    }

    private mutating func connectOrBackOff(_ now: LocalInstant) -> [Action] {
        guard let notBefore, notBefore > now else { return connect() }
        state = .backingOff
        return [.wake(after: now.duration(to: notBefore))]
    }

    private mutating func failAttempt(
        _ error: RedisError,
        isFinal: Bool,
        now: LocalInstant,
        hangUp: Bool
    ) -> [Action] {
        countFailure(now)
        lastFailure = error
        state = .idle
        var actions: [Action] = hangUp ? [.hangUp] : []
        if isFinal { actions += takeAll(inFlight: error, waiting: error) }
        if !waiting.isEmpty { actions += connectOrBackOff(now) }
        return actions
    }

    private mutating func failConnection(
        _ error: RedisError,
        now: LocalInstant,
        hangUp: Bool,
        _ own: (Call) -> RedisError? = { _ in nil }
    ) -> [Action] {
        var actions: [Action] = hangUp ? [.hangUp] : []
        for entry in inFlight {
            commandCount -= entry.repliesLeft
            guard !entry.isAbandoned else { continue }
            actions.append(.fail(entry.call, own(entry.call) ?? error))
        }
        inFlight.removeAll()
        lastFailure = error
        // The first try is made at once, unless the connection never answered a call: then the server is ill.
        if hasAnswered { notBefore = nil } else { countFailure(now) }
        state = .idle
        if !waiting.isEmpty { actions += connectOrBackOff(now) }
        return actions
    }

    private mutating func countFailure(_ now: LocalInstant) {
        failures += 1
        let delay = settings.configuration.reconnect.delay(afterFailures: failures, random: settings.random())
        notBefore = now + delay
    }

    private mutating func takeAll(inFlight flightError: RedisError, waiting waitError: RedisError) -> [Action] {
        let actions =
            inFlight.filter { !$0.isAbandoned }.map { Action.fail($0.call, flightError) }
            + waiting.map { Action.fail($0, waitError) }
        inFlight.removeAll()
        waiting.removeAll()
        commandCount = 0
        return actions
    }
}
