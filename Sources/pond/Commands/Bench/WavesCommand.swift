import ArgumentParser
import FoundationEssentials
import Glibc
import Millpond
import PondCore
import PondQueue

/// `pond waves`: a demonstration of a fleet that follows its load.
struct WavesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "waves",
        abstract: "Show a fleet that follows a load which rises and falls.",
        discussion: """
            A private Redis, jobs of 200 ms at 2 to 60 a second, workers of 4 slots, and a wait target of 2s: on a \
            terminal with the dashboard of `pond dash`, off it with a line every two seconds. The end is a table. \
            Everything is stopped and removed then, and after q or Ctrl-C.
            """
    )

    @Option(
        help: ArgumentHelp(
            "How long the load goes on, at least 20. Two minutes and more show it best.",
            valueName: "count"
        )
    )
    var seconds = 180

    @Flag(help: "Draw with ASCII only.")
    var ascii = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (20...86_400).contains(seconds) else {
            throw ValidationError("--seconds is \(seconds), allowed is 20 to 86400")
        }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            LogLines.start(.critical)
            let stopSignal = WakeSignal()
            let (result, isWhole) =
                try await withStopSignals(hangUp: .stops, .quiet) { stopSwitch in
                    stopSwitch.attach(.init(stop: { stopSignal.ring() }, stopNow: {}))
                    return try await withDirectory { directory in
                        try await EmbeddedRedis.with(directory: directory, logger: .quiet) { server in
                            let run = WaveRun(url: server.url, seconds: Double(seconds), stopSignal: stopSignal)
                            return try await run.run { try await show($0, on: terminal) }
                        }
                    }
                } ?? { throw CommandFailure.stopped }()
            if output.json {
                try terminal.print(result.document)
            } else {
                try terminal.print(result.text(for: terminal, isASCII: ascii))
            }
            if !isWhole { throw ExitCode(ExitCodes.interrupted.rawValue) }
        }
    }

    /// Shows the run until it is cancelled or a person has seen enough.
    private func show(_ pond: Pond, on terminal: Terminal) async throws {
        let source = DashSource(pond, queues: [WaveRun.queue], fleet: nil)
        if DashCommand.isLive(terminal), !output.json {
            let setting = DashFrame.Setting(place: "a demo of \(Duration.seconds(seconds).human)", isASCII: ascii)
            let isColored = terminal.usesColor(.output)
            let reader = DashReader(pond, historyPath: nil)
            _ = try await DashRun(source, reader, setting, isColored: isColored, every: .seconds(1)).run()
        } else {
            try await print(source, on: terminal)
        }
    }

    private func print(_ source: DashSource, on terminal: Terminal) async throws {
        var source = source
        var lines = DashLines()
        let clock = LocalClock.system
        while !Task.isCancelled {
            lines.take(try await source.look(), at: clock.now())
            // The document of --json is the result alone.
            if lines.hasRates, !output.json { for line in lines.lines { try terminal.print(line) } }
            try await clock.sleep(.seconds(2))
        }
    }

    /// A directory that is gone afterwards.
    private func withDirectory<Value>(_ body: (String) async throws -> Value) async throws -> Value {
        var template = Array("\(Environment.value("TMPDIR") ?? "/tmp")/pond-waves-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CommandFailure(
                .failure,
                "no directory for the private Redis: \(String(cString: strerror(errno)))",
                hint: "name a directory that can be written in TMPDIR"
            )
        }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // What cannot be removed is left to whoever cleans up there.
        defer { _ = Result { try FileManager.default.removeItem(atPath: path) } }
        return try await body(path)
    }
}
