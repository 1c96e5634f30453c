package import PondCore

/// A worker as its last beat shows it.
package struct WorkerSnapshot: Sendable, Hashable {
    /// Its name in the group.
    package var name: String
    /// When it beat last.
    package var lastBeat: ServerTime?
    /// How old its beat may get before it counts as lost.
    package var lease = Limits.lease
    /// The kinds that it has handlers for; nil when it did not say, or has one for every kind.
    package var kinds: [String]?
    /// The kinds that it has compensations for; nil when it did not say.
    package var compensates: [String]?
    /// How long it hands on a job whose kind nobody knows; nil when it did not say.
    package var unknownKindGrace: Duration?
    /// Handlers that it runs at a time.
    package var slots: Int
    /// Handlers that it runs now, of all its queues.
    package var running: Int
    /// Whether it takes new jobs.
    package var isFetching: Bool
    /// Why it has stopped fetching by itself; nil while it fetches.
    package var brake: Brake?
    /// How long handlers of the queue have run in it.
    package var busy: Duration = .zero
    /// Tries of the queue's jobs that have ended in it.
    package var ended: Int = 0

    /// Why a worker has stopped fetching by itself.
    package struct Brake: Sendable, Hashable {
        /// What its last final failures had in common.
        package var cause: String
        /// Since when it does not fetch; nil when it did not say.
        package var since: ServerTime?
        /// How many final failures there were in a row; nil when it did not say.
        package var count: Int?

        /// A worker, or why it has stopped, as it was seen.
        package init(cause: String, since: ServerTime? = nil, count: Int? = nil) {
            (self.cause, self.since, self.count) = (cause, since, count)
        }

        /// What it is about, in words that go on a sentence.
        func words(at now: ServerTime) -> String {
            let failures = count.map { "the last \($0.grouped) jobs that failed for good" } ?? "its last jobs"
            let time = since.map { ", and for \(now.since($0).human) nothing has succeeded" } ?? ""
            return "\(failures) all ended as \(cause)\(time)"
        }
    }

    /// A worker, or why it has stopped, as it was seen.
    package init(name: String, lastBeat: ServerTime?, slots: Int = 0, running: Int = 0, isFetching: Bool = true) {
        (self.name, self.lastBeat) = (name, lastBeat)
        (self.slots, self.running, self.isFetching) = (slots, running, isFetching)
    }

    /// Whether it has beaten within its lease.
    package func isAlive(at now: ServerTime) -> Bool { lastBeat.map { now.since($0) <= lease } ?? false }

    /// Whether it may run jobs of a kind.
    func handles(_ kind: String, isCompensation: Bool) -> Bool {
        guard isCompensation else { return kinds.map { $0.contains(kind) || $0.contains("*") } ?? true }
        guard let compensates else { return true }
        // A kind with a handler of its own is undone by that handler's compensation alone.
        return compensates.contains(kind) || (compensates.contains("*") && !(kinds ?? []).contains(kind))
    }
}
