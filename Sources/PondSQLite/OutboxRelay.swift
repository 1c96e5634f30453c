// Rows go out in the order of their lane and are marked afterwards. A relay that dies between the two leaves rows that
// its successor ships again, in the same order and under the same keys, which the queue answers as it did before.

public import Logging
public import PondCore
public import ServiceLifecycle
import Synchronization

/// Ships an outbox's jobs to their queues.
///
/// Any number may run on a file, in one process or in several: one ships, the others wait for its end. Nothing happens
/// before `run()`; a relay that was stopped ships no more.
public final class OutboxRelay: Service {
    private let outbox: Outbox
    private let sink: any JobSink
    private let clock: LocalClock
    private let logger: Logger
    private let isStopping = Mutex(false)

    /// - Parameter sink: where the jobs go, as a `Pond`.
    public init(
        _ outbox: Outbox,
        to sink: any JobSink,
        clock: LocalClock = .system,
        logger: Logger = Logger(label: "relay")
    ) {
        self.outbox = outbox
        self.sink = sink
        self.clock = clock
        self.logger = logger
    }

    /// Ships what there is and what comes, until a graceful shutdown or a cancellation.
    ///
    /// A shutdown waits for the answer to what is on its way. A sink or a file that fails for a while is tried again after
    /// a rest, which grows to 10 seconds.
    ///
    /// - Throws: `OutboxError.cannotLock`, or `SQLiteError` when waiting does not help, as with a damaged file.
    public func run() async throws {
        try await withGracefulShutdownHandler {
            guard let lock = try await takeTurn() else { return }
            defer { withExtendedLifetime(lock) {} }
            logger.info("the relay ships", metadata: ["file": "\(outbox.store.path)"])
            try await ship()
        } onGracefulShutdown: {
            self.stop()
        }
    }

    /// Ships what there is, and returns when nothing more can go now.
    ///
    /// - Returns: how many jobs were shipped.
    /// - Throws: `OutboxError.relayed` when another relay ships from this file, what the sink throws, or `SQLiteError`.
    public func shipOnce() async throws -> Int {
        guard let lock = try RelayLock.take(beside: outbox.store.path) else {
            throw OutboxError(
                .relayed,
                "another relay ships from \(outbox.store.path); it ships everything, so nothing needs to be done"
            )
        }
        defer { withExtendedLifetime(lock) {} }
        var line = RelayLine(outbox, sink, clock, logger)
        var count = 0
        while let pass = try await line.pass(until: { false }) {
            try Task.checkCancellation()
            count += pass.sent.count
        }
        return count
    }

    /// Begins an orderly stop; may be called again.
    package func stop() {
        isStopping.withLock { $0 = true }
        outbox.wakeUp.ring()
    }
}

extension OutboxRelay {
    private var shouldStop: Bool { isStopping.withLock { $0 } }

    /// Waits for the end of the relay that ships now; nil when this one is to stop before.
    private func takeTurn() async throws -> RelayLock? {
        var hasWaited = false
        while !shouldStop {
            if let lock = try RelayLock.take(beside: outbox.store.path) { return lock }
            if !hasWaited { logger.info("another relay ships from this file; this one waits for its end") }
            hasWaited = true
            try await clock.sleep(SQLiteLimits.relayPoll)
        }
        return nil
    }

    private func ship() async throws {
        var line = RelayLine(outbox, sink, clock, logger)
        var failures = 0
        while !shouldStop {
            try Task.checkCancellation()
            do {
                // Asked before the file is read, so that what is committed in between is noticed.
                let changes = try await outbox.store.changeMark()
                let began = clock.now()
                let pass = try await line.pass(until: { self.shouldStop })
                failures = 0
                if pass == nil { try await idle(changes, next: line.rests.next(after: began)) }
            } catch {
                try Task.checkCancellation()
                if let error = error as? SQLiteError, !error.isTransient { throw error }
                failures += 1
                await rest(afterFailures: failures, error)
            }
        }
    }

    /// Returns when there may be something to do.
    ///
    /// - Parameters:
    ///   - changes: the file's mark before it was read.
    ///   - next: when the first of the resting lanes may go on.
    private func idle(_ changes: SQLiteStore.ChangeMark, next: LocalInstant?) async throws {
        while !shouldStop {
            var limit = SQLiteLimits.relayPoll
            if let next { limit = min(limit, max(.zero, clock.now().duration(to: next))) }
            guard await outbox.wakeUp.wait(atMost: limit, clock) else { return }
            if let next, clock.now() >= next { return }
            if try await outbox.store.changeMark() != changes { return }
        }
    }

    /// Waits out a failure, whoever rings meanwhile.
    private func rest(afterFailures failures: Int, _ error: any Error) async {
        let rest = SQLiteLimits.relayRetry.delay(afterFailures: failures)
        logger.warning(
            "shipping failed; it is tried again",
            metadata: ["error": "\(error)", "failures": "\(failures)", "rest": "\(rest)"]
        )
        let end = clock.now() + rest
        while !shouldStop, !Task.isCancelled, clock.now() < end {
            await outbox.wakeUp.wait(atMost: clock.now().duration(to: end), clock)
        }
    }
}
