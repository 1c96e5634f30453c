import ArgumentParser
import Millpond
import PondCore
import PondFleet
import PondQueue
import PondScaling

/// `pond scale history`: decisions that changed something, oldest first.
struct ScaleHistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "List what was decided and why: every change of a size, and of what limits it.",
        discussion: "The last 10,000 changes of a fleet are kept, give or take a few."
    )

    @Argument(help: "Only this queue.")
    var queue: String?

    @Option(help: ArgumentHelp("How many, the newest.", valueName: "count"))
    var limit = 20

    @OptionGroup var fleet: FleetOption
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if !(1...10_000).contains(limit) { throw ValidationError("--limit is \(limit), allowed is 1 to 10000") }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let (store, view) = try await FleetLookup(pond: pond).fleet(fleet.fleet)
                let decisions = try await store.decisions(of: queue, limit: limit).reversed()
                if output.json {
                    let items = decisions.map { DecisionView($0).json }
                    return try terminal.print(
                        JSONDocument(kind: "ScalingHistory", items: items, [("fleet", .string(store.name))])
                    )
                }
                guard !decisions.isEmpty else { return terminal.say("Nothing has been decided yet.") }
                var table = Table([.number("AGO"), .text("LIMITED BY"), .flexible("DECISION")])
                for decision in decisions {
                    table.add([
                        .text(view.now.since(decision.at).human), .text(decision.limit.rawValue),
                        .text(decision.sentence),
                    ])
                }
                try terminal.print(table.text(for: terminal))
            }
        }
    }
}
