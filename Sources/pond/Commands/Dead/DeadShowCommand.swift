import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond dead show`: all that is kept of a dead job.
struct DeadShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show all that is kept of a dead job (why it died, every field, the payload), or of a group.",
        discussion: "Bytes that are no text are shown as \\xff; with --json they are in base64."
    )

    @OptionGroup var job: JobChoice
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                if let group = GroupID(job.id) { return try await show(group, on: pond, terminal) }
                let (queue, report) = try await job.find(on: pond)
                guard report.state == .dead else {
                    throw CommandFailure(
                        .conflict,
                        "job \(queue.name)/\(report.id) is not dead but \(report.state.rawValue)",
                        hint: "`pond job get \(queue.name)/\(report.id)` shows it"
                    )
                }
                let view = try await JobView.read(queue, report)
                if output.json { return try terminal.print(view.document) }
                try terminal.print(text(view, report, terminal))
            }
        }
    }

    private func show(_ id: GroupID, on pond: Pond, _ terminal: Terminal) async throws {
        let queues = try await QueueLookup(pond: pond).queues(job.queue)
        let view = try await DeadGroupListing.read(queues, all: true)
        guard let group = view.groups.first(where: { $0.id == id }) else {
            throw CommandFailure(.notFound, "no queue has a group \(id)", hint: "`pond dead groups --all` lists them")
        }
        if output.json {
            return try terminal.print(DeadGroupListing(groups: [group], hidden: 0, now: view.now).document)
        }
        var jobs: [String] = []
        for queue in queues where jobs.count < 5 {
            let page = try await queue.groupIDs(of: id, limit: 5)
            jobs += page.jobs.map { "\(queue.name)/\($0.id)" }
        }
        let text = DeadGroupListing.text(of: group, jobs: Array(jobs.prefix(5)), now: view.now, for: terminal)
        try terminal.print(text)
    }

    private func text(_ view: JobView, _ report: JobReport, _ terminal: Terminal) -> String {
        var fields = Sheet()
        for (name, value) in report.fields where !name.elementsEqual(WireField.data.rawValue.utf8) {
            fields.add(SafeText.escaped(name), SafeText.escaped(value))
        }
        var parts = [view.facts.text(for: terminal)]
        if let error = report.error, error.contains(where: \.isNewline) {
            parts.append(terminal.tinted("error, line by line", .dim) + "\n" + SafeText.lines(error))
        }
        if !fields.isEmpty {
            parts.append(terminal.tinted("fields as stored", .dim) + "\n" + fields.text(for: terminal, indent: 2))
        }
        parts.append(view.payloadText(terminal, bytesMax: nil))
        return parts.joined(separator: "\n\n")
    }
}
