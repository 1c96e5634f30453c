package import ArgumentParser
package import Logging
import PondCore
package import PondQueue
package import PondRedis

/// Which Redis a command talks to.
///
/// The order is: the option, the environment, the default. A password belongs in the file that
/// `MILLPOND_REDIS_PASSWORD_FILE` names, because other users of the machine can read a command line.
package struct RedisOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "Where Redis is. Defaults to MILLPOND_REDIS_URL, then redis://127.0.0.1:6379.",
            discussion: "The password comes from the file that MILLPOND_REDIS_PASSWORD_FILE names.",
            valueName: "url"
        )
    )
    package var redis: String?

    @Option(help: ArgumentHelp("What every key begins with. Defaults to MILLPOND_PREFIX, then mp.", valueName: "text"))
    package var prefix: String?

    @Option(
        help: ArgumentHelp("How long one call may take, as in 500ms or 5s. Defaults to 5s.", valueName: "duration"),
        transform: Duration.argument
    )
    package var timeout: Duration?

    package init() {}

    /// The server that is used when nobody names one.
    package static let defaultURL = "redis://127.0.0.1:6379"

    /// The server's address and login as the options and the environment give them.
    ///
    /// - Throws: `CommandFailure` when the URL is malformed or the password file cannot be read.
    package func configuration(
        environment: (String) -> String? = Environment.value
    ) throws(CommandFailure) -> RedisConfiguration {
        let (url, source) = resolvedURL(environment)
        let passwordFile = environment("MILLPOND_REDIS_PASSWORD_FILE")
        var configuration: RedisConfiguration
        do {
            // A user whose password stands in the file has none in the URL.
            configuration = try RedisConfiguration(url: passwordFile == nil ? url : RedisOptions.completed(url))
        } catch {
            throw CommandFailure(
                .usage,
                "\(source): \(error.message)",
                hint:
                    "write redis://[user:password@]host[:port][/db], rediss://… or unix:///path/redis.sock; a password of "
                    + "any signs can stand in a file of its own, which MILLPOND_REDIS_PASSWORD_FILE names"
            )
        }
        if let passwordFile {
            configuration.password = try SecretFile.read(passwordFile, named: "MILLPOND_REDIS_PASSWORD_FILE")
        }
        let timeout = timeout ?? .seconds(5)
        configuration.commandTimeout = timeout
        configuration.connectTimeout = timeout
        configuration.clientName = "pond"
        return configuration
    }

    /// What every key begins with.
    ///
    /// - Throws: `CommandFailure` when it would make keys that the function library refuses.
    package func resolvedPrefix(
        environment: (String) -> String? = Environment.value
    ) throws(CommandFailure) -> String {
        let prefix = prefix ?? environment("MILLPOND_PREFIX") ?? "mp"
        let isPlain = prefix.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != 0x7b && $0 != 0x7d }
        guard isPlain, (1...64).contains(prefix.utf8.count) else {
            throw CommandFailure(
                .usage,
                "prefix \"\(SafeText.escaped(prefix.prefix(80)))\" is not allowed",
                hint: "use 1 to 64 printable characters without spaces and braces, as in mp"
            )
        }
        return prefix
    }

    /// Makes the queues' home, to be closed in the end; nothing is connected before the first call.
    package func makePond(logger: Logger = .quiet) throws(CommandFailure) -> Pond {
        Pond(try configuration(), prefix: try resolvedPrefix(), logger: logger)
    }

    /// Runs `body` with a pond, and closes the connection whatever happens.
    package func withPond<Value>(
        logger: Logger = .quiet,
        _ body: (Pond) async throws -> Value
    ) async throws -> Value {
        let pond = try makePond(logger: logger)
        do {
            let value = try await body(pond)
            await pond.close()
            return value
        } catch {
            await pond.close()
            throw error
        }
    }

    /// The URL with a stand-in for the password of a user that has none.
    private static func completed(_ url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return url }
        let authority = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
        guard let end = authority.lastIndex(of: "@"), !authority[..<end].contains(":") else { return url }
        return "\(url[..<end]):-\(url[end...])"
    }

    private func resolvedURL(_ environment: (String) -> String?) -> (url: String, source: String) {
        if let redis { return (redis, "--redis") }
        if let url = environment("MILLPOND_REDIS_URL") { return (url, "MILLPOND_REDIS_URL") }
        return (RedisOptions.defaultURL, "the default URL")
    }
}

extension Logger {
    /// Errors only, on standard error: for commands that report what failed themselves.
    package static var quiet: Logger {
        var logger = Logger(label: "pond") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .critical
        return logger
    }
}
