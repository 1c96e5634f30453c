import PondCore
import PondQueue
import PondRedis
import PondSupervisor

// The one table from errors to exit codes and next steps.

extension CommandFailure {
    /// What a person is told about any error.
    package init(describing error: any Error) {
        switch error {
        case let error as CommandFailure: self = error
        case let error as QueueError: self.init(error)
        case let error as RedisError: self.init(error, message: error.message)
        case let error as SupervisorError:
            self.init(error.code == .invalidConfiguration ? .usage : .failure, error.message)
        case let error as EmbeddedRedisError:
            self.init(error.code == .directoryInUse ? .conflict : .failure, error.message, hint: error.hint)
        case let error as PondError: self.init(.usage, error.message, hint: "correct it and run the command again")
        case is CancellationError: self = .stopped
        default: self.init(.failure, "\(error)")
        }
    }

    /// The user stopped the command.
    package static let stopped = CommandFailure(.interrupted, "stopped before it was finished")

    private init(_ error: QueueError) {
        switch error.code {
        case .invalid:
            self.init(.usage, error.message, hint: "nothing was written; correct it and run the command again")
        case .keyMismatch:
            let hint = "the job that it names has the key; another effect needs another key"
            self.init(.conflict, error.message, hint: hint)
        case .queueFull:
            self.init(.refused, error.message, hint: "nothing was written; try again when workers have caught up")
        case .libraryNewer:
            self.init(.failure, error.message, hint: "`pond version` shows this program, `pond doctor` the server")
        case .unexpectedReply:
            self.init(.failure, error.message, hint: "`pond doctor` checks the server and its function library")
        default:
            if let redis = error.redis {
                self.init(redis, message: error.message)
            } else {
                self.init(.failure, error.message)
            }
        }
    }

    private init(_ error: RedisError, message: String) {
        let (code, hint) = Self.advice(on: error)
        let doubt = error.outcomeUnknown ? "; the server may or may not have done it" : ""
        self.init(code, message + doubt, hint: hint)
    }

    private static func advice(on error: RedisError) -> (ExitCodes, String?) {
        if error.isForbiddenInFunction { return advice(onReply: "NOPERM") }
        if let prefix = error.prefix { return advice(onReply: prefix) }
        switch error.code {
        case .invalidURL:
            return (.usage, "write it as redis://[user@]host[:port][/db], rediss://… or unix:///path/redis.sock")
        case .connectFailed:
            return (.unreachable, "check that Redis runs there, or name another with --redis or MILLPOND_REDIS_URL")
        case .connectionLost, .protocolViolation:
            return (.unreachable, "look at what was done, then run the command again; `pond doctor` checks the server")
        case .timedOut:
            return (.timedOut, "look at what was done, then run the command again, with a longer --timeout if need be")
        case .authentication:
            return (.refused, "check the user in --redis and the password in MILLPOND_REDIS_PASSWORD_FILE")
        case .tls:
            return (
                .refused, "give --redis what it takes: rediss://HOST:PORT?ca=FILE&cert=FILE&key=FILE&servername=NAME"
            )
        case .cancelled:
            return (.interrupted, nil)
        default:
            return (.failure, nil)
        }
    }

    private static func advice(onReply prefix: String) -> (ExitCodes, String?) {
        switch prefix {
        case "NOAUTH", "WRONGPASS":
            (.refused, "check the user in --redis and the password in MILLPOND_REDIS_PASSWORD_FILE")
        case "NOPERM", "DENIED":
            (.refused, "let an administrator grant it (ACL SETUSER), or use another user in --redis")
        case "LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN":
            (.unreachable, "the server says it will be back; run the command again in a moment")
        case "READONLY":
            (.refused, "this server is a replica; name its primary with --redis")
        case "MOVED", "ASK", "CROSSSLOT":
            (.failure, "this server is part of a cluster and another node has the queue; name that node with --redis")
        case "OOM", "MISCONF", "NOREPLICAS":
            (.failure, "the server takes no writes just now; `pond doctor` says what is wrong with it")
        case "WRONGTYPE":
            (.failure, "another program uses that key; free it, or give this deployment a prefix with --prefix")
        default:
            (.failure, "`pond doctor` checks the server")
        }
    }
}

extension RedisError {
    /// Whether a function of the library ran a command that this user may not run; Redis 7 has no prefix for that.
    package var isForbiddenInFunction: Bool {
        prefix == "ERR" && message.contains("The user executing the script can't")
    }
}
