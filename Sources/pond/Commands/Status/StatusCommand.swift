import ArgumentParser
import Millpond
import PondCore
import PondQueue

/// `pond status`: one line that says how it stands, and a table of the queues.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Say how it stands: one line, then a table of the queues.",
        discussion: "The exit code is 0 whatever it says; `pond doctor` is the check."
    )

    @Option(help: ArgumentHelp("Only this queue; may be repeated.", valueName: "name"))
    var queue: [String] = []

    @Flag(help: "Show it again and again, until it is stopped.")
    var watch = false

    @Option(
        help: ArgumentHelp("How often to look with --watch. Defaults to 2s.", valueName: "duration"),
        transform: Duration.argument
    )
    var every: Duration?

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let every, every < .milliseconds(100) {
            throw ValidationError("--every \(every.human) is too often; 100ms is the least")
        }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                try show(try await report(pond), on: terminal)
                while watch { try await showAgain(pond, on: terminal) }
            }
        }
    }

    private func showAgain(_ pond: Pond, on terminal: Terminal) async throws {
        try await LocalClock.system.sleep(every ?? .seconds(2))
        do {
            try show(try await report(pond), on: terminal)
        } catch let error as QueueError {
            // An outage is what somebody who watches wants to see, and its end too.
            CommandFailure(describing: error).report(on: terminal, asJSON: output.json)
        }
    }

    private func report(_ pond: Pond) async throws -> StatusReport {
        let names = try queue.isEmpty ? await pond.queues().map(\.text) : queue
        var statuses: [QueueStatus] = []
        for name in names { statuses.append(try await QueueStatus.read(try pond.queue(name))) }
        return StatusReport(statuses)
    }

    private func show(_ report: StatusReport, on terminal: Terminal) throws {
        if output.json { return try terminal.print(report.document) }
        let isRepaint = watch && terminal.traits.isOutputTTY
        try terminal.print((isRepaint ? "\u{1b}[H\u{1b}[2J" : "") + report.text(for: terminal))
    }
}
