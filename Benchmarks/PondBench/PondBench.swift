import ArgumentParser
import Glibc
import Millpond

/// The program `PondBench`: Millpond's speed beside what the same Redis can do at most, measured in the same run.
@main enum Main {
    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        exit(await PondBench.runAsProgram())
    }
}

/// The root command.
struct PondBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "PondBench",
        abstract: "Measure Millpond beside the least that Redis has to do.",
        subcommands: [RunCommand.self, ClientCommand.self],
        defaultSubcommand: RunCommand.self
    )
}
