import GRDB
import PondCore

extension Outbox {
    /// How the outbox stands; any process that can read the file may ask.
    ///
    /// - Throws: `SQLiteError`, `OutboxError.cannotLock` when nobody can say whether a relay runs.
    public func status() async throws -> OutboxStatus {
        let now = wallClock()
        let lanes = try await store.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT lane.*, row.id, row.enqueued_ms, row.tries, row.last_error
                    FROM pond_outbox_lanes AS lane JOIN pond_outbox AS row
                    ON row.id = (SELECT min(id) FROM pond_outbox WHERE lane = lane.lane)
                    ORDER BY lane.lane
                    """
            ).map { OutboxStatus.Lane($0, now: now) }
        }
        return OutboxStatus(lanes: lanes, isRelayed: try RelayLock.isTaken(beside: store.path))
    }

    /// Whether a file holds an outbox already; changes nothing.
    package static func isFound(at path: String) async throws -> Bool {
        // Without schemas a store makes no tables.
        let store = SQLiteStore(path: path, schemas: [])
        let isFound = try await store.read { try $0.tableExists("pond_outbox") }
        try await store.close()
        return isFound
    }

    /// Lets a parked lane go on, beginning with the row that was refused.
    ///
    /// - Returns: false when it was not parked.
    public func unpark(_ lane: String) async throws -> Bool {
        let wasParked = try await store.write { db in
            try db.execute(
                sql: """
                    UPDATE pond_outbox_lanes SET parked_row = NULL, parked_ms = NULL, parked_reason = NULL
                    WHERE lane = ? AND parked_row IS NOT NULL
                    """,
                arguments: [lane]
            )
            return db.changesCount > 0
        }
        wakeUp.ring()
        return wasParked
    }

    /// Forgets an unsent row for good; a lane that was parked because of it goes on.
    ///
    /// A relay that has the row in hand just now may ship it all the same.
    ///
    /// - Returns: false when there is no such row.
    public func discard(row id: Int64) async throws -> Bool {
        let wasThere = try await store.write { db in
            try db.execute(
                sql: """
                    UPDATE pond_outbox_lanes SET parked_row = NULL, parked_ms = NULL, parked_reason = NULL
                    WHERE parked_row = ?
                    """,
                arguments: [id]
            )
            try db.execute(sql: "DELETE FROM pond_outbox WHERE id = ?", arguments: [id])
            return db.changesCount > 0
        }
        wakeUp.ring()
        return wasThere
    }
}

extension OutboxStatus.Lane {
    fileprivate init(_ row: Row, now: ServerTime) {
        name = row["lane"]
        unsent = row["unsent"]
        oldestAge = max(.zero, now.since(ServerTime(milliseconds: row["enqueued_ms"])))
        firstRow = row["id"]
        tries = row["tries"]
        lastError = row["last_error"]
        parked = (row["parked_row"] as Int64?).map { parkedRow in
            OutboxStatus.Parking(
                row: parkedRow,
                reason: row["parked_reason"] ?? "",
                since: ServerTime(milliseconds: row["parked_ms"] ?? 0)
            )
        }
    }
}
