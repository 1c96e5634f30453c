import GRDB
import Glibc
import Logging
import PondCore
import PondInsight
import PondQueue
import PondRedis
import PondSQLite
import PondTestKit
import Testing

/// A server's queues under a prefix of the test's own, and a history of them in a folder.
struct HistoryBench: Sendable {
    let pond: Pond
    let store: HistoryStore
    let folder: String

    static func run(
        on server: RedisServer = .current,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (HistoryBench) async throws -> Void
    ) async throws {
        try await withFolder { folder in try await run(on: server, in: folder, body) }
    }

    /// A folder for a history, gone after `body`.
    static func withFolder(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (String) async throws -> Void
    ) async throws {
        var template = Array("/tmp/pond-insight-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            for name in ["h.sqlite", "h.sqlite-wal", "h.sqlite-shm", "h.sqlite.follow.lock"] {
                unlink("\(folder)/\(name)")
            }
            rmdir(folder)
        }
        try await body(folder)
    }

    private static func run(
        on server: RedisServer,
        in folder: String,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (HistoryBench) async throws -> Void
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        var configuration = try RedisConfiguration(url: server.url)
        configuration.commandTimeout = .seconds(10)
        let pond = Pond(configuration, prefix: RedisServer.uniqueName("p"), logger: logger)
        let bench = HistoryBench(pond: pond, store: HistoryStore(path: "\(folder)/h.sqlite"), folder: folder)
        do {
            try await body(bench)
            await bench.end()
        } catch {
            await bench.end()
            throw error
        }
    }

    private func end() async {
        await pond.close()
        // The test has its verdict already.
        try? await store.close()
    }

    @discardableResult
    func redis(_ words: String...) async throws -> RESPValue { try await redis(words) }

    @discardableResult
    func redis(_ words: [String]) async throws -> RESPValue {
        try await pond.redis.send(RedisCommand(words[0], words.dropFirst().map { .text($0) }))
    }

    /// A queue that a follower knows of.
    func queue(_ name: String) async throws -> Queue {
        let queue = try pond.queue(name)
        try await redis("SADD", Keys.queues(prefix: pond.prefix), name)
        return queue
    }

    /// Appends an entry to a journal as the library does, and counts its events.
    func write(_ queue: Queue, _ fields: [String], counting: Int) async throws {
        let after = try await redis("HINCRBY", queue.keys.meta, "journal_events", "\(counting)").int ?? 0
        try await redis(["XADD", queue.keys.journal, "*", "by", "w-1", "n", "\(after - Int64(counting))"] + fields)
    }

    func follower(_ change: (inout HistoryFollower.Options) -> Void = { _ in }) -> HistoryFollower {
        var options = HistoryFollower.Options()
        change(&options)
        return HistoryFollower(
            store,
            of: pond,
            options,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// Runs a follower beside `body`, and stops it in order.
    func following(_ follower: HistoryFollower, _ body: () async throws -> Void) async throws {
        async let run: Void = follower.run()
        do {
            try await body()
        } catch {
            follower.stop()
            throw error
        }
        follower.stop()
        try await run
    }

    /// Waits until something holds.
    func eventually(
        _ what: String,
        within limit: Duration = .seconds(20),
        _ holds: () async throws -> Bool
    ) async throws {
        try #require(try await Waiting.until(within: limit, every: .milliseconds(20), holds), "not in time: \(what)")
    }

    func count(_ table: String) async throws -> Int {
        try await store.store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") ?? 0 }
    }

    /// The events of a job that are there more than once.
    func doubles() async throws -> Int {
        try await store.store.read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT count(*) FROM (SELECT 1 FROM pond_history_events GROUP BY job, what HAVING count(*) > 1)
                    """
            ) ?? 0
        }
    }
}
