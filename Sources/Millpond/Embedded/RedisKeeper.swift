import Logging
import PondCore

/// Keeps the server of an embedded Redis alive while somebody uses it.
struct RedisKeeper: Sendable {
    let program: RedisProgram
    let home: RedisHome
    let fixedPort: Int?
    let logger: Logger
    let clock: LocalClock

    /// How often a port that somebody has taken is met with another one.
    private static let portTriesMax = 8
    /// Below the ports that the system itself gives away.
    private static let freePorts = 20_000...32_000
    private static let restartPause = Backoff(base: .milliseconds(100), cap: .seconds(5), jitter: 0.2)

    /// Starts the server, runs `body` beside it once it answers, then ends the server.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable (EmbeddedRedis) async throws -> Value
    ) async throws -> Value {
        let (ready, sayReady) = AsyncStream.makeStream(of: EmbeddedRedis.self)
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                try await keep { sayReady.yield($0) }
                return nil
            }
            group.addTask {
                for await server in ready { return try await body(server) }
                return nil
            }
            var value: Value?
            while let result = try await group.next() {
                guard let result else { continue }
                value = result
                // The keeper ends when its server has.
                group.cancelAll()
            }
            guard let value else { throw CancellationError() }
            return value
        }
    }

    /// Runs one server after the other on the same data; returns when the task is cancelled and the last has ended.
    ///
    /// - Throws: `EmbeddedRedisError` with code `startFailed`, when the first one does not get as far as answering.
    private func keep(_ onFirstReady: @escaping @Sendable (EmbeddedRedis) -> Void) async throws {
        let server = try await startFirst(onFirstReady)
        var failures = 1
        while !Task.isCancelled {
            do { try await clock.sleep(Self.restartPause.delay(afterFailures: failures)) } catch { return }
            let end = try await RedisProcess(server, program, home, logger, clock).run {
                logger.notice("redis-server answers again")
            }
            failures = end.hasAnswered ? 1 : failures + 1
            report(end)
        }
    }

    /// Starts servers on other ports until one of them finds its port free, and returns when that one has ended.
    private func startFirst(_ onReady: @escaping @Sendable (EmbeddedRedis) -> Void) async throws -> EmbeddedRedis {
        for attempt in 1... {
            let port = fixedPort ?? .random(in: Self.freePorts)
            let server = EmbeddedRedis(
                directory: home.directory,
                socketPath: home.socketPath,
                port: port,
                logFile: home.logFile
            )
            try home.note(url: server.url)
            let end = try await RedisProcess(server, program, home, logger, clock).run { onReady(server) }
            if end.hasAnswered || Task.isCancelled {
                report(end)
                return server
            }
            let isTaken = end.words.contains("Address already in use")
            guard isTaken, fixedPort == nil, attempt < Self.portTriesMax else {
                throw startFailed(end, isPortTaken: isTaken, port)
            }
        }
        preconditionFailure("the loop above has no end")
    }

    private func report(_ end: RedisProcess.End) {
        guard !Task.isCancelled else { return }
        logger.error(
            "redis-server ended unasked; it is started again on the same data",
            metadata: ["status": "\(end.status)", "log": "\(home.logFile)"]
        )
    }

    private func startFailed(_ end: RedisProcess.End, isPortTaken: Bool, _ port: Int) -> EmbeddedRedisError {
        if isPortTaken {
            return EmbeddedRedisError(
                .startFailed,
                "\(program.name) cannot listen on 127.0.0.1:\(port): the port is taken",
                hint: "name another one with --port, or none, then a free one is used"
            )
        }
        let last = end.words.split(separator: "\n").suffix(3).joined(separator: " | ")
        return EmbeddedRedisError(
            .startFailed,
            "\(program.name) ended while it started (\(end.status)): \(SafeText.escaped(last.suffix(600)))",
            hint: "its whole log is in \(home.logFile)"
        )
    }
}
