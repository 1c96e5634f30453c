import GRDB
import PondCore

/// What became of a batch: a value that grows with each answer and is written down in one transaction.
struct RelayPass: Sendable {
    /// Why a lane cannot go on.
    enum Block: Sendable, Hashable {
        /// The queue does not take the row now.
        case later(String)
        /// The queue will never take the row.
        case refused(String)
        /// Nobody knows, because the sink failed.
        case failed(String)
    }

    /// The rows that are in their queues.
    private(set) var sent: [Int64] = []
    /// The lanes that cannot go on, with the row that is in the way.
    private(set) var blocks: [String: (row: Int64, block: Block)] = [:]
    /// The lanes of which a row was sent.
    private(set) var moved: Set<String> = []

    /// Whether the batch changed nothing.
    var isEmpty: Bool { sent.isEmpty && blocks.isEmpty }

    /// Whether a row is behind another of its lane that did not go.
    func isBlocked(_ row: OutboxRow) -> Bool { blocks[row.lane] != nil }

    mutating func note(_ answer: ShipAnswer, for row: OutboxRow) {
        switch answer {
        case .accepted:
            sent.append(row.id)
            moved.insert(row.lane)
        case .later(let reason): block(row, .later(reason))
        case .refused(let reason): block(row, .refused(reason))
        }
    }

    /// The first row that does not go is the one in the way.
    mutating func block(_ row: OutboxRow, _ block: Block) {
        if blocks[row.lane] == nil { blocks[row.lane] = (row.id, block) }
    }

    /// Writes down what became of the rows.
    func mark(_ db: Database, at now: ServerTime) throws {
        // A row is marked as sent by its end: nothing is left to be thrown out later.
        let removal = try db.cachedStatement(sql: "DELETE FROM pond_outbox WHERE id = ?")
        for id in sent { try removal.execute(arguments: [id]) }
        for (lane, (id, block)) in blocks {
            switch block {
            case .later(let reason), .failed(let reason): try noteTry(of: id, reason, db)
            case .refused(let reason):
                try noteTry(of: id, reason, db)
                // Somebody may have discarded the row meanwhile; then nothing is in the way.
                try db.execute(
                    sql: """
                        UPDATE pond_outbox_lanes SET parked_row = ?, parked_ms = ?, parked_reason = ?
                        WHERE lane = ? AND EXISTS (SELECT 1 FROM pond_outbox WHERE id = ?)
                        """,
                    arguments: [id, now.milliseconds, RelayPass.cut(reason), lane, id]
                )
            }
        }
        CrashPoint.afterMark.reach()
    }

    private func noteTry(of id: Int64, _ reason: String, _ db: Database) throws {
        try db.cachedStatement(sql: "UPDATE pond_outbox SET tries = tries + 1, last_error = ? WHERE id = ?")
            .execute(arguments: [RelayPass.cut(reason), id])
    }

    /// A text as the file keeps it: bounded, and without a zero byte, at which SQLite would end it.
    static func cut(_ text: String) -> String {
        let plain = text.replacing("\u{0}", with: " ")
        return String(decoding: plain.utf8.prefix(SQLiteLimits.outboxErrorBytesMax), as: UTF8.self)
    }
}
