import ArgumentParser
import Millpond
import PondQueue

/// What a command takes that runs until a signal stops it.
struct ServiceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "What to log: trace … critical. Defaults to MILLPOND_LOG_LEVEL, then info.",
            valueName: "level"
        ),
        transform: LogLines.level
    )
    var logLevel: Logger.Level?

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    /// Makes something that works on a pond, and runs it until SIGTERM, SIGINT or SIGHUP; a second signal ends it at once.
    ///
    /// - Parameters:
    ///   - label: what its log lines are of.
    ///   - make: how to run it, and how to stop it.
    func serve(
        _ label: String,
        _ make:
            @escaping @Sendable (Pond, Logger) throws -> (
                run: @Sendable () async throws -> Void, stop: @Sendable () -> Void
            )
    ) async throws {
        LogLines.start(try LogLines.level(logLevel), BuiltinJobs.logHandler)
        let (logger, redis) = (Logger(label: label), self.redis)
        let wasHurried = try await withStopSignals(hangUp: .stops, logger) { stopSwitch in
            try await redis.withPond(logger: logger) { pond in
                let service = try make(pond, logger)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    let (hurried, hurry) = AsyncStream.makeStream(of: Never.self)
                    stopSwitch.attach(.init(stop: service.stop, stopNow: { hurry.finish() }))
                    group.addTask { try await service.run() }
                    group.addTask { for await _ in hurried {} }
                    try await group.next()
                    group.cancelAll()
                }
            }
            return stopSwitch.wasHurried
        }
        if wasHurried == true { throw ExitCode(ExitCodes.interrupted.rawValue) }
    }
}
