import PondCore
import PondQueue

extension WorkerSighting {
    /// The workers of a queue, as their last beats show them.
    static func all(of queue: Queue) async throws -> [WorkerSighting] {
        let loads = try await queue.load(dueSoon: .zero, later: .zero).workers
        let byName = Dictionary(loads.map { ($0.consumer, $0.load) }) { first, _ in first }
        return try await queue.workers().map { consumer, lastBeat, text in
            let load = byName[consumer] ?? nil
            let about = WorkerAbout(json: text)
            let known = about?.kinds
            return WorkerSighting(
                name: consumer.name,
                lastBeat: lastBeat,
                // A list that was cut proves nothing about a kind that is not on it.
                kinds: known.flatMap { $0.count >= (about?.kindsTotal ?? $0.count) ? $0 : nil },
                compensates: about?.compensates,
                slots: max(0, load?.slots ?? about?.slots ?? 0),
                running: max(0, about?.running ?? load?.running ?? 0),
                isFetching: about?.state.map { $0 == "working" } ?? true,
                busy: load?.busy ?? .zero,
                ended: load?.ended ?? 0
            )
        }
    }
}
