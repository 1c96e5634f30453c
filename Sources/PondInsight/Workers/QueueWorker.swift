package import PondCore
package import PondQueue

/// One worker of a queue, with what it said of itself at its last heartbeat.
package struct QueueWorker: Sendable, Codable {
    /// Its name in the group.
    package let name: String
    /// When its last heartbeat came.
    @Moment package private(set) var lastBeat: ServerTime?
    /// What it said, as it was sent.
    package let text: String
    /// Nil when it is of another form.
    package let about: WorkerAbout?

    private enum CodingKeys: String, CodingKey {
        case name = "consumer"
        case lastBeat = "last_beat"
        case state, running, slots
        case text = "about"
    }

    /// A worker by what was read of it.
    package init(name: String, lastBeat: ServerTime?, text: String) {
        (self.name, self.text) = (name, text)
        _lastBeat = Moment(wrappedValue: lastBeat)
        about = WorkerAbout(json: text)
    }

    /// Reads what `encode(to:)` has written.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try container.decode(String.self, forKey: .name),
            lastBeat: try container.decode(Moment.self, forKey: .lastBeat).wrappedValue,
            text: try container.decode(String.self, forKey: .text)
        )
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(_lastBeat, forKey: .lastBeat)
        try container.encode(about?.state, forKey: .state)
        try container.encode(about?.running, forKey: .running)
        try container.encode(about?.slots, forKey: .slots)
        try container.encode(text, forKey: .text)
    }

    /// Those of a queue.
    package static func all(of queue: Queue) async throws -> [QueueWorker] {
        try await queue.workers().map { QueueWorker(name: $0.name, lastBeat: $1, text: $2) }
    }

    /// Whether it has beaten within its lease.
    package func isAlive(at now: ServerTime) -> Bool {
        lastBeat.map { now.since($0) <= about?.lease ?? Limits.lease } ?? false
    }

    /// What it says of a job that it runs.
    package func running(_ address: String) -> WorkerAbout.Running? {
        about?.jobs?.first { $0.id == address }
    }
}
