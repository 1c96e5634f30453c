import Millpond
import PondCore
import PondInsight
import PondQueue

/// A queue as people and programs read it.
struct QueueView {
    let status: QueueStatus
    let workers: [QueueWorker]
    let causes: [DeadCause]
    /// How many jobs it may hold; nil for no limit.
    let depthMax: Int?
    /// How many recoveries make a job of it dead; nil when nobody has said.
    let recoveriesMax: Int?

    static func read(_ queue: Queue) async throws -> QueueView {
        let status = try await QueueStatus.read(queue)
        // The parts of a queue that has a fault may not be readable.
        guard status.fault == nil else {
            return QueueView(status: status, workers: [], causes: [], depthMax: nil, recoveriesMax: nil)
        }
        return QueueView(
            status: status,
            workers: try await QueueWorker.all(of: queue),
            causes: try await queue.causes(),
            depthMax: try await queue.depthMax(),
            recoveriesMax: try await queue.recoveriesMax()
        )
    }

    private var now: ServerTime { status.at ?? ServerTime(milliseconds: 0) }

    func text(for terminal: Terminal) -> String {
        var parts = [facts.text(for: terminal)]
        for table in [workerTable, runningTable] where !table.isEmpty { parts.append(table.text(for: terminal)) }
        if !causes.isEmpty { parts.append(causeTable.text(for: terminal)) }
        return parts.joined(separator: "\n\n")
    }

    private var facts: Sheet {
        var sheet = Sheet()
        sheet.add("queue", status.name, .bold)
        sheet.add("state", status.words, status.state == .ok ? .green : status.state == .fault ? .red : .yellow)
        sheet.add(
            "ready",
            status.ready.grouped + (status.ready > 0 ? ", the oldest for \(status.oldestReady.human)" : "")
        )
        sheet.add("in flight", status.inFlight.grouped)
        sheet.add("held", status.held.grouped + (status.nextDue.map { ", the next \(due($0))" } ?? ""))
        sheet.add("waiting", status.waiting > 0 ? status.waiting.of("saga") : nil)
        sheet.add("limited", limitedText, .yellow)
        sheet.add("dead", status.dead.grouped + (status.dropped > 0 ? ", and \(status.dropped.grouped) dropped" : ""))
        sheet.add("done", status.done.grouped)
        sheet.add("workers", status.workers.grouped)
        sheet.add("stopped", status.brake.map { "\($0.workers.of("worker")) stopped fetching: \($0.why)" }, .red)
        sheet.add("max depth", depthMax?.grouped)
        sheet.add("max recoveries", recoveriesMax?.grouped)
        return sheet
    }

    private var limitedText: String? {
        guard status.limited > 0 else { return nil }
        let by = status.limits.map { "\($0.jobs.grouped) by \($0.limit) (\($0.reason))" }.joined(separator: ", ")
        return status.limited.grouped + (by.isEmpty ? "" : ": \(by)")
    }

    private func due(_ time: ServerTime) -> String {
        let left = time.since(now)
        return left > .zero ? "in \(left.human)" : "due for \((.zero - left).human)"
    }

    private var workerTable: Table {
        var table = Table(QueueWorker.columns)
        for worker in workers { table.add(worker.row(at: now)) }
        return table
    }

    /// The jobs that the living workers say they run, the longest first.
    private var runningTable: Table {
        var table = Table([
            .text("RUNNING JOB"), .text("KIND"), .number("ATTEMPT"), .number("FOR"), .flexible("PROGRESS"),
        ])
        let jobs = workers.filter { $0.isAlive(at: now) }.flatMap { $0.about?.jobs ?? [] }
        for job in jobs.sorted(by: { $0.elapsed > $1.elapsed }) where job.id.hasPrefix(status.name + "/") {
            table.add([
                .text(job.id, .bold), .text(job.kind ?? "-"), .text(job.attempt.map { "\($0)" } ?? "-"),
                .text(job.elapsed.human), .text(job.progressText),
            ])
        }
        return table
    }

    private var causeTable: Table {
        var table = Table([.text("CAUSE OF DEATH"), .number("JOBS"), .number("LAST"), .flexible("LAST ERROR")])
        for cause in causes {
            table.add([
                .text(cause.name), .count(cause.count), .text(now.since(cause.last).human + " ago"),
                .text(cause.lastError.prefix { !$0.isNewline }.prefix(200)),
            ])
        }
        return table
    }

    var document: JSONDocument {
        let causes: [JSONValue] = causes.map { cause in
            .object([
                ("cause", .string(cause.name)), ("jobs", .count(cause.count)), ("last", .time(cause.last)),
                ("last_error", .string(cause.lastError)),
            ])
        }
        return JSONDocument(
            kind: "Queue",
            items: [JSONValue(encoding: status)],
            [
                ("workers", .array(workers.map { JSONValue(encoding: $0) })), ("causes", .array(causes)),
                ("max_depth", depthMax.map { .count($0) } ?? .null),
                ("recoveries_max", .count(recoveriesMax ?? Limits.recoveriesMax)),
            ]
        )
    }
}
