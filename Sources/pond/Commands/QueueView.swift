import Millpond
import PondCore
import PondQueue

/// A queue as people and programs read it.
struct QueueView {
    let status: QueueStatus
    let workers: [(consumer: Consumer, lastBeat: ServerTime?, about: String)]
    let causes: [DeadCause]

    static func read(_ queue: Queue) async throws -> QueueView {
        let status = try await QueueStatus.read(queue)
        // The parts of a queue that has a fault may not be readable.
        guard status.depth.fault == nil else { return QueueView(status: status, workers: [], causes: []) }
        return QueueView(
            status: status,
            workers: try await queue.workers(),
            causes: try await queue.causes()
        )
    }

    private var depth: Depth { status.depth }

    func text(for terminal: Terminal) -> String {
        var parts = [facts.text(for: terminal)]
        if !workers.isEmpty { parts.append(workerTable.text(for: terminal)) }
        if !causes.isEmpty { parts.append(causeTable.text(for: terminal)) }
        return parts.joined(separator: "\n\n")
    }

    private var facts: Sheet {
        var sheet = Sheet()
        sheet.add("queue", status.name.text, .bold)
        sheet.add("state", status.words, status.state == .ok ? .green : status.state == .fault ? .red : .yellow)
        sheet.add("ready", depth.ready.grouped + (depth.ready > 0 ? ", the oldest for \(depth.oldestReady.human)" : ""))
        sheet.add("in flight", depth.inFlight.grouped)
        sheet.add("held", depth.held.grouped + (depth.nextDue.map { ", the next \(due($0))" } ?? ""))
        sheet.add("dead", depth.dead.grouped + (depth.dropped > 0 ? ", and \(depth.dropped.grouped) dropped" : ""))
        sheet.add("done", depth.done.grouped)
        sheet.add("workers", depth.workers.grouped)
        return sheet
    }

    private func due(_ time: ServerTime) -> String {
        let left = time.since(depth.now)
        return left > .zero ? "in \(left.human)" : "due for \((.zero - left).human)"
    }

    private var workerTable: Table {
        var table = Table([.text("WORKER"), .number("LAST BEAT"), .flexible("ABOUT")])
        for worker in workers {
            let age = worker.lastBeat.map { depth.now.since($0) }
            let isLost = age.map { $0 > Limits.lease } ?? true
            table.add([
                .text(worker.consumer.name),
                .text(age.map { $0.human + " ago" } ?? "never", isLost ? .red : nil),
                .text(worker.about),
            ])
        }
        return table
    }

    private var causeTable: Table {
        var table = Table([.text("CAUSE OF DEATH"), .number("JOBS"), .number("LAST"), .flexible("LAST ERROR")])
        for cause in causes {
            table.add([
                .text(cause.name), .count(cause.count), .text(depth.now.since(cause.last).human + " ago"),
                .text(cause.lastError.prefix { !$0.isNewline }.prefix(200)),
            ])
        }
        return table
    }

    var document: JSONDocument {
        let workers: [JSONValue] = workers.map { worker in
            .object([
                ("consumer", .string(worker.consumer.name)), ("last_beat", .time(worker.lastBeat)),
                ("about", .string(worker.about)),
            ])
        }
        let causes: [JSONValue] = causes.map { cause in
            .object([
                ("cause", .string(cause.name)), ("jobs", .count(cause.count)), ("last", .time(cause.last)),
                ("last_error", .string(cause.lastError)),
            ])
        }
        return JSONDocument(
            kind: "Queue",
            items: [status.json],
            [("workers", .array(workers)), ("causes", .array(causes))]
        )
    }
}
