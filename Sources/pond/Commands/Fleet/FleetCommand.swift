import ArgumentParser
import Millpond
import PondCore
import PondFleet
import PondQueue

/// `pond fleet`: who leads, which hosts there are, what each should have and has.
struct FleetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet",
        abstract: "Show a fleet: who leads, its hosts, their workers, and the orders in force.",
        discussion: "Where there is none, because the number of workers is fixed, it shows the workers of every queue."
    )

    @OptionGroup var fleet: FleetOption
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                if fleet.fleet == nil, try await pond.fleets().isEmpty {
                    let fixed = try await FixedWorkers.find(pond)
                    if !fixed.isEmpty {
                        if output.json { return try terminal.print(fixed.document) }
                        return try terminal.print(fixed.text(for: terminal))
                    }
                }
                let (store, view) = try await FleetLookup(pond: pond).fleet(fleet.fleet)
                let report = FleetReport(name: store.name, view: view)
                if output.json { return try terminal.print(report.document) }
                try terminal.print(report.text(for: terminal))
            }
        }
    }
}
