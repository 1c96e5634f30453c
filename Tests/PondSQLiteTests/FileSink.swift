import GRDB
import PondCore
import PondSQLite

/// Queues in a file, which outlive the process that ships to them and take each key once.
struct FileSink: JobSink {
    private let store: SQLiteStore

    init(_ path: String) {
        store = SQLiteStore(
            path: path,
            schema: SQLiteSchema(
                name: "sink",
                steps: [
                    """
                    CREATE TABLE taken (
                        place INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, key TEXT NOT NULL UNIQUE,
                        n INTEGER NOT NULL
                    ) STRICT;
                    CREATE TABLE repeats (key TEXT NOT NULL) STRICT;
                    """
                ]
            )
        )
    }

    func ship(_ jobs: [(queue: String, job: NewJob)]) async throws -> [ShipAnswer] {
        try await store.write { db in
            try jobs.map { queue, job in
                let key = job.options.key?.text ?? ""
                let number = Int(String(decoding: job.data, as: UTF8.self))
                try db.execute(
                    sql: "INSERT OR IGNORE INTO taken (queue, key, n) VALUES (?, ?, ?)",
                    arguments: [queue, key, number]
                )
                if db.changesCount == 0 {
                    try db.execute(sql: "INSERT INTO repeats VALUES (?)", arguments: [key])
                }
                return .accepted(JobID(key))
            }
        }
    }

    /// The numbers that came to each queue, in the order in which they came.
    func numbers() async throws -> [String: [Int]] {
        try await store.read { db in
            try Row.fetchAll(db, sql: "SELECT queue, n FROM taken ORDER BY place")
                .reduce(into: [:]) { $0[$1["queue"], default: []].append($1["n"]) }
        }
    }

    /// How many jobs came again.
    func repeats() async throws -> Int {
        try await store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM repeats") ?? -1 }
    }

    func close() async throws {
        try await store.close()
    }
}
