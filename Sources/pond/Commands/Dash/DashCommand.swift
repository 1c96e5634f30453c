import ArgumentParser
import Millpond
import PondCore
import PondQueue

/// `pond dash`: the queues, the workers, the jobs, the dead, the limits and the scaling, live on a terminal.
struct DashCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dash",
        abstract: "Watch queues, workers, jobs, the dead, limits and scaling live on a terminal.",
        discussion: """
            Keys: 1 2 3 4 5 7 screens, j k move, Enter opens, / filters, s sorts, p pauses a queue, ? shows all, q leaves. \
            On 4 Jobs, / finds a job by its id, QUEUE/ID or a correlation id and says why it is where it is, with the \
            history where there is one; c cancels it, R sends it back when it is dead. Off a terminal, and with --once or --json, it prints a line a queue instead, or \
            a JSON document a look.
            """
    )

    @Option(help: ArgumentHelp("Only this queue; may be repeated.", valueName: "name"))
    var queue: [String] = []

    @OptionGroup var fleet: FleetOption

    @Flag(help: "Print one look, with the rates of one second, and end.")
    var once = false

    @Option(
        help: ArgumentHelp(
            "How often to look. Defaults to 1s on a terminal, to 2s off it.",
            valueName: "duration"
        ),
        transform: Duration.argument
    )
    var every: Duration?

    @Flag(help: "Draw with ASCII only.")
    var ascii = false

    @OptionGroup var history: HistoryFile
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let every, every < .milliseconds(100) {
            throw ValidationError("--every \(every.human) is too often; 100ms is the least")
        }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            let place = "\(try redis.configuration())"
            try await redis.withPond { pond in
                let source = DashSource(pond, queues: queue, fleet: fleet.fleet)
                if DashCommand.isLive(terminal), !once, !output.json {
                    try await show(source, place, on: terminal)
                } else {
                    try await print(source, on: terminal)
                }
            }
        }
    }

    /// Whether a person sits at a terminal that can be drawn on.
    static func isLive(_ terminal: Terminal) -> Bool {
        terminal.traits.isInputTTY && terminal.traits.isOutputTTY && Environment.value("TERM") != "dumb"
    }

    private func show(_ source: DashSource, _ place: String, on terminal: Terminal) async throws {
        // Without a home there is no history, and all else is there.
        let path = try? history.path()
        let dash = DashRun(
            source,
            DashReader(source.pond, historyPath: path),
            DashFrame.Setting(place: place, isASCII: ascii),
            isColored: terminal.usesColor(.output),
            every: every ?? .seconds(1)
        )
        let end = try await withStopSignals(hangUp: .stops, .quiet) { stopSwitch in
            stopSwitch.attach(.init(stop: { dash.end(.interrupted) }, stopNow: {}))
            return try await dash.run()
        }
        if end != .quit { throw ExitCode(ExitCodes.interrupted.rawValue) }
    }

    private func print(_ source: DashSource, on terminal: Terminal) async throws {
        var source = source
        var lines = DashLines()
        let clock = LocalClock.system
        let every = every ?? .seconds(2)
        lines.take(try await source.look(), at: clock.now())
        try await clock.sleep(min(every, .seconds(1)))
        repeat {
            do {
                lines.take(try await source.look(), at: clock.now())
                if output.json {
                    try terminal.print(lines.document)
                } else {
                    for line in lines.lines { try terminal.print(line) }
                }
            } catch let error as QueueError where !once {
                // An outage is what somebody who watches wants to see, and its end too.
                CommandFailure(describing: error).report(on: terminal, asJSON: output.json)
            }
            if !once { try await clock.sleep(every) }
        } while !once
    }
}
