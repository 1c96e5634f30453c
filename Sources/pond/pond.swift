import ArgumentParser
import Glibc
import Millpond

/// The program `pond`: everything around queues that needs no handler of yours, and a worker with three to try.
@main enum Main {
    static func main() async {
        InitProcess.takeOver()
        Program.ignoreBrokenPipes()
        let arguments = PondWorkerCommand.completed(Array(CommandLine.arguments.dropFirst()))
        exit(await Traces.exporting { await PondCommand.runAsProgram(arguments) })
    }
}

/// The root command.
struct PondCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pond",
        abstract: "Runs jobs from Redis queues, and looks after them.",
        discussion: """
            Start with `pond up`: a private Redis and two workers in this directory.
            Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 refused, 5 conflict, 6 Redis unreachable, \
            7 timed out, 8 check failed, 130 interrupted.
            """,
        version: ProgramVersion.text,
        groupedSubcommands: [
            CommandGroup(
                name: "Run",
                subcommands: [
                    UpCommand.self, PondWorkerCommand.self, SuperviseCommand.self, RelayCommand.self,
                    WavesCommand.self,
                ]
            ),
            CommandGroup(
                name: "Look and act",
                subcommands: [
                    AppEnqueue<BuiltinJobs>.self, WhyCommand.self, CorrCommand.self, TailCommand.self,
                    StatusCommand.self,
                    DashCommand.self, JobCommand.self, SagaCommand.self, FlowCommand.self, LimitCommand.self,
                    DeadCommand.self,
                    QueueCommand.self,
                    BudgetCommand.self, SLOCommand.self,
                    HistoryCommand.self,
                ]
            ),
            CommandGroup(name: "Scale", subcommands: [FleetCommand.self, ScaleCommand.self]),
            CommandGroup(
                name: "Deploy",
                subcommands: [
                    PricesCommand.self, FunctionsCommand.self, DoctorCommand.self, BenchCommand.self,
                    VersionCommand.self,
                ]
            ),
        ]
    )
}
