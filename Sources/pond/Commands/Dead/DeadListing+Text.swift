import Millpond
import PondCore
import PondInsight

extension DeadListing {
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
        for cause in causes {
            table.add([
                .text(cause.cause, .bold), .text(cause.queue), .count(cause.jobs),
                .text(age(cause.last)), .text(firstLine(cause.lastError)),
            ])
        }
        return table
    }

    private var jobTable: Table {
        var table = Table([
            .text("JOB"), .text("KIND"), .number("DIED"), .text("CAUSE"), .number("ATTEMPTS"), .number("RECOVERIES"),
            .flexible("ERROR"),
        ])
        for job in jobs {
            table.add([
                .text(job.address, .bold), .text(job.kind.isEmpty ? "-" : job.kind),
                .text(age(job.died)), .text(job.cause), .count(job.attempts),
                .count(job.recoveries), .text(firstLine(job.error)),
            ])
        }
        return table
    }

    private func firstLine(_ text: String) -> Substring {
        text.prefix { !$0.isNewline }.prefix(200)
    }

    private func age(_ time: ServerTime?) -> String {
        guard let time, let at else { return "-" }
        return at.since(time).human + " ago"
    }

    var document: JSONDocument { JSONDocument(kind: "DeadJobList", of: self) }
}
