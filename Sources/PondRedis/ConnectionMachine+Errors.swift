extension ConnectionMachine {
    static var closedError: RedisError { closedError(outcomeUnknown: false) }

    static func closedError(outcomeUnknown: Bool) -> RedisError {
        RedisError(.closed, "the Redis client was closed", outcomeUnknown: outcomeUnknown)
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
        guard let lastFailure, !isReady else {
            return RedisError(.timedOut, "the command could not be sent to \(address) before its deadline")
        }
        return RedisError(
            .connectFailed,
            "Redis at \(address) cannot be used: \(lastFailure.message) (attempt \(attempt))",
            underlying: lastFailure
        )
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
