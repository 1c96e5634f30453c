package import ArgumentParser
import PondCore
import PondQueue

/// Adds one job, or one a line, a row or an element of standard input.
package struct AppEnqueue<App: MillpondApp>: AsyncParsableCommand {
    package static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "enqueue",
            abstract: "Add a job to a queue, or one a line, a row or an element of standard input.",
            discussion: """
                Prints the job's id. With --lines, --csv or --json-array standard input holds many payloads, of which \
                one at a time is in memory; the first that is refused stops it, and those before it stay enqueued. A key that \
                belongs to a dead job ends it with exit code 5: nothing was added for it, and the dead job does not run again by \
                itself.
                """
        )
    }

    @Argument(help: ArgumentHelp("What the job is, as in email.send.", valueName: "kind"))
    var kind: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The payload: JSON, @FILE, or - for standard input. Defaults to none.", valueName: "json")
    )
    var data: String?

    @Flag(help: "Take payloads as they are, JSON or not.")
    var raw = false

    @Option(help: ArgumentHelp("The queue.", valueName: "queue"))
    var queue: String = App.queue

    @OptionGroup var bulk: BulkOptions
    @OptionGroup var job: JobOptions
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func validate() throws {
        if bulk.isUsed, data != nil {
            throw ValidationError("--lines, --csv and --json-array take payloads from standard input; leave --data out")
        }
        if raw, bulk.csv || bulk.jsonArray || bulk.keyField != nil || bulk.correlationField != nil {
            throw ValidationError("--raw goes with --data and --lines, and with no field of a payload")
        }
        if bulk.keyField != nil, job.key != nil { throw ValidationError("--key and --key-field exclude each other") }
        if bulk.correlationField != nil, job.correlationID != nil {
            throw ValidationError("--correlation-id and --correlation-field exclude each other")
        }
    }

    package func run() async throws {
        try await runReporting(output) { terminal in
            let kind = try JobKind(kind)
            try await redis.withPond { pond in
                let queue = try pond.queue(queue)
                var options = try await job.options(on: pond)
                options.checksDepth = await hasLimit(queue)
                // What is wrong with the options is told before anything is read.
                _ = try NewJob(kind: kind, options: options).fields()
                if bulk.isUsed {
                    await register(queue, terminal)
                    await warnOfUnknownKind(kind, queue, terminal)
                    let run = BulkEnqueue(queue, kind: kind, options: options, bulk: bulk, isRaw: raw)
                    try await enqueueMany(run, terminal)
                } else {
                    let data = try data.map { text throws(CommandFailure) in
                        try PayloadSource.read(text, isRaw: raw)
                    }
                    try await enqueue(NewJob(kind: kind, data: data ?? [], options: options), queue, terminal)
                    await warnOfUnknownKind(kind, queue, terminal)
                }
            }
        }
    }

    /// Makes the queue known.
    ///
    /// A failure is told and is none of the command's: jobs go in all the same, and who took this for a failure would add
    /// them again.
    private func register(_ queue: Queue, _ terminal: Terminal) async {
        do throws(QueueError) { try await queue.register() } catch {
            let warning =
                "queue \(queue.name) could not be made known, so `pond status` may not list it: \(error.message)"
            terminal.say("\(terminal.tinted("warning:", .yellow, on: .error)) \(SafeText.escaped(warning))")
        }
    }

    /// Whether the queue refuses jobs when it is full, which a plain append would not hear of.
    private func hasLimit(_ queue: Queue) async -> Bool {
        // A producer may lack the right to look, and then has the one to append.
        do { return try await queue.depthMax() != nil } catch { return false }
    }

    /// Says when no worker of the queue has a handler for the kind: nearly always a misspelt one.
    private func warnOfUnknownKind(_ kind: JobKind, _ queue: Queue, _ terminal: Terminal) async {
        let workers: [WorkerAbout?]
        // Who cannot look at the workers has enqueued all the same.
        do { workers = try await queue.workers().map { WorkerAbout(json: $0.about) } } catch { return }
        guard let warning = KindCheck.warning(kind.text, queue: queue.name.text, workers) else { return }
        terminal.say("\(terminal.tinted("warning:", .yellow, on: .error)) \(SafeText.escaped(warning))")
    }

    private func enqueue(_ job: NewJob, _ queue: Queue, _ terminal: Terminal) async throws {
        let answer: EnqueueAnswer
        do throws(QueueError) { answer = try await queue.enqueue(job) } catch {
            throw CommandFailure(describing: error, of: job, in: queue.name)
        }
        guard output.json else {
            switch answer {
            case .enqueued: break
            case .held(_, let due): terminal.say("held until \(due.iso8601)")
            case .duplicate(_, .dead, _): break
            case .duplicate(_, let state, let checksum):
                let left = checksum.map { ", its result has checksum \($0)" } ?? ""
                terminal.say("nothing added: the key belongs to a job that is \(state.rawValue)\(left)")
            }
            try terminal.print(answer.id.text)
            return try refuseDead(answer, queue)
        }
        var members: [(String, JSONValue)] = [
            ("queue", .string(queue.name.text)), ("kind", .string(job.kind.text)), ("id", .string(answer.id.text)),
        ]
        switch answer {
        case .enqueued: members.append(("state", "ready"))
        case .held(_, let due): members += [("state", "held"), ("due", .time(due))]
        case .duplicate(_, let state, let checksum):
            members += [("state", "duplicate"), ("original_state", .string(state.rawValue))]
            members.append(("checksum", checksum.map { .string($0) } ?? .null))
        }
        try terminal.print(JSONDocument(kind: "EnqueuedJob", items: [.object(members)]))
        try refuseDead(answer, queue)
    }

    /// A key of a dead job: what was meant is neither done nor about to be, which a script must not take for success.
    private func refuseDead(_ answer: EnqueueAnswer, _ queue: Queue) throws(CommandFailure) {
        guard case .duplicate(let id, .dead, _) = answer else { return }
        throw CommandFailure(
            .conflict,
            "nothing added: the key belongs to job \(queue.name)/\(id), which is dead and does not run again by itself",
            hint:
                "`pond dead retry \(queue.name)/\(id)` runs it again, `pond dead discard \(queue.name)/\(id)` frees its key"
        )
    }

    private func enqueueMany(_ run: BulkEnqueue, _ terminal: Terminal) async throws {
        if bulk.csv {
            try await enqueueAll(CSVRows(delimiter: bulk.delimiter), run, terminal)
        } else if bulk.jsonArray {
            try await enqueueAll(JSONArrayElements(), run, terminal)
        } else {
            try await enqueueAll(InputLines(bytesMax: Limits.payloadBytesMax), run, terminal)
        }
    }

    private func enqueueAll<Input: BulkInput>(_ input: Input, _ run: BulkEnqueue, _ terminal: Terminal) async throws {
        var (input, run) = (input, run)
        let bar = ProgressBar("enqueued", total: nil, on: terminal, offTerminal: .lines)
        defer {
            // A run that was stopped has enqueued some, too.
            bar.advance(to: run.tally.accepted)
            bar.finish(showsSummary: !output.json)
        }
        try await run.run(&input) { bar.advance(to: $0.accepted) }
        let tally = run.tally
        if tally.skipped > 0 { bar.say("\(tally.skipped.of("empty \(Input.piece)")) skipped") }
        if tally.duplicates > 0 { bar.say("\(tally.duplicates.of("key")) known, for which nothing was added") }
        if output.json { try terminal.print(summary(run)) }
        if let failure = tally.deadKeys(queue: run.queue.name.text) { throw failure }
    }

    private func summary(_ run: BulkEnqueue) -> JSONDocument {
        let tally = run.tally
        let counts: [(String, JSONValue)] = [
            ("queue", .string(run.queue.name.text)), ("kind", .string(run.kind.text)),
            ("enqueued", .count(tally.accepted)), ("ready", .count(tally.enqueued)), ("held", .count(tally.held)),
            ("duplicate", .count(tally.duplicates)), ("skipped", .count(tally.skipped)),
            ("duplicate_dead", .count(tally.dead)),
        ]
        return JSONDocument(kind: "EnqueueSummary", items: [.object(counts)])
    }
}
