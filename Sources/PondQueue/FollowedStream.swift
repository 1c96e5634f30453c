package import PondCore
import PondRedis

/// The streams of a queue that somebody may follow who takes nothing from it.
package enum FollowedStream: Sendable, Hashable, CaseIterable {
    /// What happened.
    case journal
    /// The jobs that wait, by priority.
    case high, normal, low

    /// The ready stream; nil for the journal.
    package var ready: ReadyStream? {
        switch self {
        case .journal: nil
        case .high: .high
        case .normal: .normal
        case .low: .low
        }
    }
}

/// A stream to be read on behind an entry.
package struct StreamPlace: Sendable, Hashable {
    /// The queue.
    package var queue: QueueName
    /// Which of its streams.
    package var stream: FollowedStream
    /// The entry behind which to read.
    package var after: StreamID

    package init(_ queue: QueueName, _ stream: FollowedStream, after: StreamID = .zero) {
        self.queue = queue
        self.stream = stream
        self.after = after
    }
}

/// Some entries of one stream.
package struct StreamPage: Sendable {
    /// The stream, and behind which entry was read.
    package let place: StreamPlace
    /// The last entry that was read, whether it could be understood or not.
    package let upTo: StreamID
    /// What the entries say.
    package let content: Content
    /// How many entries were read.
    package let entryCount: Int
    /// Entries of which nothing could be understood.
    package let unreadable: Int
    /// How many bytes the entries had.
    package let bytes: Int

    /// What the entries say.
    package enum Content: Sendable {
        /// Entries of a journal.
        case journal([JournalEntry])
        /// The jobs that are new in a ready stream; those that were moved there, as for a retry, are left out.
        case waiting([WaitingJob])
    }

    /// How many events and jobs there are.
    package var weight: Int {
        switch content {
        case .journal(let entries): entries.reduce(0) { $0 + $1.events.count }
        case .waiting(let jobs): jobs.count
        }
    }
}

// MARK: - Reading replies

extension StreamPage {
    /// Reads `{{entry, {field, value, …}}, …}`; nil when there is no entry whose id can be read.
    ///
    /// Entries come from anybody who can speak to Redis: what cannot be understood is counted and passed over.
    init?(_ place: StreamPlace, _ entries: [RESPValue]) {
        var journal: [JournalEntry] = []
        var waiting: [WaitingJob] = []
        var unreadable = 0
        var bytes = 0
        var last: StreamID?
        for value in entries {
            guard let pair = value.array, pair.count == 2, let text = pair[0].string, let id = StreamID(text) else {
                unreadable += 1
                continue
            }
            last = id
            let flat = pair[1].array ?? []
            bytes += flat.reduce(0) { $0 + $1.size }
            if let stream = place.stream.ready {
                switch WaitingJob.read(text, id, flat, stream) {
                case .job(let job): waiting.append(job)
                case .moved: break
                case .unreadable: unreadable += 1
                }
            } else if let entry = JournalEntry(id: text, flat: flat.map(\.lenientText)) {
                journal.append(entry)
            } else {
                unreadable += 1
            }
        }
        guard let last else { return nil }
        self.place = place
        upTo = last
        content = place.stream == .journal ? .journal(journal) : .waiting(waiting)
        entryCount = entries.count
        self.unreadable = unreadable
        self.bytes = bytes
    }
}

extension WaitingJob {
    fileprivate enum Finding {
        case job(WaitingJob)
        /// Put there by the library: it was enqueued earlier, or elsewhere.
        case moved
        case unreadable
    }

    fileprivate static func read(
        _ entry: String,
        _ id: StreamID,
        _ flat: [RESPValue],
        _ stream: ReadyStream
    ) -> Finding {
        var job = WaitingJob(
            id: stream.ownID(entry: entry),
            kind: "",
            enqueuedAt: ServerTime(milliseconds: Int64(clamping: id.milliseconds))
        )
        for index in stride(from: 0, to: flat.count - 1, by: 2) {
            guard let name = flat[index].slice, let field = WireField(name: name) else { continue }
            switch field {
            case .id: return .moved
            case .kind: job.kind = flat[index + 1].lenientText
            case .correlationID: job.correlationID = flat[index + 1].lenientText
            case .causationID: job.causationID = flat[index + 1].lenientText
            case .jobClass: job.jobClass = flat[index + 1].lenientText
            default: break
            }
        }
        return job.kind.isEmpty ? .unreadable : .job(job)
    }
}

extension RESPValue {
    /// The text; bytes that are no UTF-8 as replacement characters, what is no text as none.
    fileprivate var lenientText: String {
        if case .bulk(let bytes) = self { return String(decoding: bytes, as: UTF8.self) }
        return string ?? ""
    }

    fileprivate var size: Int {
        if case .bulk(let bytes) = self { return bytes.count }
        return 0
    }
}
