package import ArgumentParser
import Logging
import PondQueue
import PondSupervisor
import PondWorker

/// One worker process: takes jobs until it is told to stop.
package struct AppWorker<App: MillpondApp>: AsyncParsableCommand {
    package static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "worker",
            abstract: "Run one worker process.",
            discussion: """
                It takes jobs until SIGTERM, SIGINT or SIGHUP: then it takes no more, hands back what it has not \
                started, and lets running jobs finish until --grace is over; a second signal cancels them at once. \
                What is cut off runs elsewhere and is not counted as an attempt. Without Redis it waits for it.
                """
        )
    }

    @OptionGroup var worker: WorkerOptions
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func run() async throws {
        try await runReporting(output) { _ in
            LogLines.start(try LogLines.level(worker.logLevel), App.logHandler)
            let logger = WorkerLog.logger()
            let wasHurried = try await withStopSignals(hangUp: .stops, logger) { stopSwitch in
                try await serve(stopSwitch, logger)
                return stopSwitch.wasHurried
            }
            if wasHurried == true { throw ExitCode(ExitCodes.interrupted.rawValue) }
        }
    }

    private func serve(_ stopSwitch: StopSwitch, _ logger: Logger) async throws {
        let configuration = worker.configuration(of: App.self)
        let app = try await App()
        try await redis.withPond(logger: logger) { pond in
            let worker = try Worker(pond, jobs: app.jobs, configuration: configuration, onReady: WorkerLog.sayReady)
            stopSwitch.attach(.init(stop: { worker.drain() }, stopNow: { worker.hurry() }))
            try Lifeline.watch {
                logger.info("the supervisor needs this worker no longer; it ends when its jobs have ended")
                worker.retire()
            } onEnd: {
                logger.notice("the supervisor is gone, this worker stops")
                stopSwitch.abandoned()
            }
            try await StartPages.released { try await worker.run() }
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
        do {
            try Descriptor.write(Array("\(WorkerEnvironment.readyLine)\n".utf8), to: 1)
        } catch {
            // Whoever wanted to know is gone; the lifeline tells the rest.
            return
        }
    }
}
