import ArgumentParser
import Glibc
package import Logging
import PondQueue
import PondSupervisor
package import PondWorker

/// A worker under the signals of a program.
package struct WorkerRun {
    private let options: WorkerOptions
    private let redis: RedisOptions
    private let output: OutputOptions
    private let logHandler: @Sendable (String) -> any LogHandler

    package init(
        _ options: WorkerOptions,
        _ redis: RedisOptions,
        _ output: OutputOptions,
        _ logHandler: @escaping @Sendable (String) -> any LogHandler
    ) {
        self.options = options
        self.redis = redis
        self.output = output
        self.logHandler = logHandler
    }

    /// Works until it is told to stop and has drained.
    ///
    /// - Parameters:
    ///   - version: the program's, for its metrics. Defaults to none.
    ///   - parts: makes the handlers, before the worker takes jobs.
    ///   - onEnd: called when no job runs any more.
    package func run(
        _ configuration: WorkerConfiguration,
        version: String = "",
        parts: @escaping @Sendable (Logger) async throws -> AppParts,
        onEnd: @escaping @Sendable () async -> Void = {}
    ) async throws {
        try await runReporting(output) { _ in
            LogLines.start(try LogLines.level(options.logLevel), logHandler)
            let logger = WorkerLog.logger()
            let registry = options.metrics.start(version: version)
            let health = WorkerHealth()
            let wasHurried = try await withStopSignals(hangUp: .stops, logger) { stopSwitch in
                // Before the handlers are made, which may take a while: a probe then hears that they are.
                try await options.metrics.serving(registry, logger, health: health.health) {
                    let parts = try await parts(logger)
                    do {
                        try await reporting(logger) {
                            try await serve(configuration, parts, stopSwitch, logger, health)
                        }
                    } catch {
                        await onEnd()
                        throw error
                    }
                    await onEnd()
                }
                return stopSwitch.wasHurried
            }
            if wasHurried == true { throw ExitCode(ExitCodes.interrupted.rawValue) }
        }
    }

    /// Runs `body` and tells the supervisor meanwhile what is counted, when it asked for it.
    ///
    /// After the handlers were made: a program may set metrics up of its own until then, and does so once.
    private func reporting(_ logger: Logger, _ body: () async throws -> Void) async throws {
        guard let address = Environment.value(WorkerEnvironment.metrics),
            let reporter = MetricsOptions.startReporting(to: address, logger)
        else { return try await body() }
        try await reporter.reporting(body)
    }

    private func serve(
        _ configuration: WorkerConfiguration,
        _ parts: AppParts,
        _ stopSwitch: StopSwitch,
        _ logger: Logger,
        _ health: WorkerHealth
    ) async throws {
        try await redis.check()
        try await redis.withPond(logger: logger) { pond in
            let worker = try Worker(pond, jobs: parts.jobs, configuration: configuration) {
                health.serves()
                WorkerLog.sayReady()
            }
            health.watch(worker)
            stopSwitch.attach(.init(stop: { worker.drain() }, stopNow: { worker.hurry() }))
            try Lifeline.watch {
                logger.info("the supervisor needs this worker no longer; it ends when its jobs have ended")
                worker.retire()
            } onEnd: {
                logger.notice("the supervisor is gone, this worker stops")
                stopSwitch.abandoned()
            }
            let services = try parts.services(pond)
            try await AppServices.run(services, logger, onFailure: { worker.drain() }) {
                try await StartPages.released { try await worker.run() }
            }
        }
    }
}

/// What a worker tells its supervisor.
private enum WorkerLog {
    static func logger() -> Logger {
        var logger = Logger(label: "worker")
        if let slot = Environment.value(WorkerEnvironment.slot) { logger[metadataKey: "slot"] = "\(slot)" }
        return logger
    }

    @Sendable static func sayReady() {
        guard Environment.value(WorkerEnvironment.ready) == "stdout" else { return }
        // A supervisor of before knows only the bare line.
        let mayName = Environment.value(WorkerEnvironment.readyPID) != nil
        let line = mayName ? WorkerEnvironment.readyLine(of: getpid()) : WorkerEnvironment.readyLine
        do {
            try Descriptor.write(Array("\(line)\n".utf8), to: 1)
        } catch {
            // Whoever wanted to know is gone; the lifeline tells the rest.
            return
        }
    }
}
