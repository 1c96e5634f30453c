import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue
import PondSQLite

/// `pond corr`: all jobs of an intent, who enqueued whom, and where the time went.
struct CorrCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "corr",
        abstract: "Show the jobs of an intent as a tree, and where the time went as bars.",
        discussion: """
            ID is a correlation id, or the id of any job of the intent. Jobs are found in the history (`pond history follow`, \
            part of `pond up`); where they are now is read from Redis. Exit code 3 when nothing is known of it.
            """
    )

    @OptionGroup var about: IntentChoice

    @Flag(help: "Draw with ASCII only.")
    var ascii = false

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let answer = try await about.history.withStoreIfAny { store, reason in
                    try await IntentReader(pond, history: store, orWhy: reason).answer(about.id)
                }
                let view = CorrView(answer: answer, isASCII: ascii)
                guard !answer.tree.rows.isEmpty else {
                    throw CommandFailure(
                        .notFound,
                        "nothing is known of \(about.id)",
                        hint: answer.unseen.first ?? "check the id; `pond tail` shows ids"
                    )
                }
                try terminal.print(output.json ? view.document.text : view.text(for: terminal))
                if !output.json { for note in answer.unseen { terminal.say("note: \(SafeText.escaped(note))") } }
            }
        }
    }
}

/// An intent's jobs, set for people and for programs.
struct CorrView {
    let answer: IntentReader.Answer
    var isASCII = false

    private var tree: IntentTree { answer.tree }

    /// Columns beside the bars at most, so that the whole fits into 80 in the usual case.
    private static let besides = 62

    func text(for terminal: Terminal) -> String {
        let width = min(80, max(16, (terminal.traits.columns ?? 100) - Self.besides))
        var table = Table([
            .flexible("JOB"), .flexible("ID"), .text("STATE"), .number("TRIES"), .number("WAIT"), .number("RUN"),
            .text(scale(width)),
        ])
        for row in tree.rows {
            let job = row.job
            table.add([
                .text(guide(row) + (job.kind ?? "?")), .text("\(job.queue)/\(job.id)"),
                .text(job.state, Self.tint(job.state)),
                .count(job.tries), .text(time(job, .wait)), .text(time(job, .run)),
                .text(tree.bar(of: job, width: width, isASCII: isASCII)),
            ])
        }
        return "\(sentence)\n\n\(table.text(for: terminal))\n\n\(legend)"
    }

    func guide(_ row: IntentTree.Row) -> String {
        guard isASCII else { return row.guide }
        return row.guide.replacing("│", with: "|").replacing("├─", with: "|-").replacing("└─", with: "`-")
    }

    func time(_ job: IntentJob, _ kind: IntentSegment.Kind) -> String {
        job.segments.contains { $0.kind == kind } ? job.time(kind).human : "-"
    }

    private func scale(_ width: Int) -> String {
        let length = total.human
        return "0" + String(repeating: " ", count: max(1, width - 1 - length.count)) + length
    }

    private var total: Duration {
        guard let start = tree.start, let end = tree.end else { return .zero }
        return end.since(start)
    }

    /// One line about all of them.
    var sentence: String {
        let states = Dictionary(grouping: tree.rows, by: \.job.state).mapValues(\.count)
        let parts = states.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value.grouped) \($0.key)" }
        return SafeText.escaped(
            "\(answer.correlationID): \(tree.rows.count.of("job")) in \(total.human); \(parts.joined(separator: ", "))"
        )
    }

    private var legend: String {
        let names: [(IntentSegment.Kind, String)] = [
            (.held, "not due"), (.wait, "ready, waits"), (.run, "runs"), (.backoff, "rests until the next try"),
        ]
        return names.map { "\($0.letter(isASCII: isASCII)) \($1)" }.joined(separator: "   ")
    }

    static func tint(_ state: String) -> Tint? {
        switch state {
        case "done", "compensated": .green
        case "dead", "dropped": .red
        case "running": .cyan
        case "expired", "held": .yellow
        default: nil
        }
    }

    var document: JSONDocument {
        JSONDocument(
            kind: "Intent",
            items: tree.rows.map(json),
            [
                ("correlation_id", .string(answer.correlationID)), ("at", .time(answer.now)),
                ("from", .time(tree.start)), ("to", .time(tree.end)),
                ("unseen", .array(answer.unseen.map { .string($0) })),
            ]
        )
    }

    private func json(_ row: IntentTree.Row) -> JSONValue {
        let job = row.job
        return .object([
            ("queue", .string(job.queue)), ("id", .string(job.id.text)), ("kind", .text(job.kind)),
            ("causation_id", .text(job.causationID)), ("depth", .count(row.depth)), ("state", .string(job.state)),
            ("tries", .count(job.tries)), ("wait", .seconds(job.time(.wait))), ("run", .seconds(job.time(.run))),
            (
                "segments",
                .array(
                    job.segments.map { segment in
                        .object([
                            ("kind", .string(segment.kind.rawValue)), ("from", .time(segment.from)),
                            ("from_ms", .int(segment.from.milliseconds)), ("to_ms", .int(segment.to.milliseconds)),
                            ("open", .bool(segment.isOpen)),
                        ])
                    }
                )
            ),
        ])
    }
}
