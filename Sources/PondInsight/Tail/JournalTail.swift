package import PondCore
package import PondQueue
package import PondRedis

/// Reads the newest of what queues' journals tell, and then what comes, from Redis alone.
package struct JournalTail: Sendable {
    /// What one read brought.
    package struct News: Sendable {
        /// In the order of their time.
        package var events: [TailEvent] = []
        /// Events that were trimmed before they were read, by queue.
        package var missed: [QueueName: Int64] = [:]
    }

    private let pond: Pond
    private let names: [QueueName]
    private let filter: TailFilter
    /// The last entry that was read of each queue's journal, and how many events the journal had had after it.
    private var positions: [QueueName: (entry: String, expected: Int64?)] = [:]

    private static let pageEntries = 200
    /// Journals are searched backwards for so many entries a queue, when few events are wanted ones.
    private static let entriesMax = 4_000
    private static let readEntries = 500

    /// - Parameter queues: whose journals; empty for all known queues, also those that become known later.
    package init(_ pond: Pond, queues: [QueueName] = [], filter: TailFilter = TailFilter()) {
        self.pond = pond
        names = queues
        self.filter = filter
    }

    /// The newest events, oldest first; what comes later is read behind them.
    ///
    /// - Parameter limit: how many at most, of all queues together.
    package mutating func newest(_ limit: Int) async throws -> [TailEvent] {
        var events: [TailEvent] = []
        for name in try await queues() { events += try await newest(limit, of: name) }
        return Array(events.sorted { ($0.time, $0.entry) < ($1.time, $1.entry) }.suffix(limit))
    }

    private func queues() async throws -> [QueueName] {
        names.isEmpty ? try await pond.queues() : names
    }

    private mutating func newest(_ limit: Int, of name: QueueName) async throws -> [TailEvent] {
        let queue = try pond.queue(name.text)
        var (found, end, read): ([TailEvent], String, Int) = ([], "+", 0)
        positions[name] = ("0-0", nil)
        while found.count < limit, read < Self.entriesMax {
            let entries = try await queue.journal(.newestFirst, from: end, to: "-", atMost: Self.pageEntries)
            if read == 0, let last = entries.first {
                positions[name] = (last.id, last.before.map { $0 + last.count })
            }
            guard let first = entries.last else { break }
            for entry in entries { found += TailEvent.events(of: entry, in: name).reversed().filter(filter.takes) }
            (end, read) = ("(" + first.id, read + entries.count)
        }
        return Array(found.prefix(limit).reversed())
    }

    /// What has come since the last read.
    ///
    /// - Parameters:
    ///   - reader: a connection that nothing else uses, when it may block.
    ///   - block: how long to wait when nothing has come; nil does not wait.
    package mutating func next(on reader: RedisClient, block: Duration?) async throws -> News {
        for name in try await queues() where positions[name] == nil { positions[name] = ("0-0", nil) }
        let order = positions.keys.sorted()
        guard !order.isEmpty else { return News() }
        let keys = try order.map { try pond.queue($0.text).keys.journal }
        var words: [RedisArgument] = ["COUNT", .integer(Int64(Self.readEntries))]
        if let block { words += ["BLOCK", .integer(max(1, block.wholeMilliseconds))] }
        words += ["STREAMS"] + keys.map { .text($0) }
        words += order.map { .text(positions[$0]?.entry ?? "0-0") }
        let reply = try await reader.send(RedisCommand("XREAD", words), timeout: block.map { $0 + .seconds(5) })
        var news = News()
        for part in reply.array ?? [] {
            guard let pair = part.array, pair.count == 2, let index = keys.firstIndex(of: pair[0].string ?? "")
            else { continue }
            take(JournalEntry.list(pair[1]), of: order[index], into: &news)
        }
        news.events.sort { ($0.time, $0.entry) < ($1.time, $1.entry) }
        return news
    }

    private mutating func take(_ entries: [JournalEntry], of name: QueueName, into news: inout News) {
        for entry in entries {
            if let before = entry.before, let expected = positions[name]?.expected, before > expected {
                news.missed[name, default: 0] += before - expected
            }
            positions[name] = (entry.id, entry.before.map { $0 + entry.count })
            news.events += TailEvent.events(of: entry, in: name).filter(filter.takes)
        }
    }

    /// The newest events of some queues' journals, in one round trip and one command a queue.
    ///
    /// - Parameter entries: how many entries of each journal are read at most; one tells of a batch of jobs.
    /// - Returns: the events by queue, oldest first.
    package static func glance(_ queues: [Queue], entries: Int, on pond: Pond) async throws -> [String: [TailEvent]] {
        var found: [String: [TailEvent]] = [:]
        for (queue, journal) in zip(queues, try await pond.newestJournal(of: queues, atMost: entries)) {
            found[queue.name.text] = try journal.get().reversed().flatMap { TailEvent.events(of: $0, in: queue.name) }
        }
        return found
    }
}
