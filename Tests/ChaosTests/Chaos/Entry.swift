// The chaos machine: puts a queue, its workers and its supervisors under every fault that a machine can play, writes
// down what each process saw, and judges the history.

import ArgumentParser
import ChaosKit
import Glibc
import Millpond

@main enum Entry {
    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        CrashDraw.drawForThisProcess()
        exit(await ChaosCommand.runAsProgram())
    }
}

struct ChaosCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract: "Prove the queue: faults, a history, a verdict.",
        subcommands: [
            RunCommand.self, CheckCommand.self, PlantedCommand.self, AppWorker<ChaosApp>.self, SuperviseCommand.self,
            ProduceCommand.self, LedgerCommand.self, BudgetsCommand.self, BudgetClientCommand.self,
        ]
    )
}
