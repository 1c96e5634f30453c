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
        help: ArgumentHelp("Compare with the ratios in this file; fail when one is over 25 % worse.", valueName: "file")
    )
    var check: String?

    @Option(help: ArgumentHelp("Write the ratios to this file, for a later --check.", valueName: "file"))
    var save: String?

    func validate() throws {
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds is \(rounds), allowed is 1 to 100") }
    }

    func run() async throws {
        try await runReporting(try OutputOptions.parse([])) { terminal in
            let baseline = try check.map { try Baseline(Data(contentsOf: URL(filePath: $0))) }
            let chosen = Scenario.all.filter { scenario in
                only.isEmpty ? !(quick && scenario.isLong) : only.contains { scenario.name.contains($0) }
            }
            guard !chosen.isEmpty else {
                throw CommandFailure(.notFound, "no measurement has \(only.joined(separator: " or ")) in its name")
            }
            let report = try await Stage.with(sizes: quick ? .quick : .full) { stage in
                try await Course(scenarios: chosen, rounds: rounds, stage: stage).run { terminal.say($0) }
            }
            try terminal.print(report.text(for: terminal))
            if let json { try write(report.document.text, to: json) }
            if let save { try write(try Baseline(report).text, to: save) }
            if let baseline { try judge(report, baseline, on: terminal) }
        }
    }

    private func judge(_ report: Report, _ baseline: Baseline, on terminal: Terminal) throws {
        let losses = baseline.losses(in: report.ratios)
        for loss in losses { terminal.say(loss.text) }
        guard losses.isEmpty else {
            throw CommandFailure(
                .checkFailed,
                "\(losses.count.of("ratio")) more than 25 % worse than in \(check ?? "")",
                hint:
                    "run it again when the machine is quiet; if it stays, find out why, or write a new file with --save"
            )
        }
        terminal.say("no ratio is more than 25 % worse than in \(check ?? "")")
    }

    private func write(_ text: String, to file: String) throws {
        try Data((text + "\n").utf8).write(to: URL(filePath: file), options: .atomic)
    }
}
