import Millpond
import PondCore
import PondQueue

/// One worker of a queue, with what it said of itself at its last beat.
struct QueueWorker {
    let consumer: Consumer
    let lastBeat: ServerTime?
    /// As it was sent.
    let text: String
    /// Nil when it is of another form.
    let about: WorkerAbout?

    static func all(of queue: Queue) async throws -> [QueueWorker] {
        try await queue.workers().map { consumer, lastBeat, text in
            return QueueWorker(consumer: consumer, lastBeat: lastBeat, text: text, about: WorkerAbout(json: text))
        }
    }

    /// Whether it has beaten within a lease.
    func isAlive(at now: ServerTime) -> Bool {
        lastBeat.map { now.since($0) <= about?.lease ?? Limits.lease } ?? false
    }

    static let columns: [Table.Column] = [
        .text("WORKER"), .number("LAST BEAT"), .text("STATE"), .number("RUNNING"), .number("SLOTS"),
    ]

    func row(at now: ServerTime) -> [Table.Cell] {
        [
            .text(consumer.name, .bold),
            .text(lastBeat.map { now.since($0).human + " ago" } ?? "never", isAlive(at: now) ? nil : .red),
            .text(isAlive(at: now) ? about?.state ?? text : "lost", isAlive(at: now) ? nil : .red),
            .text(about?.running.map { "\($0)" } ?? "-"), .text(about?.slots.map { "\($0)" } ?? "-"),
        ]
    }

    /// What it says of a job that it runs.
    func running(_ address: String) -> WorkerAbout.Running? {
        about?.jobs?.first { $0.id == address }
    }

    var json: JSONValue {
        .object([
            ("consumer", .string(consumer.name)), ("last_beat", .time(lastBeat)), ("state", .text(about?.state)),
            ("running", about?.running.map { .count($0) } ?? .null),
            ("slots", about?.slots.map { .count($0) } ?? .null), ("about", .string(text)),
        ])
    }
}

extension WorkerAbout.Running {
    /// How far it says it is: `41%, asleep`.
    var progressText: String {
        // A fraction from outside may be any number.
        let percent = progress.flatMap { (0...1).contains($0) ? "\(Int($0 * 100))%" : nil }
        return [percent, note].compactMap { $0 }.joined(separator: ", ")
    }

    /// How long it has been running.
    var elapsed: Duration {
        .milliseconds(Int64(min(max(seconds ?? 0, 0), Limits.delayMax.inSeconds) * 1_000))
    }
}
