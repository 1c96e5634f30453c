import Millpond
import PondBenchKit

/// What a run of measurements came to.
struct Report: Sendable {
    /// All samples of one scenario.
    struct Figure: Sendable {
        let scenario: Scenario
        var samples: [Sample] = []

        var ours: Spread? { Spread(samples.map(\.ours)) }
        var floor: Spread? { Spread(samples.compactMap(\.floor)) }
        var ratio: Spread? { Spread(samples.compactMap(\.ratio)) }

        /// Whether the reach is met; nil when there is none.
        var isReached: Bool? {
            guard let reach = scenario.reach else { return nil }
            let value = scenario.isRatio ? ratio?.median : ours?.median
            return value.map { reach.isMet(by: $0) }
        }

        /// The medians of what else was seen.
        var extras: [(String, Double)] {
            let names = Set(samples.flatMap(\.extras.keys)).sorted()
            return names.compactMap { name in Spread(samples.compactMap { $0.extras[name] }).map { (name, $0.median) } }
        }
    }

    let machine: Machine
    let rounds: Int
    var figures: [Figure]

    /// The ratios that are worth keeping, by name.
    var ratios: [String: Ratio] {
        var ratios: [String: Ratio] = [:]
        for figure in figures where figure.scenario.isRatio && figure.scenario.isKept {
            guard let ratio = figure.ratio else { continue }
            ratios[figure.scenario.name] = Ratio(
                median: ratio.median,
                isBetterHigher: figure.scenario.reach?.isBetterHigher ?? true
            )
        }
        return ratios
    }

    /// What a file may have a bound of: figures that are no ratios, by name.
    var values: [String: Ratio] {
        var values: [String: Ratio] = [:]
        for figure in figures where !figure.scenario.isRatio {
            guard let reach = figure.scenario.reach, let ours = figure.ours else { continue }
            values[figure.scenario.name] = Ratio(median: ours.median, isBetterHigher: reach.isBetterHigher)
        }
        return values
    }

    func text(for terminal: Terminal) -> String {
        var table = Table([
            .text("figure"), .number("millpond"), .number("floor"), .text("unit"), .number("ratio"),
            .text("least-most"),
            .text("reach"), .text(""),
        ])
        for figure in figures {
            let shown = figure.scenario.isRatio ? figure.ratio : figure.ours
            let spread = shown.map { "\($0.least.short)-\($0.most.short)" } ?? ""
            let mark: Table.Cell =
                switch figure.isReached {
                case true?: .text("ok", .green)
                case false?: .text("missed", .yellow)
                case nil: ""
                }
            table.add([
                .text(figure.scenario.name), .text(figure.ours?.median.short ?? "-"),
                .text(figure.floor?.median.short ?? ""), .text(figure.scenario.unit),
                .text(figure.ratio?.median.short ?? ""), .text(spread), .text(figure.scenario.reach?.text ?? ""), mark,
            ])
        }
        return "\(machine.text); \(rounds) rounds\n\n" + table.text(for: terminal)
    }

    var document: JSONDocument {
        JSONDocument(
            kind: "Bench",
            items: figures.map(\.value),
            [("machine", machine.value), ("rounds", .count(rounds))]
        )
    }
}

extension Report.Figure {
    fileprivate var value: JSONValue {
        .object([
            ("name", .string(scenario.name)), ("unit", .string(scenario.unit)),
            ("millpond", ours?.value ?? .null), ("floor", floor?.value ?? .null), ("ratio", ratio?.value ?? .null),
            ("reach", .text(scenario.reach?.text)), ("reached", isReached.map { .bool($0) } ?? .null),
            ("also", .object(extras.map { ($0, .double($1)) })),
        ])
    }
}

extension Spread {
    fileprivate var value: JSONValue {
        .object([("median", .double(median)), ("least", .double(least)), ("most", .double(most))])
    }
}

extension Double {
    /// Three digits that count, without an exponent.
    var short: String {
        switch magnitude {
        case 1_000...: Int(rounded()).description
        case 100...: "\((self * 10).rounded() / 10)"
        case 1...: "\((self * 100).rounded() / 100)"
        default: "\((self * 1_000).rounded() / 1_000)"
        }
    }
}
