import PondCore
import PondQueue
import PondRedis
import PondSQLite

/// What the journals in Redis still tell of a job that no history has heard of.
///
/// A journal is read from its end backwards and from the moment of the job's id on: what happened to a job is near the one or
/// the other, mostly. Between them may lie more entries than anybody waits for.
struct JournalHistory {
    let pond: Pond

    private static let pageEntries = 100
    /// So many pages are read forwards, and as many backwards, of all journals together; and the newest of each.
    private static let pagesMax = 10
    /// Nobody waits longer for all queues together than this and a page.
    private static let patience = Duration.seconds(1)

    /// What is told of a job by the queues' journals; a queue whose journal says nothing of it is left out.
    func read(_ id: JobID, in names: [String]) async throws -> [JobHistory] {
        // An id begins with the moment in which it was given out; what is none of ours is in no journal.
        guard let first = Int64(id.text.prefix { $0 != "-" }) else { return [] }
        let deadline = pond.clock.now().advanced(by: Self.patience)
        var (jobHistories, left) = ([JobHistory](), 2 * Self.pagesMax)
        for (index, name) in names.enumerated() {
            guard index == 0 || pond.clock.now() < deadline else { break }
            if let jobHistory = try await jobHistory(of: id, from: first, in: name, until: deadline, pages: &left) {
                jobHistories.append(jobHistory)
            }
        }
        return jobHistories
    }

    private func jobHistory(
        of id: JobID,
        from first: Int64,
        in name: String,
        until deadline: LocalInstant,
        pages left: inout Int
    ) async throws -> JobHistory? {
        let queue = try pond.queue(name)
        let newest = try await entries(queue, .newestFirst, "+", "\(first)")
        var late = Gathered(id: id, Array(newest.reversed()))
        guard newest.count == Self.pageEntries, let oldest = newest.last else { return late.jobHistory(in: name) }
        var (early, start, end) = (Gathered(id: id), "\(first)", "(\(oldest.id)")
        for _ in 0..<Self.pagesMax where left > 0 {
            left -= 1
            let page = try await entries(queue, .oldestFirst, start, end)
            early = early + Gathered(id: id, page)
            guard page.count == Self.pageEntries, let last = page.last else {
                return (early + late).jobHistory(in: name)
            }
            start = "(\(last.id)"
            if early.hasEnded || pond.clock.now() > deadline { break }
        }
        for _ in 0..<Self.pagesMax
        where left > 0 && !late.hasEnded && !early.hasEnded && pond.clock.now() < deadline {
            left -= 1
            let page = try await entries(queue, .newestFirst, end, start)
            late = Gathered(id: id, Array(page.reversed())) + late
            guard page.count == Self.pageEntries, let last = page.last else { break }
            end = "(\(last.id)"
        }
        return (early + late).jobHistory(in: name)
    }

    private func entries(
        _ queue: Queue,
        _ order: JournalOrder,
        _ from: String,
        _ to: String
    ) async throws -> [JournalEntry] {
        do throws(QueueError) {
            return try await queue.journal(order, from: from, to: to, atMost: Self.pageEntries)
        } catch {
            // A journal that may not be read, or is none, tells nothing; the answer is the same as without it.
            guard error.redis?.prefix == nil else { return [] }
            throw error
        }
    }

    /// The events of one job, in order, and what they tell of it.
    private struct Gathered {
        let id: JobID
        var events: [HistoryEvent] = []
        var facts: JobFacts?

        init(id: JobID, _ entries: [JournalEntry] = []) {
            self.id = id
            for entry in entries {
                for event in entry.events where event.job == id {
                    if let event = HistoryEvent(event, at: entry.time, by: entry.by) { events.append(event) }
                    facts = event.facts.map { $0.completed(by: facts) } ?? facts
                }
            }
        }

        var hasEnded: Bool { events.last { !$0.what.isAside }?.what.isEnd ?? false }

        static func + (first: Gathered, second: Gathered) -> Gathered {
            var sum = first
            sum.events += second.events
            sum.facts = second.facts.map { $0.completed(by: first.facts) } ?? first.facts
            return sum
        }

        func jobHistory(in queue: String) -> JobHistory? {
            guard !events.isEmpty else { return nil }
            return JobHistory(
                of: id,
                in: queue,
                kind: facts?.kind,
                correlationID: facts?.correlationID,
                causationID: facts?.causationID,
                events: events
            )
        }
    }
}

extension JobFacts {
    /// With what an earlier event told: that of a step does not tell whose the job is.
    fileprivate func completed(by earlier: JobFacts?) -> JobFacts {
        guard let earlier else { return self }
        var facts = self
        if kind.isEmpty { facts.kind = earlier.kind }
        facts.correlationID = correlationID ?? earlier.correlationID
        facts.causationID = causationID ?? earlier.causationID
        return facts
    }
}
