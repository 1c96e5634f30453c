import Millpond
import PondCore
import PondQueue

/// The dead of some queues: every cause, and the newest jobs.
struct DeadList {
    let causes: [(queue: QueueName, cause: DeadCause)]
    /// Newest first.
    let jobs: [(queue: QueueName, job: DeadJob)]
    /// How many there are, shown or not.
    let total: Int
    /// Redis' clock.
    let now: ServerTime

    static func read(_ queues: [Queue], cause: String?, limit: Int) async throws -> DeadList {
        var causes: [(queue: QueueName, cause: DeadCause)] = []
        var jobs: [(queue: QueueName, job: DeadJob)] = []
        var now = ServerTime(milliseconds: 0)
        for queue in queues {
            now = max(now, try await queue.depth().now)
            for found in try await queue.causes() where cause == nil || found.name == cause {
                causes.append((queue.name, found))
            }
            jobs += try await queue.dead(limit: limit, cause: cause).map { (queue.name, $0) }
        }
        jobs.sort { $0.job.diedAt > $1.job.diedAt }
        causes.sort { $0.cause.count > $1.cause.count }
        return DeadList(
            causes: causes,
            jobs: Array(jobs.prefix(limit)),
            total: causes.reduce(0) { $0 + $1.cause.count },
            now: now
        )
    }

    /// What is not shown, for people.
    var rest: String? {
        guard total > jobs.count, !jobs.isEmpty else { return nil }
        return "the newest \(jobs.count.grouped) of \(total.grouped) are shown; --limit and --cause choose others"
    }

    func text(for terminal: Terminal) -> String {
        guard !jobs.isEmpty || total > 0 else { return "No dead jobs." }
        return causeTable.text(for: terminal) + "\n\n" + jobTable.text(for: terminal)
    }

    private var causeTable: Table {
        var table = Table([.text("CAUSE"), .text("QUEUE"), .number("JOBS"), .number("LAST"), .flexible("LAST ERROR")])
        for (queue, cause) in causes {
            table.add([
                .text(cause.name, .bold), .text(queue.text), .count(cause.count),
                .text(now.since(cause.last).human + " ago"), .text(firstLine(cause.lastError)),
            ])
        }
        return table
    }

    private var jobTable: Table {
        var table = Table([
            .text("JOB"), .text("KIND"), .number("DIED"), .text("CAUSE"), .number("ATTEMPTS"), .number("RECOVERIES"),
            .flexible("ERROR"),
        ])
        for (queue, job) in jobs {
            table.add([
                .text("\(queue)/\(job.id)", .bold), .text(job.kind.isEmpty ? "-" : job.kind),
                .text(now.since(job.diedAt).human + " ago"), .text(job.cause), .count(job.attempts),
                .count(job.recoveries), .text(firstLine(job.error)),
            ])
        }
        return table
    }

    private func firstLine(_ text: String) -> Substring {
        text.prefix { !$0.isNewline }.prefix(200)
    }

    var document: JSONDocument {
        JSONDocument(
            kind: "DeadJobList",
            items: jobs.map { queue, job in
                .object([
                    ("queue", .string(queue.text)), ("id", .string(job.id.text)), ("kind", .string(job.kind)),
                    ("died", .time(job.diedAt)), ("cause", .string(job.cause)), ("error", .string(job.error)),
                    ("attempts", .count(job.attempts)), ("recoveries", .count(job.recoveries)),
                ])
            },
            [("total", .count(total)), ("causes", .array(causes.map { json($0.queue, $0.cause) }))]
        )
    }

    private func json(_ queue: QueueName, _ cause: DeadCause) -> JSONValue {
        .object([
            ("queue", .string(queue.text)), ("cause", .string(cause.name)), ("jobs", .count(cause.count)),
            ("first", .time(cause.first)), ("last", .time(cause.last)), ("last_id", .string(cause.lastID.text)),
            ("last_error", .string(cause.lastError)),
        ])
    }
}
