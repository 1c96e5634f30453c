import PondBenchKit

/// One value of one scenario, beside the floor that was measured right before it.
struct Sample: Sendable {
    var ours: Double
    /// Nil for what has no floor.
    var floor: Double?
    /// What else was seen, by name.
    var extras: [String: Double] = [:]

    var ratio: Double? { floor.map { ours / $0 } }
}

/// What a figure should come to.
enum Reach: Sendable, Hashable {
    case atLeast(Double)
    case atMost(Double)

    var isBetterHigher: Bool {
        if case .atLeast = self { true } else { false }
    }

    func isMet(by value: Double) -> Bool {
        switch self {
        case .atLeast(let least): value >= least
        case .atMost(let most): value <= most
        }
    }

    var text: String {
        switch self {
        case .atLeast(let least): ">= \(least.short)"
        case .atMost(let most): "<= \(most.short)"
        }
    }
}

/// Rounds of scenarios: each round measures all of them once, so that a machine that changes its speed does so for all.
struct Course: Sendable {
    let scenarios: [Scenario]
    let rounds: Int
    let stage: Stage

    func run(_ say: (String) -> Void) async throws -> Report {
        var report = Report(
            machine: try await stage.machine(),
            rounds: rounds,
            figures: scenarios.map { Report.Figure(scenario: $0) }
        )
        for round in 1...rounds {
            for (index, scenario) in scenarios.enumerated() where round == 1 || !scenario.isOnce {
                try await stage.clear()
                report.figures[index].samples += try await scenario.run(stage)
            }
            say("round \(round) of \(rounds)")
        }
        return report
    }
}
