import ArgumentParser
import Millpond
import PondCore
import PondSimulation

/// `pond scale simulate`: the law and its rivals on made-up and recorded loads, without a Redis.
struct ScaleSimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Try the scaling law, and others, on ten shapes of load or on your own.",
        discussion: """
            Needs no Redis. The columns: jobs that waited longer than the target, the wait of 95 of 100 jobs, the longest \
            wait, workers times seconds, slot-seconds paid for each slot-second of work, changes of direction within \
            five minutes, busy workers that were told to go, the most workers, and jobs left at the end.
            """
    )

    @Option(help: ArgumentHelp("A shape of load, as in step; may be repeated. All by default.", valueName: "name"))
    var shape: [String] = []

    @Option(
        help: ArgumentHelp("A law, as in millpond or keda-lag; may be repeated. All by default.", valueName: "name")
    )
    var law: [String] = []

    @Option(
        help: ArgumentHelp(
            "A CSV file of recorded jobs instead of shapes: seconds, and the seconds it took if known.",
            valueName: "file"
        )
    )
    var trace: String?

    @Option(help: ArgumentHelp("How often each is run, with another seed, 1 to 1000.", valueName: "n"))
    var seeds = 3

    @Option(
        help: ArgumentHelp("From the request for a worker to its first fetch.", valueName: "duration"),
        transform: Duration.argument
    )
    var spawn = Duration.seconds(3)

    @Option(help: ArgumentHelp("The most workers, 1 to 1000; the shape's own by default.", valueName: "n"))
    var workersMax: Int?

    @Option(help: ArgumentHelp("Handlers a worker runs at a time, 1 to 1000; 4 by default.", valueName: "n"))
    var slots: Int?

    @Option(
        help: ArgumentHelp("How long a job may wait; the shape's own by default.", valueName: "duration"),
        transform: Duration.argument
    )
    var waitTarget: Duration?

    @Option(help: ArgumentHelp("Draw one shape under one law, seed 1, into this file.", valueName: "file"))
    var svg: String?

    @Flag(help: "Print a Markdown table, a law a row.")
    var markdown = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        try ScaleSimulateChoice.check(shape, among: LoadShape.all.map(\.name), option: "--shape")
        try ScaleSimulateChoice.check(law, among: LawCatalog.names, option: "--law")
        func bound(_ option: String, _ value: Int?) throws {
            guard let value, !(1...1_000).contains(value) else { return }
            throw ValidationError("\(option) is 1 to 1000, not \(value)")
        }
        try bound("--seeds", seeds)
        try bound("--workers-max", workersMax)
        try bound("--slots", slots)
        guard (.milliseconds(50)...Duration.seconds(600)).contains(spawn) else {
            throw ValidationError("--spawn is 50ms to 10m, not \(spawn.human)")
        }
        if let waitTarget, !(.milliseconds(100)...Duration.seconds(604_800)).contains(waitTarget) {
            throw ValidationError("--wait-target is 100ms to 7d, not \(waitTarget.human)")
        }
        if trace != nil, !shape.isEmpty { throw ValidationError("--trace and --shape exclude each other") }
        if markdown, output.json { throw ValidationError("--markdown and --json exclude each other") }
        guard svg != nil else { return }
        guard trace != nil || shape.count == 1 else {
            throw ValidationError("--svg draws one shape; name it with --shape")
        }
        guard law.count <= 1 else { throw ValidationError("--svg draws one law; name one --law") }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            let shapes = try shapes()
            let names = law.isEmpty ? (svg == nil ? LawCatalog.names : ["millpond"]) : law
            let progress = ScaleSimulateProgress(terminal)
            let table = try SimulationTable(
                shapes,
                laws: names,
                seeds: seeds,
                spawnSeconds: spawn.inSeconds,
                progress: progress.advance
            )
            progress.finish()
            if let svg {
                try ScaleSimulateDrawing.draw(shapes[0], law: names[0], spawnSeconds: spawn.inSeconds, into: svg)
            }
            if output.json { return try terminal.print(table.document) }
            try terminal.print(markdown ? table.markdown : table.table.text(for: terminal))
            if let svg { terminal.say("drawn into \(SafeText.escaped(svg))") }
        }
    }

    private func shapes() throws -> [LoadShape] {
        if let trace {
            return [
                LoadShape.trace(
                    name: "trace",
                    jobs: try ScaleSimulateTrace.read(trace),
                    waitTarget: waitTarget?.inSeconds ?? 60,
                    workersMax: workersMax ?? 40,
                    slots: slots ?? 4
                )
            ]
        }
        return LoadShape.all.filter { shape.isEmpty || shape.contains($0.name) }.map { shape in
            var shape = shape
            if let workersMax { shape.workersMax = workersMax }
            if let slots { shape.slots = slots }
            if let waitTarget { shape.waitTarget = waitTarget.inSeconds }
            return shape
        }
    }
}

/// Names that a user typed.
enum ScaleSimulateChoice {
    /// - Throws: `ValidationError` for a name that is not among the known ones.
    static func check(_ names: [String], among known: [String], option: String) throws {
        for name in names where !known.contains(name) {
            let typed = SafeText.escaped(name.prefix(40))
            throw ValidationError("\(option) \"\(typed)\" is not known; there are \(known.joined(separator: ", "))")
        }
    }
}
