package import ArgumentParser
import Logging
import Millpond

/// The whole thing on one machine: a Redis, a fleet, a folder, a result.
package struct DemoCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Run a fleet on a folder and check its result.",
        discussion: """
            Starts a private Redis and worker processes, enqueues a job a file, waits until all have ended, and counts \
            the same files with find, zcat and wc. Ends with exit code 8 when a number differs or a job is lost.
            """
    )

    @Option(help: ArgumentHelp("The folder to read.", valueName: "dir"))
    var input = "/usr/share/doc"

    @Option(help: ArgumentHelp("Worker processes.", valueName: "count"))
    var workers = 2

    @Flag(
        help: ArgumentHelp(
            "Also kill a random worker with SIGKILL every 2 seconds.",
            discussion: "A folder that is read before the third kill is enqueued again, so that there is work to kill."
        )
    )
    var chaos = false

    @Flag(help: "Keep the rows and the queue of the last run: nothing in the rows changes.")
    var keep = false

    @Flag(inversion: .prefixedNo, help: "Count the files with find, zcat and wc in the end.")
    var verify = true

    @Option(help: ArgumentHelp("A running Redis to use, instead of a private one.", valueName: "url"))
    var redis: String?

    @Option(help: ArgumentHelp("Where the rows and the private Redis are.", valueName: "dir"))
    var directory = ".millpond/demo"

    @OptionGroup var output: OutputOptions

    package init() {}

    package func run() async throws {
        try await runReporting(output) { terminal in
            let root = try FolderFeeder.root(input)
            LogLines.start(.warning)
            let logger = Logger(label: "demo")
            terminal.say("reading \(root) with \(workers.of("worker process", plural: "worker processes"))")
            let outcome = try await withStopSignals(hangUp: .stops, logger) { stopSwitch in
                try await run(root, stopSwitch, terminal, logger)
            }
            guard let (plan, result) = outcome else { throw ExitCode(ExitCodes.interrupted.rawValue) }
            if output.json {
                try terminal.print(DemoText.document(result, plan))
            } else {
                try DemoText.print(result, plan, on: terminal)
            }
            if !result.isGood { throw failure(result) }
        }
    }

    private func run(
        _ root: String,
        _ stopSwitch: StopSwitch,
        _ terminal: Terminal,
        _ logger: Logger
    ) async throws -> (DemoPlan, DemoResult) {
        var plan = DemoPlan(
            input: root,
            workers: workers,
            isChaos: chaos,
            keeps: keep,
            verifies: verify,
            directory: directory,
            hasOwnRedis: redis == nil,
            redisURL: redis ?? ""
        )
        if redis != nil {
            plan.directory = try DataFolder.make(directory)
            return (plan, try await DemoRun(plan, on: terminal, stopSwitch).run())
        }
        let prepared = plan
        return try await EmbeddedRedis.with(directory: directory, logger: logger) { server in
            var plan = prepared
            plan.directory = server.directory
            plan.redisURL = server.url
            return (plan, try await DemoRun(plan, on: terminal, stopSwitch).run())
        }
    }

    private func failure(_ result: DemoResult) -> CommandFailure {
        if result.lost > 0 {
            return CommandFailure(
                .checkFailed,
                "\(result.lost.of("job")) left no row and no dead job behind",
                hint: "that is a bug in Millpond: please report it with the table above"
            )
        }
        return CommandFailure(
            .checkFailed,
            "the rows differ from what find, zcat and wc counted",
            hint: "if files of the folder changed during the run, run it again; else please report it"
        )
    }
}
