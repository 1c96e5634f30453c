public import PondCore
import PondRedis

/// Which entry was fetched: the fence.
///
/// A job that is taken over gets a new entry, so the old receipt settles nothing.
public struct Receipt: Sendable, Hashable {
    /// The stream that the entry was read from.
    public let stream: ReadyStream
    /// The id of the entry.
    public let entry: String

    public init(stream: ReadyStream, entry: String) {
        self.stream = stream
        self.entry = entry
    }
}

/// One fetched entry.
public struct Delivery: Sendable {
    /// What settles the entry.
    public let receipt: Receipt
    /// The job, or why the entry is none.
    public let job: Result<Job, Malformation>

    init(queue: QueueName, stream: ReadyStream, entry: String, fields: [[UInt8]]) {
        receipt = Receipt(stream: stream, entry: entry)
        let milliseconds = Int64(Substring(entry.utf8.prefix { $0 != UInt8(ascii: "-") })) ?? 0
        let ownID = stream.ownID(entry: entry)
        job = Result { () throws(Malformation) in
            try Envelope(flat: fields).job(
                queue: queue,
                ownID: ownID,
                entryTime: ServerTime(milliseconds: milliseconds)
            )
        }
    }

    /// Reads `{{entry, {field, value, …}}, …}`.
    static func read(_ entries: [RESPValue], queue: QueueName, stream: ReadyStream) throws(QueueError) -> [Delivery] {
        var deliveries: [Delivery] = []
        deliveries.reserveCapacity(entries.count)
        for value in entries {
            guard let pair = value.array, pair.count == 2, let entry = pair[0].string else {
                throw QueueError(.unexpectedReply, "an entry of \(queue) was delivered without an id")
            }
            // The body is nil when somebody deleted the entry after it was delivered.
            guard let flat = pair[1].array else { continue }
            deliveries.append(
                Delivery(queue: queue, stream: stream, entry: entry, fields: flat.map { $0.bytes ?? [] })
            )
        }
        return deliveries
    }
}
