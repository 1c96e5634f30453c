import ArgumentParser
import ChaosKit
import Glibc
import Logging
import Millpond
import PondSupervisor

/// A fleet of workers under the product's supervisor, which writes a history of its own.
struct SuperviseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "supervise", abstract: "Keep workers alive.")

    @Option var workers = 3

    func run() async throws {
        LogLines.start(.notice)
        let logger = Logger(label: "supervisor")
        let place = try Place.current()
        let settings = try place.settings()
        let recorder = try OwnHistory.recorder("supervise")
        var fleet = FleetConfiguration(
            workers: workers,
            command: WorkerCommand(executable: try OwnProgram.path(), arguments: ["worker"]),
            gracePeriod: .milliseconds(Int(settings.graceSeconds * 1_000)) + .seconds(8)
        )
        // Here workers die all the time by intention, which is no crash loop.
        fleet.restart.exitsBeforeParking = 100
        fleet.restart.backoff = Backoff(base: .milliseconds(100), cap: .seconds(1), jitter: 0)
        let supervisor = Supervisor(fleet, logger: logger) { note($0, recorder) }
        _ = try await withStopSignals(hangUp: .reloads, logger) { stopSwitch in
            stopSwitch.attach(.init(stop: { supervisor.stop() }, stopNow: { supervisor.stopNow() }))
            try await supervisor.run()
        }
    }

    private func note(_ event: FleetEvent, _ recorder: Recorder) {
        switch event {
        case .spawned(let slot, let pid):
            recorder.note(.spawn) { ($0.pid, $0.target) = (pid, "\(slot)") }
        case .exited(let slot, let pid, let status, let wasExpected):
            recorder.note(.exit) { line in
                (line.pid, line.target, line.text) = (pid, "\(slot)", "\(status)")
                line.n = wasExpected ? 1 : 0
            }
        case .parked(let slot, let reason):
            recorder.note(.parked) { ($0.target, $0.text) = ("\(slot)", "\(reason)") }
        default: break
        }
    }
}

/// The ledger's process.
struct LedgerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "ledger", abstract: "Write down every effect.")

    func run() throws {
        let place = try Place.current()
        try LedgerServer(socket: place.ledgerSocket, file: place.ledgerFile).run()
    }
}
