package import Logging
package import PondCore
package import PondQueue
package import PondSQLite
import PondRedis
import ServiceLifecycle
import Synchronization

/// Fills a history's file from the journals of all queues, and with the jobs that wait.
///
/// Any number may run on a file, in one process or in several: one fills it, the others wait for its end. Several may fill
/// files of their own. It takes nothing from the queues and changes nothing in Redis. Nothing happens before `run()`; a
/// follower that was stopped follows no more.
package final class HistoryFollower: Service {
    /// What is followed, and what is kept.
    package struct Options: Sendable {
        /// Whether jobs that wait are looked at too, so that they can be found by their intent.
        ///
        /// Defaults to true.
        package var readsWaiting = true
        /// What the file keeps.
        package var retention = HistoryRetention()
        /// A text for the server and the prefix of its keys, without secrets: a file is the history of one.
        ///
        /// Nil leaves that unchecked.
        package var server: String?
        /// Whether a file of another server's becomes this one's.
        ///
        /// Defaults to false.
        package var adopts = false

        package init() {}
    }

    /// What a follower has done since it began.
    package struct Progress: Sendable, Hashable {
        /// The events that it has indexed.
        package var events = 0
        /// The waiting jobs that it has looked at.
        package var waiting = 0
        /// What was missed.
        package var gaps: [HistoryGap] = []

        package init() {}

        /// How many events are known to be missing.
        package var missed: Int64 { gaps.reduce(0) { $0 &+ ($1.missed ?? 0) } }
    }

    private let store: HistoryStore
    private let pond: Pond
    private let options: Options
    private let clock: LocalClock
    private let logger: Logger
    private let isStopping = Mutex(false)

    package init(
        _ store: HistoryStore,
        of pond: Pond,
        _ options: Options = Options(),
        clock: LocalClock = .system,
        logger: Logger = Logger(label: "history")
    ) {
        self.store = store
        self.pond = pond
        self.options = options
        self.clock = clock
        self.logger = logger
    }

    /// Follows until a graceful shutdown or a cancellation.
    ///
    /// What fails for a while, Redis or the disk, is tried again after a rest, which grows to 10 seconds; the position
    /// stays where it was.
    ///
    /// - Throws: `HistoryError.otherServer`, `OutboxError.cannotLock`, `SQLiteError` or `QueueError` when waiting does
    ///   not help.
    package func run() async throws {
        try await withGracefulShutdownHandler {
            guard let lock = try await takeTurn() else { return }
            defer { withExtendedLifetime(lock) {} }
            logger.info("the history follows the journals", metadata: ["file": "\(store.store.path)"])
            try await withLine { try await self.follow(&$0) }
        } onGracefulShutdown: {
            self.stop()
        }
    }

    /// Reads all that there is now, throws out what is too old, and returns.
    ///
    /// - Throws: `HistoryError`, what Redis or the file throws; what was read before stays in the file.
    package func followOnce() async throws -> Progress {
        guard let lock = try store.lock() else {
            throw HistoryError(
                code: .followed,
                message: "another follower fills \(store.store.path); it reads everything, so nothing needs to be done"
            )
        }
        defer { withExtendedLifetime(lock) {} }
        return try await withLine { line in
            try await line.refresh()
            while try await line.step(block: nil) { try Task.checkCancellation() }
            while try await line.sweep() { try Task.checkCancellation() }
            return line.progress
        }
    }

    /// Begins an orderly stop, which takes at most as long as a read waits; may be called again.
    package func stop() {
        isStopping.withLock { $0 = true }
    }
}

extension HistoryFollower {
    private static let retry = Backoff(base: .milliseconds(100), cap: .seconds(10), jitter: 0.5)
    private static let turnPoll = Duration.milliseconds(250)
    /// How long a read waits for something new.
    private static let block = Duration.seconds(1)
    /// The rest after a small page, so that a busy queue does not cost a transaction a job.
    private static let linger = Duration.milliseconds(50)

    private var shouldStop: Bool { isStopping.withLock { $0 } }

    /// Waits for the end of the follower that fills the file now; nil when this one is to stop before.
    private func takeTurn() async throws -> HistoryLock? {
        var hasWaited = false
        while !shouldStop {
            if let lock = try store.lock() { return lock }
            if !hasWaited { logger.info("another follower fills this file; this one waits for its end") }
            hasWaited = true
            try await clock.sleep(Self.turnPoll)
        }
        return nil
    }

    /// Reads over a connection of its own, because reads that wait hold up whoever shares it.
    private func withLine<Value: Sendable>(_ body: (inout HistoryLine) async throws -> Value) async throws -> Value {
        let reader = pond.makeReader()
        var line = HistoryLine(store, pond, reader, options, clock, logger)
        do {
            let value = try await body(&line)
            await reader.close()
            return value
        } catch {
            await reader.close()
            throw error
        }
    }

    private func follow(_ line: inout HistoryLine) async throws {
        let outage = OutageLog(logger, worksAgain: "the history goes on")
        while !shouldStop {
            try Task.checkCancellation()
            do {
                try await line.refreshIfDue()
                let isLarge = try await line.step(block: Self.block)
                try await line.sweepIfDue()
                outage.worked("follow")
                if !isLarge { try await clock.sleep(Self.linger) }
            } catch {
                try Task.checkCancellation()
                if !Self.mayPass(error) { throw error }
                line.suspect()
                let failures = outage.failed("follow", error, as: Self.trouble(error))
                try await rest(Self.retry.delay(afterFailures: failures))
            }
        }
    }

    /// Whether waiting may help.
    private static func mayPass(_ error: any Error) -> Bool {
        switch error {
        case let error as SQLiteError: error.mayPass
        case let error as QueueError: error.isTransient
        default: false
        }
    }

    private static func trouble(_ error: any Error) -> String {
        error is SQLiteError
            ? "the history cannot be written; its position stays where it is" : "the journals cannot be read"
    }

    /// Waits, but not longer than it takes to notice a stop.
    private func rest(_ duration: Duration) async throws {
        let end = clock.now() + duration
        while !shouldStop, clock.now() < end {
            try await clock.sleep(min(Self.turnPoll, clock.now().duration(to: end)))
        }
    }
}
