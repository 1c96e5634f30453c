import ArgumentParser
import FoundationEssentials
import Millpond

/// `PondBench run`: all measurements, or some.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Measure and print a table.",
        discussion: """
            Starts a redis-server of its own on the first CPU and runs what is measured on the second. Each figure is \
            the median of its rounds; a round measures the floor and then Millpond, one right after the other.
            """
    )

    @Flag(help: "Smaller measurements, about a minute in all: what CI runs.")
    var quick = false

    @Option(help: ArgumentHelp("Only what has this in its name; may be repeated.", valueName: "name"))
    var only: [String] = []

    @Option(help: ArgumentHelp("How often each is measured, at least 1. Defaults to 5.", valueName: "count"))
    var rounds = 5

    @Option(help: ArgumentHelp("Also write the figures as JSON to this file.", valueName: "file"))
    var json: String?

    @Option(
        help: ArgumentHelp(
            "Measure what this file has a ratio or a bound of; fail when one stays over 25 % worse, or beyond.",
            valueName: "file"
        )
    )
    var check: String?

    @Option(help: ArgumentHelp("Write the ratios into this file, for a later --check.", valueName: "file"))
    var save: String?

    func validate() throws {
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds is \(rounds), allowed is 1 to 100") }
    }

    /// How often a ratio that is worse is measured again before it counts.
    private static let secondLooks = 5

    func run() async throws {
        try await runReporting(try OutputOptions.parse([])) { terminal in
            let baseline = try check.map { try Baseline(file: $0) }
            let chosen = chosen(baseline)
            guard !chosen.isEmpty else {
                throw CommandFailure(.notFound, "no measurement has \(only.joined(separator: " or ")) in its name")
            }
            let losses = try await Stage.with(sizes: quick ? .quick : .full) { stage -> [Baseline.Loss]? in
                let report = try await Course(scenarios: chosen, rounds: rounds, stage: stage).run { terminal.say($0) }
                try terminal.print(report.text(for: terminal))
                if let json { try Data((report.document.text + "\n").utf8).write(to: URL(filePath: json)) }
                if let save { try Baseline(report).save(in: save) }
                return try await baseline?.lasting(in: report, secondLooks: Self.secondLooks) { names in
                    terminal.say("worse than it was, measured again: \(names.sorted().joined(separator: ", "))")
                    let again = chosen.filter { names.contains($0.name) }
                    return try await Course(scenarios: again, rounds: rounds, stage: stage).run { terminal.say($0) }
                }
            }
            if let losses { try judge(losses, on: terminal) }
        }
    }

    /// What a file has no ratio of cannot be compared with it, so it is not measured either.
    private func chosen(_ baseline: Baseline?) -> [Scenario] {
        Scenario.all.filter { scenario in
            guard only.isEmpty else { return only.contains { scenario.name.contains($0) } }
            if let baseline { return baseline.has(scenario.name) }
            return !(quick && scenario.isLong)
        }
    }

    private func judge(_ losses: [Baseline.Loss], on terminal: Terminal) throws {
        for loss in losses { terminal.say(loss.text) }
        guard losses.isEmpty else {
            throw CommandFailure(
                .checkFailed,
                "\(losses.count.of("figure")) more than 25 % worse than in \(check ?? ""), or beyond a bound",
                hint:
                    "run it again when the machine is quiet; if it stays, find out why, or write a new file with --save"
            )
        }
        terminal.say("no ratio is more than 25 % worse than in \(check ?? ""), and no figure is beyond its bound")
    }
}
