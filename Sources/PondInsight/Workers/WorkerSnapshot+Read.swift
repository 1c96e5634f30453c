package import PondCore
package import PondQueue

extension WorkerSnapshot {
    /// The workers of a queue, as their last beats show them.
    static func all(of queue: Queue) async throws -> [WorkerSnapshot] {
        let loads = try await queue.load(dueSoon: .zero, later: .zero).workers
        let byName = Dictionary(loads.map { ($0.consumer.name, $0.load) }) { first, _ in first }
        return try await beating(in: queue).map { snapshot in
            var snapshot = snapshot
            guard let load = byName[snapshot.name] ?? nil else { return snapshot }
            // What is said of all queues comes from the worker itself, what is said of this one from its load.
            snapshot.slots = max(0, load.slots)
            if snapshot.running == 0 { snapshot.running = max(0, load.running) }
            (snapshot.busy, snapshot.ended) = (load.busy, load.ended)
            return snapshot
        }
    }

    /// The same without how much each has done, which takes one call more.
    package static func beating(in queue: Queue) async throws -> [WorkerSnapshot] {
        try await queue.workers().map { consumer, lastBeat, text in
            WorkerSnapshot(consumer.name, lastBeat, WorkerAbout(json: text))
        }
    }

    /// A worker by what it says of itself; nil for one that says nothing which can be read.
    package init(_ name: String, _ lastBeat: ServerTime?, _ about: WorkerAbout?) {
        self.init(
            name: name,
            lastBeat: lastBeat,
            slots: max(0, about?.slots ?? 0),
            running: max(0, about?.running ?? 0),
            isFetching: about?.brake == nil && about?.state.map { $0 == "working" } ?? true
        )
        guard let about else { return }
        lease = about.lease
        // A list that was cut proves nothing about a kind that is not on it.
        kinds = about.kinds.flatMap { $0.count >= (about.kindsTotal ?? $0.count) ? $0 : nil }
        compensates = about.compensates
        unknownKindGrace = about.unknownKindGraceMilliseconds.map { .milliseconds(max(0, $0)) }
        brake = about.brake.map { brake in
            Brake(
                cause: String((brake.cause ?? "one cause").prefix(100)),
                since: brake.sinceMilliseconds.map { ServerTime(milliseconds: $0) },
                count: brake.count
            )
        }
    }
}
