import Millpond
import PondCore
import PondInsight
import PondQueue

extension QueueWorker {
    static let columns: [Table.Column] = [
        .text("WORKER"), .number("LAST HEARTBEAT"), .text("STATE"), .number("RUNNING"), .number("SLOTS"),
    ]

    func row(at now: ServerTime) -> [Table.Cell] {
        [
            .text(name, .bold),
            .text(lastBeat.map { now.since($0).human + " ago" } ?? "never", isAlive(at: now) ? nil : .red),
            .text(isAlive(at: now) ? about?.state ?? text : "lost", isAlive(at: now) ? nil : .red),
            .text(about?.running.map { "\($0)" } ?? "-"), .text(about?.slots.map { "\($0)" } ?? "-"),
        ]
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
