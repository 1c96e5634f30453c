import ArgumentParser
import Glibc
import Millpond

/// The program `PondBench`: Millpond's speed beside what the same Redis can do at most, measured in the same run.
@main enum Main {
    static func main() {
        signal(SIGPIPE, SIG_IGN)
        // An asynchronous main parks the first thread in Dispatch, in a way that valgrind 3.19 does not survive; detached,
        // because the main actor would wait for that thread.
        Task.detached { exit(await PondBench.runAsProgram()) }
        while true { pause() }
    }
}

/// The root command.
struct PondBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "PondBench",
        abstract: "Measure Millpond beside the least that Redis has to do.",
        subcommands: [
            RunCommand.self, InstructionsCommand.self, RivalsCommand.self, StartCommand.self, ClientCommand.self,
        ],
        defaultSubcommand: RunCommand.self
    )
}
