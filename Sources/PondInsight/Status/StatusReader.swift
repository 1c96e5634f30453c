import PondCore
package import PondQueue

/// Reads how everything stands: a few commands a queue, all queues at once.
package struct StatusReader: Sendable {
    private let pond: Pond
    /// The journal's last entries that are looked at for jobs that expired; one tells of a batch of jobs.
    private static let journalEntries = 20
    /// What happened before that is not told of.
    private static let lately = Duration.seconds(3_600)
    /// So many queues that are in no list are looked at.
    private static let strayMax = 20

    package init(_ pond: Pond) { self.pond = pond }

    /// - Parameters:
    ///   - names: only these queues; all known ones, and those that are in no list, when it is empty.
    ///   - keys: what a walk through the keys has found; nil walks, which is worth doing once in a while.
    package func read(_ names: [String] = [], keys: StrayKeys? = nil) async throws -> StatusReport {
        let stray: StrayKeys
        if names.isEmpty {
            stray = if let keys { keys } else { try await StrayKeys.readIfAllowed(pond) }
        } else {
            stray = StrayKeys()
        }
        let listed = try names.isEmpty ? await pond.queues().map(\.text) : names
        let places = listed.map { ($0, true) } + stray.queues.prefix(Self.strayMax).map { ($0.text, false) }
        var statuses = try await statuses(places)
        try await lookForExpired(among: &statuses)
        return StatusReport(
            statuses,
            unreadable: stray.unreadable,
            memory: try await ServerMemory.read(pond),
            noWrites: try await pond.server.writeRefusal()
        )
    }

    private func statuses(_ places: [(name: String, isListed: Bool)]) async throws -> [QueueStatus] {
        try await withThrowingTaskGroup(of: (Int, QueueStatus).self) { group in
            for (index, place) in places.enumerated() {
                let queue = try pond.queue(place.name)
                group.addTask { (index, try await QueueStatus.read(queue, isListed: place.isListed)) }
            }
            var found: [(Int, QueueStatus)] = []
            for try await status in group { found.append(status) }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private func lookForExpired(among statuses: inout [QueueStatus]) async throws {
        let queues = try statuses.map { try pond.queue($0.name) }
        let journals = try await pond.newestJournal(of: queues, atMost: Self.journalEntries)
        for (index, journal) in zip(statuses.indices, journals) {
            // A journal that may not be read, or is none, tells nothing.
            guard case .success(let entries) = journal, let now = statuses[index].at else { continue }
            let recent = entries.filter { now.since($0.time) <= Self.lately }
            let events = recent.flatMap(\.events)
            let expired = events.count { $0.what == .expired }
            guard expired > 0 else { continue }
            let ended = events.count { $0.what.isEnd } + recent.reduce(0) { $0 + $1.unsampled }
            statuses[index].expired = QueueStatus.Expired(jobs: expired, ended: ended)
        }
    }
}
