import Logging
import PondCore
import PondQueue
import PondRedis
import PondSQLite

/// Between the streams and the file: what is read where, and what is done with it.
struct HistoryLine {
    private let store: HistoryStore
    private let pond: Pond
    private let reader: RedisClient
    private let options: HistoryFollower.Options
    private let clock: LocalClock
    private let logger: Logger

    /// The streams, and behind which entry each is read on.
    private var places: [HistorySource: StreamPlace] = [:]
    private var size = HistoryPageSize()
    private(set) var progress = HistoryFollower.Progress()

    /// Whether Redis may have begun again with less than was read from it.
    private var isSuspicious = true
    /// Whether some key may be no stream.
    private var checksTypes = false
    private var connection: Int64?
    private var refreshed: LocalInstant?
    private var swept: LocalInstant?
    private var eventsSinceSweep = 0
    private var told: (at: LocalInstant, events: Int)

    /// How often the list of queues is read, and the ends of their journals looked at.
    private static let refreshInterval = Duration.seconds(5)
    private static let sweepInterval = Duration.seconds(10)
    private static let sweepEvents = 10_000
    private static let tellInterval = Duration.seconds(10)
    /// The journals that are compared with what a file has read that names another server.
    private static let comparedJournals = 20

    init(
        _ store: HistoryStore,
        _ pond: Pond,
        _ reader: RedisClient,
        _ options: HistoryFollower.Options,
        _ clock: LocalClock,
        _ logger: Logger
    ) {
        self.store = store
        self.pond = pond
        self.reader = reader
        self.options = options
        self.clock = clock
        self.logger = logger
        told = (clock.now(), 0)
    }

    /// Expects that nothing is as it was: the next step looks at everything anew.
    mutating func suspect() {
        isSuspicious = true
        refreshed = nil
    }

    /// Reads on in all streams, and indexes what is there.
    ///
    /// - Parameter block: how long to wait for something new; nil for not at all.
    /// - Returns: whether there is probably more to read at once.
    mutating func step(block: Duration?) async throws -> Bool {
        guard !places.isEmpty else {
            if let block { try await clock.sleep(block) }
            return false
        }
        let all = Array(places.values)
        guard let pages = try await read(all, block) else {
            checksTypes = true
            try await refresh()
            return true
        }
        guard !pages.isEmpty else { return false }
        size.note(pages)
        try await index(pages)
        tell()
        // Without waiting, only an empty answer says that there is nothing more.
        return block == nil || pages.reduce(0) { $0 + $1.weight } >= HistoryPageSize.small
    }

    /// Nil when some key is no stream, which was not known.
    private func read(_ all: [StreamPlace], _ block: Duration?) async throws -> [StreamPage]? {
        do throws(QueueError) {
            return try await pond.read(all, count: size.count(ofStreams: all.count), block: block, on: reader)
        } catch {
            guard error.redis?.prefix == "WRONGTYPE", !checksTypes else { throw error }
            return nil
        }
    }

    private mutating func index(_ pages: [StreamPage]) async throws {
        let report = try await store.ingest(pages.map { HistoryPage($0) })
        for page in pages {
            let source = HistorySource(page.place)
            places[source]?.after = report.moved[source] ?? page.upTo
        }
        progress.events += report.events
        progress.waiting += report.waiting
        eventsSinceSweep += report.events
        for gap in report.gaps { note(gap) }
    }

    private mutating func note(_ gap: HistoryGap) {
        // What a person is shown later comes from the file; here only so many are kept.
        if progress.gaps.count < 1_000 { progress.gaps.append(gap) }
        logger.warning(
            "the history misses events",
            metadata: [
                "queue": "\(gap.queue)", "missed": "\(gap.missed.map { "\($0)" } ?? "unknown")",
                "reason": "\(gap.reason.rawValue)", "after": "\(gap.after.map { "\($0)" } ?? "the beginning")",
            ]
        )
    }

    private mutating func tell() {
        let now = clock.now()
        let span = told.at.duration(to: now)
        guard span >= Self.tellInterval else { return }
        let events = progress.events - told.events
        if events > 0 {
            let rate = Int(Double(events) / span.inSeconds)
            logger.info("events indexed", metadata: ["events": "\(events)", "per_second": "\(rate)"])
        }
        told = (now, progress.events)
    }
}

// MARK: - Queues and their ends

extension HistoryLine {
    mutating func refreshIfDue() async throws {
        if let refreshed, refreshed.duration(to: clock.now()) < Self.refreshInterval { return }
        try await refresh()
    }

    /// Looks for queues that are new, for how far behind the file is, and for signs that Redis has begun again.
    mutating func refresh() async throws {
        if refreshed == nil { try await claim() }
        let queues = try await pond.queues()
        let positions = try await store.positions()
        var found: [StreamPlace] = []
        for queue in queues {
            for stream in FollowedStream.allCases where stream == .journal || options.readsWaiting {
                let source = HistorySource(StreamPlace(queue, stream))
                found.append(StreamPlace(queue, stream, after: positions[source]?.position ?? .zero))
            }
        }
        if checksTypes {
            let streams = try await pond.streams(among: found)
            if streams.count == found.count { checksTypes = false }
            found = streams
        }
        places = Dictionary(found.map { (HistorySource($0), $0) }, uniquingKeysWith: { first, _ in first })
        try await lookAtCounts(of: queues, positions)
        try await lookAtConnection()
        if isSuspicious { try await lookAtEnds() }
        isSuspicious = false
        refreshed = clock.now()
    }

    private func claim() async throws {
        guard let server = options.server else { return }
        if options.adopts { return try await store.reassign(to: server) }
        let owner = try await store.claim(for: server)
        guard owner != server else { return }
        guard try await hasOurEntries() else {
            throw HistoryError(
                code: .otherServer,
                message:
                    "\(store.store.path) is the history of \(owner), not of \(server), where no journal has what it read"
            )
        }
        logger.notice("the same queues are at another address", metadata: ["was": "\(owner)", "is": "\(server)"])
        try await store.reassign(to: server)
    }

    /// Whether some journal has an entry that the file has read: then these are its queues, at another address, as after a
    /// failover.
    ///
    /// Of each journal the newest entry is asked for that is not behind the file's position: after a failover the last ones
    /// may be lost.
    private func hasOurEntries() async throws -> Bool {
        let read = try await store.positions().values.filter { $0.source.stream == .journal && $0.position > .zero }
        for position in read.sorted(by: { $0.position > $1.position }).prefix(Self.comparedJournals) {
            // A history may know queues of names that are none.
            guard let queue = try? pond.queue(position.source.queue) else { continue }
            let from = position.position.description
            // A key of another type is no journal of ours.
            let found = try? await queue.journal(.newestFirst, from: from, to: "-", atMost: 1, on: reader)
            guard let entry = found?.first, let id = StreamID(entry.id) else { continue }
            if try await store.hasRead(id, of: position.source.queue) { return true }
        }
        return false
    }

    private mutating func lookAtCounts(
        of queues: [QueueName],
        _ positions: [HistorySource: HistoryPosition]
    ) async throws {
        let counts = try await pond.journalCounts(of: queues)
        for (queue, count) in counts {
            let expected = positions[HistorySource(queue: queue.text, .journal)]?.expected ?? 0
            if count < expected { isSuspicious = true }
        }
        let isNews = counts.contains { queue, count in
            let position = positions[HistorySource(queue: queue.text, .journal)]
            return position?.expected.map { max(0, count - $0) } != position?.behind
        }
        guard isNews else { return }
        try await store.note(
            eventsWritten: Dictionary(counts.map { ($0.key.text, $0.value) }, uniquingKeysWith: { first, _ in first })
        )
    }

    private mutating func lookAtConnection() async throws {
        let now: Int64?
        do {
            now = try await reader.connectionID()
        } catch  where error.prefix == "NOPERM" {
            // Then there is nothing to compare, and the counts alone have to tell.
            now = nil
        } catch {
            throw QueueError(.redis, "reading journals failed: \(error.message)", redis: error)
        }
        if now != connection { isSuspicious = true }
        connection = now
    }

    /// A stream that ends before the position has begun again.
    private mutating func lookAtEnds() async throws {
        let read = places.values.filter { $0.after > .zero }
        for (place, last) in try await pond.lastIDs(of: read) where last < place.after {
            let source = HistorySource(place)
            guard let target = try await store.restart(source, from: place.after, last: last) else { continue }
            places[source]?.after = target
            guard place.stream == .journal else { continue }
            note(
                HistoryGap(
                    queue: place.queue.text,
                    after: place.after,
                    before: nil,
                    missed: nil,
                    reason: .restarted,
                    noted: store.now
                )
            )
        }
    }
}

// MARK: - Retention

extension HistoryLine {
    mutating func sweepIfDue() async throws {
        let now = clock.now()
        let isDue = swept.map { $0.duration(to: now) >= Self.sweepInterval } ?? true
        guard isDue || eventsSinceSweep >= Self.sweepEvents else { return }
        // A little more than what came in, so that a file that is too large shrinks and reading goes on.
        let roundsMax = 2 + eventsSinceSweep / 1_000
        for _ in 0..<roundsMax { if try await !sweep() { break } }
        swept = now
        eventsSinceSweep = 0
    }

    /// Throws out some of what is too old or too much.
    ///
    /// - Returns: whether there is more.
    func sweep() async throws -> Bool {
        try await store.sweep(options.retention).isMore
    }
}

// MARK: - From one floor's words to the other's

extension HistorySource {
    init(_ place: StreamPlace) {
        let stream: Stream
        switch place.stream {
        case .journal: stream = .journal
        case .high: stream = .high
        case .normal: stream = .normal
        case .low: stream = .low
        }
        self.init(queue: place.queue.text, stream)
    }
}

extension HistoryPage {
    fileprivate init(_ page: StreamPage) {
        let content: Content
        switch page.content {
        case .journal(let entries): content = .journal(entries)
        case .waiting(let jobs): content = .waiting(jobs)
        }
        self.init(
            HistorySource(page.place),
            after: page.place.after,
            upTo: page.upTo,
            content,
            unreadable: page.unreadable
        )
    }
}
