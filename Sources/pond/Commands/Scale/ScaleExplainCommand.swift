import ArgumentParser
import Millpond
import PondCore
import PondFleet
import PondQueue
import PondScaling

/// `pond scale explain`: the last decision about each queue, with what it was made of.
struct ScaleExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say why a queue has as many workers as it has, with the numbers behind it."
    )

    @Argument(help: "The queue; every queue of the fleet when none is named.")
    var queue: String?

    @OptionGroup var fleet: FleetOption
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let (store, view) = try await FleetLookup(pond: pond).fleet(fleet.fleet)
                let decisions = try queue.map { [try view.decision(about: $0, fleet: store.name)] } ?? view.decisions
                var views: [DecisionView] = []
                for decision in decisions {
                    let depth = try await pond.queue(decision.queue).depth()
                    views.append(DecisionView(decision, limited: depth.limited))
                }
                if output.json {
                    let members: [(String, JSONValue)] = [
                        ("fleet", .string(store.name)), ("leader", .text(view.leader)),
                        ("plan_age", .seconds(view.planAge)), ("stale", .bool(view.staleness != nil)),
                    ]
                    let items = views.map(\.json)
                    return try terminal.print(JSONDocument(kind: "ScalingDecisions", items: items, members))
                }
                if let staleness = view.staleness { terminal.say(terminal.tinted(staleness, .yellow, on: .error)) }
                try terminal.print(views.map { $0.text(for: terminal) }.joined(separator: "\n\n"))
            }
        }
    }
}
