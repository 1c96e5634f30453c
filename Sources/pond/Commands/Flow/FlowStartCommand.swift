import ArgumentParser
import Millpond
import PondCore
import PondFlow
import PondQueue

/// `pond flow start`: a job of the flow's kind, whose worker runs the steps.
struct FlowStartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Start a flow: check its document, and enqueue a job of its kind.",
        discussion: """
            A worker that was given the same document runs it: `pond worker --flow FILE --exec …`. One that was given another \
            does not: the job says by which it was started. A job that has begun goes on with the document that it began with. \
            Any producer can start a flow too, by a plain job of its kind; then it is the worker's document that counts.
            """
    )

    @OptionGroup var document: FlowFile

    @Option(help: ArgumentHelp("The queue.", valueName: "queue"))
    var queue: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The flow's input: JSON, @FILE, or - for standard input. Defaults to null.",
            valueName: "json"
        )
    )
    var data: String?

    @Option(help: ArgumentHelp("A second flow with the same key is not started; 1 to 256 bytes.", valueName: "text"))
    var key: String?

    @Option(help: ArgumentHelp("One id per user intent. Defaults to the job's own id.", valueName: "id"))
    var correlationID: String?

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if document.file == "-", data == "-" {
            throw ValidationError("the document and --data cannot both be standard input")
        }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            let flow = try document.flow()
            let input = try data.map { try SagaBytes.read($0, "--data", atMost: Limits.payloadBytesMax) } ?? []
            var options = EnqueueOptions()
            options.key = try key.map { try IdempotencyKey($0) }
            options.correlationID = correlationID
            options.headers[FlowHandler.digestHeader] = FlowHandler.digest(of: flow)
            try await redis.withPond { [options] pond in
                var options = options
                let queue = try pond.queue(queue)
                options.checksDepth = try await queue.depthMax() != nil
                let job = NewJob(kind: flow.kind, data: input, options: options)
                try tell(try await queue.enqueue(job), job, queue, on: terminal)
                await warnOfUnknownKind(flow.kind, queue, terminal)
            }
        }
    }

    private func tell(_ answer: EnqueueAnswer, _ job: NewJob, _ queue: Queue, on terminal: Terminal) throws {
        let address = "\(queue.name)/\(answer.id)"
        var original: KeyState?
        if case .duplicate(_, let state, _) = answer { original = state }
        if output.json {
            try terminal.print(
                JSONDocument(
                    kind: "StartedFlow",
                    [
                        ("queue", .string(queue.name.text)), ("flow", .string(job.kind.text)),
                        ("id", .string(answer.id.text)), ("started", .bool(original == nil)),
                        ("original_state", .text(original?.rawValue)),
                        ("digest", .text(job.options.headers[FlowHandler.digestHeader])),
                    ]
                )
            )
        } else {
            if let original { terminal.say("nothing started: the key belongs to a job that is \(original.rawValue)") }
            try terminal.print(address)
        }
        guard original == .dead else { return }
        throw CommandFailure(
            .conflict,
            "nothing started: the key belongs to job \(address), which is dead and does not run again by itself",
            hint: "`pond dead retry \(address)` runs it again, `pond dead discard \(address)` frees its key"
        )
    }

    /// Nearly always a worker that was started without the document.
    private func warnOfUnknownKind(_ kind: JobKind, _ queue: Queue, _ terminal: Terminal) async {
        let workers: [WorkerAbout?]
        // Who cannot look at the workers has started the flow all the same.
        do { workers = try await queue.workers().map { WorkerAbout(json: $0.about) } } catch { return }
        guard let warning = KindCheck.warning(kind.text, queue: queue.name.text, workers) else { return }
        let next = "start one with --flow \(document.name)"
        terminal.say("\(terminal.tinted("warning:", .yellow, on: .error)) \(SafeText.escaped("\(warning); \(next)"))")
    }
}
