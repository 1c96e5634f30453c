import Millpond
import PondCore
import PondScaling
import PondSupervisor

/// What a fleet's file means, for a person who has just written it.
struct FleetFileView {
    private let fleet: ScaledFleetConfiguration

    init(_ fleet: ScaledFleetConfiguration) {
        self.fleet = fleet
    }

    func show(on terminal: Terminal, _ output: OutputOptions) throws {
        if output.json { return try terminal.print(document) }
        var table = Table([
            .text("QUEUE"), .number("WAIT TARGET"), .number("MIN"), .number("MAX"), .number("RESERVE"),
            .number("WEIGHT"),
            .number("SLOTS"), .flexible("COMMAND"),
        ])
        for pool in fleet.pools {
            table.add([
                .text(pool.queue, .bold), .text(pool.policy.waitTarget.human), .count(pool.policy.workersMin),
                .count(pool.policy.workersMax), .count(pool.policy.reserve), .count(pool.policy.weight),
                .count(pool.policy.slots),
                .text(([pool.command.executable] + pool.command.arguments).joined(separator: " ")),
            ])
        }
        try terminal.print(
            "Fleet \(fleet.name): at most \(fleet.workersMax.of("worker")) on all hosts.\n\n"
                + table.text(for: terminal)
        )
    }

    private var document: JSONDocument {
        JSONDocument(
            kind: "FleetFile",
            items: fleet.pools.map { pool in
                .object([
                    ("queue", .string(pool.queue)), ("wait_target", .seconds(pool.policy.waitTarget)),
                    ("min", .count(pool.policy.workersMin)), ("max", .count(pool.policy.workersMax)),
                    ("reserve", .count(pool.policy.reserve)), ("weight", .count(pool.policy.weight)),
                    ("slots", .count(pool.policy.slots)),
                    ("command", .array(([pool.command.executable] + pool.command.arguments).map { .string($0) })),
                ])
            },
            [("fleet", .string(fleet.name)), ("max_workers", .count(fleet.workersMax))]
        )
    }
}
