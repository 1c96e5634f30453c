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
                one at a time is in memory; the first that is refused stops it, and those before it stay enqueued.
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
                let options = try await job.options(on: pond)
                // What is wrong with the options is told before anything is read.
                _ = try NewJob(kind: kind, options: options).fields()
                if bulk.isUsed {
                    try await queue.register()
                    let run = BulkEnqueue(queue, kind: kind, options: options, bulk: bulk, isRaw: raw)
                    try await enqueueMany(run, terminal)
                } else {
                    let data = try data.map { text throws(CommandFailure) in
                        try PayloadSource.read(text, isRaw: raw)
                    }
                    try await enqueue(NewJob(kind: kind, data: data ?? [], options: options), queue, terminal)
                }
            }
        }
    }

    private func enqueue(_ job: NewJob, _ queue: Queue, _ terminal: Terminal) async throws {
        let answer = try await queue.enqueue(job)
        try await queue.register()
        guard output.json else {
            switch answer {
            case .enqueued: break
            case .held(_, let due): terminal.say("held until \(due.iso8601)")
            case .duplicate(_, let state, let checksum):
                let left = checksum.map { ", its result has checksum \($0)" } ?? ""
                terminal.say("nothing added: the key belongs to a job that is \(state.rawValue)\(left)")
            }
            return try terminal.print(answer.id.text)
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
    }

    private func enqueueMany(_ run: BulkEnqueue, _ terminal: Terminal) async throws {
        if bulk.csv {
            try await enqueueAll(CSVRows(delimiter: bulk.delimiter ?? UInt8(ascii: ",")), run, terminal)
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
        guard output.json else { return }
        let counts: [(String, JSONValue)] = [
            ("queue", .string(run.queue.name.text)), ("kind", .string(run.kind.text)),
            ("enqueued", .count(tally.accepted)), ("ready", .count(tally.enqueued)), ("held", .count(tally.held)),
            ("duplicate", .count(tally.duplicates)), ("skipped", .count(tally.skipped)),
        ]
        try terminal.print(JSONDocument(kind: "EnqueueSummary", items: [.object(counts)]))
    }
}
