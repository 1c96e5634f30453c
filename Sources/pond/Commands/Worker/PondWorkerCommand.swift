import ArgumentParser
import Millpond
import PondBridge
import PondCore

/// `pond worker`: runs one, or lists those that run.
struct PondWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Run one worker process, with handlers in any language, or list the workers.",
        discussion: "Without a word behind it, it runs a worker: `pond worker --exec 'python3 handler.py'`.",
        subcommands: [WorkerRunCommand.self, WorkerListCommand.self],
        defaultSubcommand: WorkerRunCommand.self
    )

    /// The arguments with the word that may be left out, so that help and errors are those of the run.
    static func completed(_ arguments: [String]) -> [String] {
        guard arguments.first == "worker", arguments.count == 1 || arguments[1].hasPrefix("-") else { return arguments }
        return ["worker", "run"] + arguments.dropFirst()
    }
}

/// `pond worker run`: jobs to try a deployment with, and jobs whose handlers are other programs.
struct WorkerRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run one worker process; the word run may be left out.",
        usage: "pond worker [--exec <command> | --exec-once <command> | --http <url>] [--flow <file>] [<options>]",
        discussion: """
            --exec keeps one program a slot and talks with it in lines of JSON; --exec-once runs one process a job; \
            --http posts each job to a web service. Without any of them it knows pond.echo, pond.sleep and pond.fail, \
            and stops fetching at the first job of another kind. With --flow it also runs flows of steps, whose steps are \
            jobs for the handlers.
            It takes jobs until SIGTERM, SIGINT or SIGHUP: then it takes no more, hands back what it has not \
            started, and lets running jobs finish until --grace is over; a second signal cancels them at once. \
            What is cut off runs elsewhere and is not counted as an attempt. Without Redis it waits for it. \
            `pond worker list` shows the workers that run.
            """
    )

    @OptionGroup var bridge: BridgeOptions

    @Option(
        name: .customLong("flow"),
        help: ArgumentHelp("Also run the flow of this document; may be given again.", valueName: "file")
    )
    var flows: [String] = []

    @Option(help: ArgumentHelp("A price book, for handlers that reserve money by model.", valueName: "file"))
    var prices: String?

    @OptionGroup var worker: WorkerOptions
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        var configuration = worker.configuration(of: BuiltinJobs.self)
        configuration.stopsAtUnknownKinds = !bridge.isOn
        configuration.prices = try prices.map { file throws(CommandFailure) in try PriceFile.read(file) }
        let handlers = BridgeHandlers(bridge, configuration)
        let flows = flows
        try await WorkerRun(worker, redis, output, BuiltinJobs.logHandler).run(
            configuration,
            version: ProgramVersion.text
        ) { logger in
            // Read first: a program whose worker cannot start must not be asked for its kinds.
            let own = try flows.map { FlowHandler(try FlowFile.flow(of: $0)).registration }
            return AppParts(jobs: JobList(BuiltinJobs().jobs.registrations + own + (try await handlers.open(logger))))
        } onEnd: {
            await handlers.close()
        }
    }
}
