import PondCore
package import PondQueue

/// Why dead jobs had better not be sent to be undone now: by which worker, or for want of one.
package enum CompensationObstacle: Sendable, Hashable {
    /// A worker that may run the kind, and knows nothing of compensations: it would do the work again.
    case wouldDoAgain(worker: String, kind: String)
    /// Workers serve the queue, and none of them has a compensation for the kind.
    case nobodyCompensates(kind: String)

    /// Looks what the workers of a queue say of themselves.
    ///
    /// A queue without workers is no obstacle: its jobs wait.
    ///
    /// - Parameter kinds: those of the jobs.
    /// - Returns: the first obstacle; nil when there is none.
    package static func first(in queue: Queue, kinds: Set<String>) async throws -> CompensationObstacle? {
        let now = try await queue.depth().now
        let alive = try await queue.workers().compactMap { consumer, lastBeat, text -> (String, WorkerAbout?)? in
            let about = WorkerAbout(json: text)
            let snapshot = WorkerSnapshot(consumer.name, lastBeat, about)
            return snapshot.isAlive(at: now) ? (consumer.name, about) : nil
        }
        return first(among: alive.map { (name: $0.0, about: $0.1) }, kinds: kinds)
    }

    /// The same for what live workers said.
    package static func first(
        among workers: [(name: String, about: WorkerAbout?)],
        kinds: Set<String>
    ) -> CompensationObstacle? {
        for kind in kinds.sorted() {
            for (name, about) in workers where about?.compensates == nil && mayHandle(kind, about) {
                return .wouldDoAgain(worker: name, kind: kind)
            }
            if !workers.isEmpty, !workers.contains(where: { compensates(kind, $0.about) }) {
                return .nobodyCompensates(kind: kind)
            }
        }
        return nil
    }

    /// A list that was cut, or was not given, proves nothing about a kind that is not on it.
    private static func mayHandle(_ kind: String, _ about: WorkerAbout?) -> Bool {
        guard let about, let kinds = about.kinds else { return true }
        return kinds.contains(kind) || kinds.contains("*") || kinds.count < (about.kindsTotal ?? 0)
    }

    private static func compensates(_ kind: String, _ about: WorkerAbout?) -> Bool {
        guard let about, let listed = about.compensates else { return false }
        return listed.contains(kind) || listed.contains("*") && !(about.kinds ?? []).contains(kind)
    }
}

extension DeadPart {
    /// The kinds of the jobs and how many are of each, the most first.
    package func kinds() async throws -> [DeadGroup.Kind] {
        var counts: [String: Int] = [:]
        var rest = ids[...]
        while !rest.isEmpty {
            let batch = rest.prefix(Limits.deadBatchMax)
            rest = rest.dropFirst(batch.count)
            for kind in try await queue.deadKinds(of: Array(batch)) { counts[kind ?? "-", default: 0] += 1 }
        }
        return counts.map { DeadGroup.Kind(name: $0.key, count: $0.value) }
            .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    }
}
