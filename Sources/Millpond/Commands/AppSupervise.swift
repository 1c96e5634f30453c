package import ArgumentParser
import Logging

/// A fleet of worker processes.
package struct AppSupervise<App: MillpondApp>: AsyncParsableCommand {
    package static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "supervise",
            abstract: "Keep a fleet of worker processes alive.",
            usage:
                "\(Program.name) supervise [--workers <count> | --wait-target <duration>] [<worker options>] [-- <command> …]",
            discussion: """
                With --wait-target the number of workers follows the load; `pond scale explain` says why. \
                A worker that ends is replaced; when it ends again and again, the rest before that grows. SIGTERM or \
                SIGINT drains the fleet; a second one cancels what still runs. SIGHUP replaces the workers one by one. \
                When the supervisor is killed, the workers drain by themselves. After -- another program can be named as the worker.
                """
        )
    }

    @OptionGroup var fleet: FleetOptions
    @OptionGroup var worker: WorkerOptions
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func run() async throws {
        try await runReporting(output) { _ in
            LogLines.start(try LogLines.level(worker.logLevel), App.logHandler)
            let kind = try fleet.kind(of: App.self, worker, redis)
            let logger = Logger(label: "supervisor")
            let wasHurried = try await withStopSignals(hangUp: .reloads, logger) { stopSwitch in
                try await FleetRun.run(kind, redis, stopSwitch, logger, metrics: worker.metrics, version: App.version)
                return stopSwitch.wasHurried
            }
            if wasHurried == true { throw ExitCode(ExitCodes.interrupted.rawValue) }
        }
    }
}
