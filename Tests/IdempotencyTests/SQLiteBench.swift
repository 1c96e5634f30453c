import PondCore
import PondSQLite
import PondTestKit
import Synchronization

/// Keys in a file of the test's own; jobs are made up, because the store takes everybody's word.
final class SQLiteBench: StoreBench {
    let store: any IdempotencyStore
    private let clock = HandClock()
    private let jobs = Mutex(0)

    private init(_ file: SQLiteStore) throws {
        store = try SQLiteIdempotencyStore(file, wallClock: clock.read)
    }

    @Sendable static func with(_ body: (any StoreBench) async throws -> Void) async throws {
        try await withFolder { folder in
            let file = SQLiteStore(path: "\(folder)/keys.sqlite", schema: SQLiteIdempotencyStore.schema)
            try await body(try SQLiteBench(file))
            try await file.close()
        }
    }

    func deliver(_ orders: [JobOrder]) async throws -> [KeyedJob] {
        try orders.map { order in
            let number = jobs.withLock { jobs in
                jobs += 1
                return jobs
            }
            return KeyedJob(
                queue: try QueueName(order.queue),
                key: try IdempotencyKey(order.key),
                id: JobID("1700000000000-\(number)"),
                kind: try JobKind(order.kind),
                data: Array(order.data.utf8),
                fence: 0
            )
        }
    }

    func takeOver(_ job: KeyedJob) async throws -> KeyedJob {
        KeyedJob(
            queue: job.queue,
            key: job.key,
            id: job.id,
            kind: job.kind,
            data: job.data,
            fence: job.fence + 1
        )
    }

    func passWindow() async throws -> Bool { try await pass(Limits.keyWindowDefault) }

    func pass(_ duration: Duration) async throws -> Bool {
        clock.advance(by: duration)
        return true
    }
}
