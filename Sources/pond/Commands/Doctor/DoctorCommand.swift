import ArgumentParser
import Millpond
import PondQueue

/// `pond doctor`: checks the server and every queue, and says what to do.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check the Redis server, its settings and every queue, and say what to do.",
        discussion: """
            ✓ is well, ! is worth knowing, ✗ means that jobs can be lost or do not run, ? could not be checked.
            The exit code is 8 when a check fails, 0 otherwise. Nothing is changed.
            """
    )

    @Flag(help: "Check as well what a deployment needs that others rely on: the list of docs/production.md.")
    var production = false

    @OptionGroup var history: HistoryFile
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            let configuration = try redis.configuration()
            let report = try await redis.withPond { pond in
                let server = try await DoctorServer(pond, address: "\(configuration)").findings()
                let library = await DoctorLibrary.finding(pond)
                let queues = await DoctorQueues(pond).findings(isLibraryUsable: library.isUsable)
                let more =
                    production
                    ? await DoctorProduction(pond: pond, configuration: configuration, history: history).findings() : []
                return DoctorReport(findings: (server + [library.finding] + queues + more).map(judged))
            }
            if output.json {
                try terminal.print(report.document)
            } else {
                try terminal.print(report.text(for: terminal))
            }
            guard report.isHealthy else { throw ExitCode(ExitCodes.checkFailed.rawValue) }
        }
    }

    /// In production what may lose jobs is no matter of taste.
    private func judged(_ finding: DoctorFinding) -> DoctorFinding {
        guard production, finding.level == .warning, ["persistence", "eviction"].contains(finding.check) else {
            return finding
        }
        return .failure(finding.check, finding.text, advice: finding.advice ?? "")
    }
}
