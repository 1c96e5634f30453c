import ArgumentParser
import Millpond
import PondInsight
import PondQueue
import PondSQLite

/// `pond doctor`: checks the server and every queue, and says what to do.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check the Redis server, its settings and every queue, and say what to do.",
        discussion: """
            ✓ is well, ! is worth knowing, ✗ means that jobs can be lost or do not run, ? could not be checked.
            The exit code is 8 when a check fails, 4 when this user may not make those that matter, 0 otherwise. Nothing is \
            changed.
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
                let doctor = Doctor(pond, configuration) { error in
                    let failure = CommandFailure(describing: error)
                    return Doctor.Explanation(
                        message: failure.message,
                        hint: failure.hint,
                        isRefused: failure.exitCode == .refused
                    )
                }
                guard production else { return try await doctor.report() }
                return try await doctor.productionReport { try await historyStatus() }
            }
            try terminal.print(output.json ? report.document.text : report.text(for: terminal))
            guard report.isHealthy else {
                let code: ExitCodes = report.hasFailure ? .checkFailed : .refused
                throw ExitCode(code.rawValue)
            }
        }
    }

    private func historyStatus() async throws -> (status: HistoryStatus, file: String, server: String) {
        let status = try await history.withStore { try await $0.status() }
        return (status, try history.path(), try redis.serverText())
    }
}
