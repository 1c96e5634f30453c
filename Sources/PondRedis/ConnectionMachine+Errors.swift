import PondCore

extension ConnectionMachine {
    static var closedError: RedisError { closedError(outcomeUnknown: false) }

    static func closedError(outcomeUnknown: Bool) -> RedisError {
        RedisError(.closed, "the Redis client was closed", outcomeUnknown: outcomeUnknown)
    }

    static var readOnlyError: RedisError {
        RedisError(.connectionLost, "the server is a read-only replica; another connection may lead to its master")
    }

    static func unexpected(_ reply: RESPValue) -> RedisError {
        let text = if case .error(let message) = reply { message } else { "\(reply)" }
        return RedisError(
            .protocolViolation,
            "the server sent a reply that belongs to no command (\(text.prefix(100))), and the connection was closed"
        )
    }

    /// Why a call that waited until its deadline was never sent.
    func unsentError() -> RedisError {
        let address = settings.configuration.address
        let reason: String
        switch (state, lastFailure) {
        case (.ready, _):
            return RedisError(.timedOut, "the command could not be sent to \(address) before its deadline")
        case (_, let failure?): reason = failure.message
        case (.loggingIn, nil): reason = "connected, but no answer to the login yet; \(tlsHint)"
        case (_, nil): reason = "no connection yet"
        }
        let text = "Redis at \(address) cannot be used: \(reason) (attempt \(attempt))"
        return RedisError(.connectFailed, text, underlying: lastFailure)
    }

    var loginTimeoutError: RedisError {
        let timeout = settings.configuration.connectTimeout
        return RedisError(.connectFailed, "connected, but no answer to the login after \(timeout.human); \(tlsHint)")
    }

    /// The usual mistake behind a silent server.
    private var tlsHint: String {
        settings.configuration.tls == nil ? "is it a TLS port (rediss://)?" : "does the port speak TLS?"
    }

    func pipelineFull(_ call: Call) -> RedisError {
        let limit = settings.configuration.pipelineLimit
        guard call.commandCount <= limit else {
            return RedisError(.tooLarge, "\(call.commandCount) commands in one pipeline; \(limit) are allowed")
        }
        return RedisError(.pipelineFull, "\(commandCount) commands wait for Redis already; \(limit) are allowed")
    }
}

extension ConnectionMachine.State {
    /// Whether there is a connection that has to be closed in the end.
    var hasChannel: Bool {
        switch self {
        case .loggingIn, .ready: true
        case .idle, .connecting, .backingOff, .closed: false
        }
    }
}
