import ArgumentParser
import Millpond
import PondCore
import PondQueue
import PondSaga

/// `pond queue export`: a queue's jobs as JSON lines.
struct QueueExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the jobs of a queue as JSON lines; the queue is not changed.",
        discussion: """
            The lines go to standard output, or to the file that --to names: a header, a job a line, and a last line \
            with the count. Jobs that a worker has in flight are left out, and so is what is added meanwhile; pause the \
            queue and let the workers finish, and nothing is missing but delayed jobs that come due meanwhile.

            What a saga remembers has no place in the file, and as a new job it would do again what it has done. So a \
            queue with sagas that have not ended is refused; --without-sagas leaves them and their children where they \
            are, and counts them.

            With --json the summary is a JSON document: on standard output with --to, else on standard error.
            """
    )

    @Argument(help: "The queue's name.")
    var name: String

    @Option(help: ArgumentHelp("Write to this new file.", valueName: "file"))
    var to: String?

    @Flag(help: "Go on with the file of --to where an earlier run ended.")
    var resume = false

    @Option(
        help: ArgumentHelp(
            "Go on behind this cursor, the \"at\" of a line; the lines make an export of their own.",
            valueName: "cursor"
        ),
        transform: QueueExportCommand.cursor
    )
    var after: ExportCursor?

    @Option(
        help: ArgumentHelp("Which jobs: ready, held, dead, with commas. Defaults to ready,held.", valueName: "states"),
        transform: QueueExportCommand.states
    )
    var state: Set<ExportState>?

    @Flag(help: "Leave sagas that have not ended, and their children, in the queue; without it they are a failure.")
    var withoutSagas = false

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if resume, to == nil { throw ValidationError("--resume goes with --to FILE") }
        if resume, after != nil { throw ValidationError("--resume finds its own cursor; leave --after out") }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let queue = try await QueueLookup(pond: pond).existing(name)
                if !withoutSagas { try await refuseSagas(of: queue) }
                if let to {
                    try await export(queue, to: try QueueExportFile(to, resumes: resume), terminal)
                } else {
                    try await export(queue, terminal)
                }
            }
        }
    }

    /// Nobody shall delete a queue whose export was without a word about its sagas.
    private func refuseSagas(of queue: Queue) async throws {
        let counts = try await queue.sagaCounts()
        let takesDead = state?.contains(.dead) == true
        let states = SagaRecord.State.allCases.filter { state in
            (takesDead && state == .failed) || (!state.isFinal && (takesDead || state != .stuck))
        }
        let parts = states.compactMap { state in
            counts[state].flatMap { $0 > 0 ? "\($0.grouped) \(state.rawValue)" : nil }
        }
        guard !parts.isEmpty else { return }
        let total = states.reduce(0) { $0 + (counts[$1] ?? 0) }
        throw CommandFailure(
            .conflict,
            "\(queue.name) has \(total.of("saga")) (\(parts.joined(separator: ", "))), and a file cannot hold what they remember",
            hint: "let them end (`pond saga list \(queue.name)`), or leave them in the queue with --without-sagas"
        )
    }

    private func export(_ queue: Queue, to file: consuming QueueExportFile, _ terminal: Terminal) async throws {
        let begun = file.begun
        if let begun { try check(begun.header, queue, file.path) }
        let head = if let begun { begun.header } else { try await header(queue) }
        if begun?.isWhole == true {
            terminal.say("\(file.path) is whole already, with \((begun?.jobs ?? 0).of("job"))")
            return try summarise(QueueExport.Tally(), head, jobs: begun?.jobs ?? 0, terminal)
        }
        if begun == nil { try file.write(head.line(at: try await queue.depth().now) + "\n") }
        let run = QueueExport(
            queue,
            states: Set(head.states.compactMap { ExportState(rawValue: $0) }),
            ends: head.places,
            after: begun?.cursor ?? after,
            number: begun?.jobs ?? 0,
            seen: begun?.held ?? []
        )
        let hint = "the same command with --resume goes on with \(file.path)"
        let ended = try await finish(run, terminal, hint: { _ in hint }, write: { try file.write($0) })
        try file.sync()
        try summarise(ended.tally, head, jobs: ended.number, sagas: try await leftOut(ended), terminal)
    }

    private func export(_ queue: Queue, _ terminal: Terminal) async throws {
        let head = try await header(queue)
        try terminal.print(head.line(at: try await queue.depth().now))
        let run = QueueExport(queue, states: state ?? [.ready, .held], ends: head.places, after: after)
        let ended = try await finish(run, terminal, hint: { $0.map { "--after \($0.text) goes on behind it" } }) {
            // The line's own end is the terminal's.
            try terminal.print(String($0.dropLast()))
        }
        try summarise(ended.tally, head, jobs: ended.number, sagas: try await leftOut(ended), terminal)
    }

    private func finish(
        _ run: QueueExport,
        _ terminal: Terminal,
        hint: (ExportCursor?) -> String?,
        write: (String) throws -> Void
    ) async throws -> QueueExport {
        var run = run
        let bar = ProgressBar("exported", total: nil, on: terminal, offTerminal: .lines)
        defer { bar.finish(showsSummary: false) }
        do {
            try await run.run(write: write) { bar.advance(to: $0) }
            let (inFlight, malformed) = (run.tally.inFlight, run.tally.malformed)
            let sagas = try await leftOut(run)
            try write(
                QueueFile.Trailer.line(jobs: run.number, inFlight: inFlight, malformed: malformed, sagas: sagas) + "\n"
            )
        } catch {
            let failure = CommandFailure(describing: error)
            guard failure.exitCode != .outputClosed else { throw failure }
            throw CommandFailure(
                failure.exitCode,
                "stopped after \(run.tally.written.of("job")): \(failure.message)",
                hint: hint(run.cursor) ?? failure.hint
            )
        }
        return run
    }

    /// The sagas that were met, and those that wait, which no place of an export has.
    private func leftOut(_ run: QueueExport) async throws -> Int {
        run.tally.sagas + (try await run.queue.depth().waiting)
    }

    private func header(_ queue: Queue) async throws -> QueueFile.Header {
        QueueFile.Header(
            export: String(UInt64.random(in: .min ... .max), radix: 16),
            queue: queue.name,
            states: state ?? [.ready, .held],
            ends: try await queue.exportEnds()
        )
    }

    private func check(_ header: QueueFile.Header, _ queue: Queue, _ path: String) throws {
        guard header.queue == queue.name.text else {
            throw CommandFailure(.conflict, "\(path) is an export of \(header.queue), not of \(queue.name)")
        }
        let wanted = state.map { Set($0.map(\.rawValue)) }
        guard wanted == nil || wanted == Set(header.states) else {
            throw CommandFailure(
                .conflict,
                "\(path) was begun with --state \(header.states.joined(separator: ","))",
                hint: "leave --state out, or export to another file"
            )
        }
    }

    private func summarise(
        _ tally: QueueExport.Tally,
        _ header: QueueFile.Header,
        jobs: Int,
        sagas: Int = 0,
        _ terminal: Terminal
    ) throws {
        if sagas > 0 { terminal.say("\(sagas.of("job")) of sagas left out; they stay in \(header.queue)") }
        if let first = tally.firstMalformed {
            let what = tally.malformed.of("entry", ("is", "are"))
            terminal.say("\(what) left out, as no worker can run it; the first is \(SafeText.escaped(first))")
        }
        guard output.json else {
            let parts = ExportState.allCases.compactMap { state in
                tally.jobs[state].map { "\($0.grouped) \(state.rawValue)" }
            }
            let detail = parts.isEmpty ? "" : ": " + parts.joined(separator: ", ")
            terminal.say("exported \(tally.written.of("job"))" + detail)
            if tally.inFlight > 0 { terminal.say("\(tally.inFlight.of("job", ("is", "are"))) in flight and not in it") }
            return
        }
        var counts: [(String, JSONValue)] = [
            ("queue", .string(header.queue)), ("export", .string(header.export)), ("jobs", .count(jobs)),
            ("written", .count(tally.written)),
        ]
        for state in ExportState.allCases { counts.append((state.rawValue, .count(tally.jobs[state] ?? 0))) }
        counts += [("in_flight", .count(tally.inFlight)), ("malformed", .count(tally.malformed))]
        counts.append(("sagas", .count(sagas)))
        let document = JSONDocument(kind: "QueueExport", items: [.object(counts)])
        if to == nil { terminal.say(document.text) } else { try terminal.print(document) }
    }

    static func cursor(_ text: String) throws -> ExportCursor {
        if let cursor = ExportCursor(text) { return cursor }
        let shown = SafeText.escaped(text.prefix(80))
        throw ValidationError("\"\(shown)\" is no cursor; it is the \"at\" of an exported line")
    }

    static func states(_ text: String) throws -> Set<ExportState> {
        var states: Set<ExportState> = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let state = ExportState(rawValue: String(word)) else {
                throw ValidationError(
                    "\"\(SafeText.escaped(word.prefix(40)))\" is no state; use ready, held, dead, with commas between"
                )
            }
            states.insert(state)
        }
        return states
    }
}

extension QueueFile.Header {
    /// The last position of each place.
    fileprivate var places: [ExportPlace: String] {
        var places: [ExportPlace: String] = [:]
        for (name, last) in ends { if let place = ExportPlace(rawValue: name) { places[place] = last } }
        return places
    }
}
