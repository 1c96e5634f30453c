import ArgumentParser
import FoundationEssentials
import Millpond
import PondBenchKit

/// `PondBench rivals`: other queues on the same Redis, in the same run.
struct RivalsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rivals",
        abstract: "Measure Millpond beside other queues; scripts/bench --rivals installs them."
    )

    @Option(help: ArgumentHelp("A name, a number of jobs and a command line, as in 'x 5000 python x.py'."))
    var rival: [Rival] = []

    @Option(help: ArgumentHelp("How often each is measured, at least 1. Defaults to 3.", valueName: "count"))
    var rounds = 3

    @Option(help: ArgumentHelp("Only rivals that have this in their name; may be repeated.", valueName: "name"))
    var only: [String] = []

    func validate() throws {
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds is \(rounds), allowed is 1 to 100") }
    }

    func run() async throws {
        try await runReporting(try OutputOptions.parse([])) { terminal in
            let chosen = rival.filter { rival in only.isEmpty || only.contains { rival.name.contains($0) } }
            guard !chosen.isEmpty else { throw CommandFailure(.notFound, "there is no rival to measure") }
            let text = try await Stage.with(sizes: .full) { stage in
                var results = chosen.map { RivalResult(rival: $0) }
                for round in 1...rounds {
                    try await stage.clear()
                    let floor = try await stage.floorDrain()
                    try await stage.fill(stage.sizes.drain)
                    let ours = try await stage.drain("decoded", slots: 10, jobs: stage.sizes.drain, beside: floor)
                    for index in results.indices {
                        try await stage.clear()
                        do { try await results[index].measure(stage, ours: ours) } catch {
                            // One that does not work here is no reason to do without the others.
                            results[index].trouble = "\(error)"
                        }
                    }
                    terminal.say("round \(round) of \(rounds)")
                }
                return try await stage.machine().text + "; \(rounds) rounds\n\n" + table(results).text(for: terminal)
                    + results.compactMap { result in result.trouble.map { "\n\(result.rival.name): \($0)" } }.joined()
            }
            try terminal.print(text)
        }
    }

    private func table(_ results: [RivalResult]) -> Table {
        var table = Table([
            .text("rival"), .number("jobs/s"), .text("least-most"), .number("millpond"), .number("times as fast"),
            .text("least-most"), .number("bytes a job"), .number("redis us a job"),
        ])
        for result in results {
            guard let rate = Spread(result.rates), let ours = Spread(result.ours), let ratio = Spread(result.ratios)
            else { continue }
            table.add([
                .text(result.rival.name), .text(rate.median.short), .text("\(rate.least.short)-\(rate.most.short)"),
                .text(ours.median.short), .text(ratio.median.short),
                .text("\(ratio.least.short)-\(ratio.most.short)"), .text(Spread(result.bytes)?.median.short ?? ""),
                .text(Spread(result.redis)?.median.short ?? ""),
            ])
        }
        return table
    }
}

/// A program that is called with a socket, `fill` or `work`, and a number of jobs, and prints its pace as the floor does.
struct Rival: Sendable, ExpressibleByArgument {
    let name: String
    let jobs: Int
    let words: [String]

    init?(argument: String) {
        let words = argument.split(separator: " ").map(String.init)
        guard words.count > 2, let jobs = Int(words[1]), jobs > 0 else { return nil }
        (name, self.jobs, self.words) = (words[0], jobs, Array(words.dropFirst(2)))
    }
}

/// What the rounds of one rival came to.
struct RivalResult: Sendable {
    let rival: Rival
    var ours: [Double] = []
    var rates: [Double] = []
    var ratios: [Double] = []
    var bytes: [Double] = []
    var redis: [Double] = []
    var trouble: String?

    mutating func measure(_ stage: Stage, ours: Sample) async throws {
        let jobs = Double(rival.jobs)
        let empty = try await stage.serverBytes()
        let _: Pace = try await stage.run(words("fill", stage), pinned: true)
        let filled = try await stage.serverBytes()
        let cpu = try await stage.serverCPU()
        let pace: Pace = try await stage.run(words("work", stage), pinned: true)
        redis.append((try await stage.serverCPU() - cpu) / jobs * 1e6)
        bytes.append((filled - empty) / jobs)
        rates.append(pace.perSecond)
        self.ours.append(ours.ours)
        ratios.append(ours.ours / pace.perSecond)
    }

    private func words(_ what: String, _ stage: Stage) -> [String] {
        // `env` looks the program up on PATH, and a rival that hangs is ended.
        ["/usr/bin/env", "timeout", "120"] + rival.words + [stage.server.socket, what, "\(rival.jobs)"]
    }
}
