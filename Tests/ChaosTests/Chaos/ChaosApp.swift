import ChaosKit
import Logging
import Millpond
import PondSQLite

/// The workers' application: a handler for each kind of job of the workload.
struct ChaosApp: MillpondApp {
    static let queue = "chaos"

    private let bench: Bench

    init() async throws {
        bench = try Bench()
    }

    var jobs: some JobRegistry {
        let bench = bench
        return JobList(
            [saga]
                + JobType.allCases.map { type in
                    JobRegistration(kind: type.kind) { job in try await bench.run(type, job) }
                        .retrying(
                            times: JobType.attemptsMax,
                            backoff: Backoff(base: .milliseconds(100), cap: .seconds(2), jitter: 0.2)
                        )
                        .timeout(type.timeout)
                }
        )
    }

    private var saga: JobRegistration {
        JobRegistration(ChaosSaga(recorder: bench.recorder, provider: bench.ledger))
            .retrying(
                times: JobType.attemptsMax,
                backoff: Backoff(base: .milliseconds(100), cap: .seconds(2), jitter: 0.2)
            )
            .timeout(.seconds(30))
    }

    static func configure(_ worker: inout WorkerConfiguration) {
        // Without a run it is only asked for its help.
        guard let settings = try? Place.current().settings() else { return }
        worker.slots = settings.slots
        worker.gracePeriod = .milliseconds(Int(settings.graceSeconds * 1_000))
        worker.stuckGrace = .seconds(3)
        worker.lease = .milliseconds(Int(settings.leaseSeconds * 1_000))
        worker.beatInterval = worker.lease / 4
        // Chains and sagas are meant to die, all of them in one run.
        worker.brake = nil
    }

    static func logHandler(label: String) -> any LogHandler { HistoryLog(LogLines.handler(label: label)) }
}

/// Passes log lines on, and notes in the history those that tell what the worker went through.
struct HistoryLog: LogHandler {
    private var inner: any LogHandler

    init(_ inner: any LogHandler) {
        self.inner = inner
    }

    var logLevel: Logger.Level {
        get { inner.logLevel }
        set { inner.logLevel = newValue }
    }
    var metadata: Logger.Metadata {
        get { inner.metadata }
        set { inner.metadata = newValue }
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { inner[metadataKey: key] }
        set { inner[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        inner.log(event: event)
        guard let kind = HistoryLog.kind(of: event.message.description) else { return }
        // A log line must not fail its caller; a run without a history fails elsewhere.
        guard let recorder = try? OwnHistory.recorder("worker") else { return }
        recorder.note(kind) { line in
            line.id = event.metadata?["job"].map { "\($0)" }
            line.n = event.metadata?["jobs"].flatMap { Int64("\($0)") }
            line.target = event.metadata?["lost"].map { "\($0)" }
        }
    }

    private static let marks: [(String, EventKind)] = [
        ("settle refused", .settleLost), ("a worker is lost", .reclaim), ("function library loaded", .libraryLoaded),
        ("the supervisor is gone", .lifeline),
    ]

    private static func kind(of message: String) -> EventKind? {
        marks.first { message.hasPrefix($0.0) }?.1
    }
}
