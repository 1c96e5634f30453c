import ArgumentParser
import Millpond
import PondBenchKit

/// `PondBench instructions`: what a job costs, in a unit that does not depend on what else the machine does.
struct InstructionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "instructions",
        abstract: "Count instructions a job, with valgrind.",
        discussion: """
            Runs each client twice under callgrind, with a small and with a large number of jobs, and divides the \
            difference: what starting and stopping cost is in both and falls out. Only the client is counted, not Redis.
            """
    )

    @Option(
        help: ArgumentHelp("Compare with the counts in this file; fail when one is over 10 % more.", valueName: "file")
    )
    var check: String?

    @Option(help: ArgumentHelp("Write the counts into this file, for a later --check.", valueName: "file"))
    var save: String?

    @Option(help: ArgumentHelp("Only what has this in its name; may be repeated.", valueName: "name"))
    var only: [String] = []

    func run() async throws {
        try await runReporting(try OutputOptions.parse([])) { terminal in
            let baseline = try check.map { try Baseline(file: $0) }
            let chosen = InstructionCount.all.filter { count in
                only.isEmpty || only.contains { count.name.contains($0) }
            }
            let counts = try await Stage.with(sizes: .quick) { stage in
                var counts: [String: Double] = [:]
                for count in chosen {
                    counts[count.name] = try await count.run(stage).rounded()
                    terminal.say("\(count.name): \(Int(counts[count.name] ?? 0).grouped) instructions a job")
                }
                return counts
            }
            if let save { try Baseline(instructions: counts).save(in: save) }
            guard let losses = baseline?.instructionLosses(in: counts) else { return }
            for loss in losses { terminal.say(loss.text) }
            guard losses.isEmpty else {
                throw CommandFailure(
                    .checkFailed,
                    "\(losses.count.of("count")) more than 10 % above what is in \(check ?? "")",
                    hint: "find out why; if it has to be, write a new file with --save"
                )
            }
            terminal.say("no count is more than 10 % above what is in \(check ?? "")")
        }
    }
}

/// A client whose instructions are counted.
struct InstructionCount: Sendable {
    /// So that one beginning more or less in a batch changes the difference by little.
    private static let jobs = (small: 4_000, large: 24_000)

    let name: String
    let client: String
    var arguments: [String] = []
    /// Lets jobs wait before the client starts.
    var prepare: @Sendable (Stage, Int) async throws -> Void = { _, _ in }

    static let all = [
        InstructionCount(name: "drain-raw-10", client: "drain") { stage, jobs in try await stage.fill(jobs) },
        InstructionCount(name: "drain-decoded-10", client: "drain", arguments: ["--handling", "decoded"]) {
            stage,
            jobs in try await stage.fill(jobs)
        },
        InstructionCount(name: "drain-keys-10", client: "drain") { stage, jobs in
            let _: Pace = try await stage.client("enqueue-keys", ["--jobs", "\(jobs)"])
        },
        InstructionCount(name: "enqueue-one", client: "enqueue-tasks"),
        InstructionCount(name: "enqueue-64-tasks", client: "enqueue-tasks", arguments: ["--tasks", "64"]),
        InstructionCount(name: "enqueue-many", client: "enqueue-many"),
    ]

    /// Instructions a job.
    func run(_ stage: Stage) async throws -> Double {
        var counts: [Int] = []
        for jobs in [Self.jobs.small, Self.jobs.large] {
            try await stage.clear()
            try await prepare(stage, jobs)
            counts.append(try await stage.instructions(client, ["--jobs", "\(jobs)"] + arguments))
        }
        return Double(counts[1] - counts[0]) / Double(Self.jobs.large - Self.jobs.small)
    }
}
