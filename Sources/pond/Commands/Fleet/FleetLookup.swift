import ArgumentParser
import Millpond
import PondCore
import PondFleet
import PondQueue
import PondScaling

/// Which fleet a command is about.
struct FleetOption: ParsableArguments {
    @Option(help: ArgumentHelp("The fleet. Defaults to the only one there is, then to default.", valueName: "name"))
    var fleet: String?
}

/// Finds fleets by what a person typed.
struct FleetLookup {
    let pond: Pond

    /// The fleet of that name, or the only one, with what Redis knows of it.
    ///
    /// - Throws: `CommandFailure` with the code `notFound` that says how a fleet begins, or `usage` when there are several.
    func fleet(_ name: String?) async throws -> (store: FleetStore, view: FleetView) {
        let known = try await pond.fleets()
        if name == nil, known.count > 1 {
            throw CommandFailure(
                .usage,
                "there are \(known.count) fleets",
                hint: "name one with --fleet: \(known.prefix(10).joined(separator: ", "))"
            )
        }
        let store = try pond.fleet(name ?? known.first ?? "default")
        let view = try await store.view()
        guard known.contains(store.name) || view.plan != nil || !view.members.isEmpty else {
            let fixed = try await FixedWorkers.find(pond)
            if known.isEmpty, !fixed.isEmpty {
                throw CommandFailure(
                    .notFound,
                    "there is no fleet \(store.name): nothing scales the \(fixed.words), whose number is fixed",
                    hint: FixedWorkers.hint
                )
            }
            throw CommandFailure(
                .notFound,
                "there is no fleet \(store.name)",
                hint: known.isEmpty
                    ? "a fleet begins with `pond supervise --config FILE` or --wait-target"
                    : "known are \(known.prefix(10).joined(separator: ", "))"
            )
        }
        return (store, view)
    }
}

extension FleetView {
    /// Decisions about the queues, by name.
    var decisions: [ScalingDecision] {
        (plan?.decisions.values).map { $0.sorted { $0.queue < $1.queue } } ?? []
    }

    /// The decision about a queue.
    ///
    /// - Throws: `CommandFailure` with the code `notFound` that names the queues of the fleet.
    func decision(about queue: String, fleet: String) throws -> ScalingDecision {
        if let decision = plan?.decisions[queue] { return decision }
        let names = decisions.map(\.queue)
        throw CommandFailure(
            .notFound,
            "fleet \(fleet) has no queue \(queue)",
            hint: names.isEmpty
                ? "nobody leads the fleet yet; `pond fleet` shows its hosts"
                : "its queues are \(names.prefix(10).joined(separator: ", "))"
        )
    }

    /// How old the plan is; nil without one.
    var planAge: Duration? { plan.map { now.since($0.at) } }

    /// Why what is shown may be out of date, for people; nil when it is fresh.
    var staleness: String? {
        guard let age = planAge else { return "Nobody has planned for this fleet yet." }
        guard age > .seconds(15) || leader == nil else { return nil }
        let who = leader.map { "\($0) leads, but" } ?? "Nobody leads the fleet, so"
        return "\(who) nothing has been decided for \(age.human); every host keeps what it has."
    }
}
