package import PondCore
import PondRedis

/// Which entry was fetched: the fence.
///
/// A job that is taken over gets a new entry, so the old receipt settles nothing.
package struct Receipt: Sendable, Hashable {
    /// The stream that the entry was read from.
    package let stream: ReadyStream
    /// The id of the entry.
    package let entry: String

    package init(stream: ReadyStream, entry: String) {
        self.stream = stream
        self.entry = entry
    }

    /// Hashes the entry alone: hardly two streams have entries of one id, and the stream's name would take as long again.
    package func hash(into hasher: inout Hasher) { hasher.combine(entry) }

    /// When the job became ready, read from the entry's id; nil when that is of another form.
    var readySince: ServerTime? {
        // Ids are native strings, so their bytes lie side by side.
        let milliseconds = entry.utf8.withContiguousStorageIfAvailable(Self.milliseconds)
        return (milliseconds ?? Self.milliseconds(entry.utf8)).map { ServerTime(milliseconds: $0) }
    }

    /// The number before the hyphen.
    private static func milliseconds(_ entry: some Sequence<UInt8>) -> Int64? {
        var milliseconds: Int64 = 0
        for byte in entry {
            guard byte != UInt8(ascii: "-") else { break }
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), milliseconds < Int64.max / 100 else {
                return nil
            }
            // Cannot overflow, by the guard.
            milliseconds = 10 &* milliseconds &+ Int64(byte &- UInt8(ascii: "0"))
        }
        return milliseconds
    }
}

/// One fetched entry.
package struct Delivery: Sendable {
    /// What settles the entry.
    package let receipt: Receipt
    /// When the job became ready, by Redis' clock; nil when somebody gave the entry an id of another form.
    package let readySince: ServerTime?
    /// The job, or why the entry is none.
    package let job: Result<Job, Malformation>

    init(queue: QueueName, stream: ReadyStream, entry: String, fields: [RESPValue]) {
        self.init(queue: queue, stream: stream, entry: entry, partCount: fields.count) { fields[$0].slice ?? [] }
    }

    private init(
        queue: QueueName,
        stream: ReadyStream,
        entry: String,
        partCount: Int,
        likely kind: JobKind? = nil,
        part: (Int) -> ArraySlice<UInt8>
    ) {
        receipt = Receipt(stream: stream, entry: entry)
        let ownID = stream.ownID(entry: entry)
        let readySince = receipt.readySince
        let entryTime = readySince ?? ServerTime(milliseconds: 0)
        self.readySince = readySince
        job = Result { () throws(Malformation) in
            try Envelope.job(
                partCount: partCount,
                part: part,
                queue: queue,
                ownID: ownID,
                entryTime: entryTime,
                likely: kind
            )
        }
    }

    /// Reads `{{entry, {field, value, …}}, …}`.
    static func read(_ entries: [RESPValue], queue: QueueName, stream: ReadyStream) throws(QueueError) -> [Delivery] {
        var deliveries: [Delivery] = []
        deliveries.reserveCapacity(entries.count)
        for value in entries {
            guard case .array(let pair) = value, pair.count == 2, let entry = pair[0].slice.flatMap(String.init(utf8:))
            else {
                throw QueueError(.unexpectedReply, "an entry of \(queue) was delivered without an id")
            }
            // The body is nil when somebody deleted the entry after it was delivered.
            guard case .array(let fields) = pair[1] else { continue }
            deliveries.append(Delivery(queue: queue, stream: stream, entry: entry, fields: fields))
        }
        return deliveries
    }

    /// Reads the reply to an XREADGROUP of one stream: `{{key, {{entry, {field, value, …}}, …}}}`.
    static func read(_ reply: FlatReply, queue: QueueName, stream: ReadyStream) throws(QueueError) -> [Delivery] {
        var reader = FlatReply.Reader(reply)
        guard reader.array() == 1, reader.array() == 2, reader.slice() != nil, let count = reader.array() else {
            throw QueueError(.unexpectedReply, "XREADGROUP of \(queue) answered \(reply.value)")
        }
        var deliveries: [Delivery] = []
        deliveries.reserveCapacity(count)
        var kind: JobKind?
        for _ in 0..<count {
            guard reader.array() == 2, let entry = reader.slice().flatMap(String.init(utf8:)) else {
                throw QueueError(.unexpectedReply, "an entry of \(queue) was delivered without an id")
            }
            // The body is nil when somebody deleted the entry after it was delivered.
            guard let words = reader.array() else { continue }
            let start = reader.position
            let delivery = Delivery(queue: queue, stream: stream, entry: entry, partCount: words, likely: kind) {
                reply.slice(start + $0) ?? []
            }
            if case .success(let job) = delivery.job { kind = job.kind }
            guard reader.skip(words) else {
                throw QueueError(.unexpectedReply, "an entry of \(queue) has a field that is no text")
            }
            deliveries.append(delivery)
        }
        return deliveries
    }
}
