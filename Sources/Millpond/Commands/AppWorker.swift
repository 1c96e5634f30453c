package import ArgumentParser
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
        let configuration = worker.configuration(of: App.self)
        try await WorkerRun(worker, redis, output, App.logHandler).run(configuration, version: App.version) { _ in
            let app = try await App()
            return AppParts(jobs: JobList(app.jobs.registrations, middleware: app.middleware)) { pond in
                try app.services(on: pond)
            }
        }
    }
}
