import Logging
import PondCore

/// The way from the file to the sink, and what the relay remembers between two batches.
struct RelayLine {
    /// The lanes that rest.
    var rests = LaneRests()
    private var lastLane: String?
    private let outbox: Outbox
    private let sink: any JobSink
    private let clock: LocalClock
    private let logger: Logger

    init(_ outbox: Outbox, _ sink: any JobSink, _ clock: LocalClock, _ logger: Logger) {
        self.outbox = outbox
        self.sink = sink
        self.clock = clock
        self.logger = logger
    }

    /// Ships one batch and notes what became of it.
    ///
    /// - Parameter shouldStop: whether to leave the rest of the batch for later.
    /// - Returns: nil when no lane that may go on has a row.
    /// - Throws: what the sink threw, after the answers that came before were noted; `SQLiteError`.
    mutating func pass(until shouldStop: () -> Bool) async throws -> RelayPass? {
        let began = clock.now()
        let (resting, lastLane, now) = (rests.resting(at: began), lastLane, outbox.wallClock())
        let batch = try await outbox.store.read { db in
            try RelayBatch.read(db, except: resting, after: lastLane, now: now)
        }
        guard !batch.rows.isEmpty else { return nil }
        self.lastLane = batch.lastLane
        var pass = RelayPass()
        var failure: (any Error)?
        for portion in batch.portions {
            do { try await ship(portion, &pass) } catch {
                failure = error
                for row in portion { pass.block(row, .failed("\(error)")) }
            }
            let isLate = began.duration(to: clock.now()) >= SQLiteLimits.relayMarkInterval
            if failure != nil || isLate || shouldStop() { break }
        }
        try await mark(pass)
        if let failure { throw failure }
        return pass
    }

    private func ship(_ portion: [OutboxRow], _ pass: inout RelayPass) async throws {
        var rows: [OutboxRow] = []
        var jobs: [(queue: String, job: NewJob)] = []
        for row in portion where !pass.isBlocked(row) {
            switch row.job {
            case .success(let job):
                rows.append(row)
                jobs.append((row.queue, job))
            case .failure(let error):
                pass.note(.refused(error.message), for: row)
            }
        }
        guard !jobs.isEmpty else { return }
        CrashPoint.beforeShip.reach()
        let answers = try await sink.ship(jobs)
        CrashPoint.afterShip.reach()
        guard answers.count == rows.count else {
            throw OutboxError(
                .wrongAnswer,
                "the sink answered for \(answers.count) of \(rows.count) jobs; they are shipped again"
            )
        }
        for (row, answer) in zip(rows, answers) { pass.note(answer, for: row) }
    }

    private mutating func mark(_ pass: RelayPass) async throws {
        guard !pass.isEmpty else { return }
        let now = outbox.wallClock()
        try await outbox.store.write { db in try pass.mark(db, at: now) }
        CrashPoint.afterPurge.reach()
        let begun = rests.note(pass, at: clock.now())
        for (lane, blocked) in pass.blocks {
            var metadata: Logger.Metadata = ["lane": "\(lane)", "row": "\(blocked.row)"]
            switch blocked.block {
            case .refused(let reason):
                metadata["reason"] = "\(reason)"
                logger.error("a lane is parked: its queue refused the row", metadata: metadata)
            case .later(let reason):
                metadata["reason"] = "\(reason)"
                metadata["rest"] = "\(begun[lane] ?? .zero)"
                logger.info("a lane rests: its queue does not take the row now", metadata: metadata)
            case .failed: break
            }
        }
    }
}
