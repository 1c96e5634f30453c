import FoundationEssentials
import GRDB
import PondCore

/// An unsent row.
struct OutboxRow: Sendable {
    let id: Int64
    let lane: String
    let queue: String
    /// The job, or why it cannot be read.
    let job: Result<NewJob, OutboxError>
    /// Whether the queue may not take it for a reason that only it knows.
    let mayBeTurnedAway: Bool

    init(_ row: Row, file: String, now: ServerTime) {
        let id: Int64 = row["id"]
        self.id = id
        lane = row["lane"]
        queue = row["queue"]
        do {
            let envelope = try JSONDecoder().decode(OutboxEnvelope.self, from: row["envelope"] as Data)
            let waited = now.since(ServerTime(milliseconds: row["enqueued_ms"]))
            let data = Array(row["data"] as Data)
            job = .success(try envelope.job(data: data, ownKey: "outbox:\(file):\(id)", waited: waited))
            mayBeTurnedAway = envelope.key != nil || envelope.checksDepth == true
        } catch {
            let reason = "its row cannot be read (\(error)); a newer program may have written it"
            job = .failure(OutboxError(.invalid, reason))
            mayBeTurnedAway = true
        }
    }
}

/// The rows that a relay takes in hand: the first of each lane that may go on.
struct RelayBatch: Sendable {
    /// In the order of their lanes, and in a lane in the order in which they were written.
    let rows: [OutboxRow]
    /// Where the next batch goes on, so that every lane has its turn.
    let lastLane: String?

    /// Reads a batch.
    ///
    /// - Parameters:
    ///   - resting: lanes to leave alone.
    ///   - lane: the lane after which to begin.
    static func read(_ db: Database, except resting: Set<String>, after lane: String?, now: ServerTime) throws -> Self {
        let lanes = try lanes(db, after: lane).filter { !resting.contains($0) }.prefix(SQLiteLimits.relayRowsMax)
        guard !lanes.isEmpty else { return RelayBatch(rows: [], lastLane: nil) }
        let file = try String.fetchOne(db, sql: "SELECT value FROM pond_outbox_facts WHERE name = 'file'") ?? ""
        let statement = try db.cachedStatement(
            sql: """
                SELECT id, lane, queue, envelope, data, enqueued_ms FROM pond_outbox WHERE lane = ? ORDER BY id LIMIT ?
                """
        )
        var rows: [OutboxRow] = []
        var bytes = 0
        var lastLane: String?
        for lane in lanes {
            let cursor = try Row.fetchCursor(
                statement,
                arguments: [lane, max(1, SQLiteLimits.relayRowsMax / lanes.count)]
            )
            while bytes < SQLiteLimits.relayBytesMax, let row = try cursor.next() {
                bytes += (row["data"] as Data).count + (row["envelope"] as Data).count
                rows.append(OutboxRow(row, file: file, now: now))
            }
            lastLane = lane
            if bytes >= SQLiteLimits.relayBytesMax { break }
        }
        return RelayBatch(rows: rows, lastLane: lastLane)
    }

    private static func lanes(_ db: Database, after last: String?) throws -> [String] {
        let lanes = try String.fetchAll(
            db.cachedStatement(sql: "SELECT lane FROM pond_outbox_lanes WHERE parked_row IS NULL ORDER BY lane")
        )
        guard let last, let next = lanes.firstIndex(where: { $0 > last }) else { return lanes }
        return Array(lanes[next...] + lanes[..<next])
    }

    /// The rows in the portions in which they may go without a row overtaking another of its lane.
    ///
    /// A row that the queue may turn away is the last of its lane in its portion: what is behind it waits for the answer.
    /// So does a row for another queue, because a sink keeps order within a queue.
    var portions: [[OutboxRow]] {
        var portions: [[OutboxRow]] = []
        var turns: [String: Int] = [:]
        var queues: [String: String] = [:]
        for row in rows {
            var turn = turns[row.lane, default: 0]
            if let last = queues.updateValue(row.queue, forKey: row.lane), last != row.queue,
                turn < portions.count, portions[turn].contains(where: { $0.lane == row.lane })
            {
                turn += 1
                turns[row.lane] = turn
            }
            if turn == portions.count { portions.append([]) }
            portions[turn].append(row)
            if row.mayBeTurnedAway { turns[row.lane] = turn + 1 }
        }
        return portions
    }
}
