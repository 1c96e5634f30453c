/// What is sent on a new connection before anything else, and what its replies mean: a pure state machine.
package struct Login: Equatable {
    /// One command of the login and how its error reply is taken.
    private enum Step: Equatable {
        case authenticate, select, name, identify, probe
    }

    /// Where the login stands after a reply.
    package enum Progress: Equatable {
        case more
        case done
        /// The connection is of no use; `isFinal` when another try would end the same way.
        case failed(RedisError, isFinal: Bool)
    }

    /// What to send, in one go.
    package private(set) var commands: [RedisCommand] = []
    /// The server's number for this connection, when the user may ask for it.
    package private(set) var connectionID: Int64?
    private var steps: [Step] = []
    private var next = 0

    /// A login that nothing was sent of yet.
    package init(_ configuration: RedisConfiguration) {
        if let password = configuration.password {
            let user = configuration.user.map { [RedisArgument.text($0)] } ?? []
            append(.authenticate, RedisCommand("AUTH", user + [.text(password)]))
        }
        if configuration.database != 0 { append(.select, RedisCommand("SELECT", .number(configuration.database))) }
        if let name = configuration.clientName { append(.name, RedisCommand("CLIENT", "SETNAME", .text(name))) }
        append(.identify, RedisCommand("CLIENT", "ID"))
        // The one command here that a server which is loading, or a replica without its master, does not answer.
        append(.probe, RedisCommand("PING"))
    }

    /// Takes the reply to the next of `commands`.
    package mutating func received(_ reply: RESPValue) -> Progress {
        let step = steps[next]
        next += 1
        if case .error(let text) = reply {
            if let failure = Self.failure(of: step, .reply(text)) { return failure }
        } else if step == .identify {
            connectionID = reply.int
        }
        return next == steps.count ? .done : .more
    }

    private mutating func append(_ step: Step, _ command: RedisCommand) {
        steps.append(step)
        commands.append(command)
    }

    private static func failure(of step: Step, _ error: RedisError) -> Progress? {
        switch error.prefix {
        case "LOADING", "MASTERDOWN", "BUSY": return .failed(error, isFinal: false)
        // What every step gets on a server that wants a password: NOAUTH there, and a full server hangs up.
        case "NOAUTH", "WRONGPASS": return .failed(authenticationError(error), isFinal: true)
        case "ERR" where error.advice == .wait: return .failed(error, isFinal: false)
        default: break
        }
        switch step {
        case .authenticate: return .failed(authenticationError(error), isFinal: true)
        // A user who may not set a name can still work; a name that is refused is a mistake.
        case .name where error.prefix == "NOPERM": return nil
        case .select, .name: return .failed(error, isFinal: true)
        // MISCONF, too, is an answer to PING.
        case .identify, .probe: return nil
        }
    }

    private static func authenticationError(_ error: RedisError) -> RedisError {
        RedisError(.authentication, "the server refused the login: \(error.message)", underlying: error)
    }
}
