import ArgumentParser
import Glibc
import Millpond
import PondCore
import PondQueue

/// `pond queue import`: jobs that `pond queue export` wrote.
struct QueueImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Add the jobs that `pond queue export` wrote to a queue.",
        discussion: """
            A job keeps its kind, payload, key, correlation id, priority, due time, expiry, limits, headers and trace; \
            its tries begin anew, also those of a dead job, which runs again. The queue remembers how far an export was \
            imported, so the same file can be imported again after any failure, and no job of it is added twice.
            """
    )

    @Argument(help: "The queue's name.")
    var name: String

    @Argument(help: ArgumentHelp("The file; - or nothing is standard input.", valueName: "file"))
    var file: String = "-"

    @Flag(help: "Take a file whose end is missing; without it that is a failure once all lines are in.")
    var partial = false

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            let descriptor = try openFile()
            defer { if descriptor != 0 { close(descriptor) } }
            try await redis.withPond { pond in
                let queue = try pond.queue(name)
                let ended = try await importAll(queue, descriptor, terminal)
                try summarise(ended, terminal)
            }
        }
    }

    private func importAll(_ queue: Queue, _ descriptor: Int32, _ terminal: Terminal) async throws -> QueueImport {
        var lines = InputLines(descriptor, bytesMax: QueueFile.lineBytesMax)
        var run = QueueImport(queue, source: file == "-" ? "standard input" : SafeText.escaped(file))
        let bar = ProgressBar("imported", total: nil, on: terminal, offTerminal: .lines)
        defer { bar.finish(showsSummary: false) }
        try await run.run(&lines) { bar.advance(to: $0.added + $0.duplicates) }
        try await queue.register()
        return run
    }

    private func openFile() throws -> Int32 {
        guard file != "-" else { return 0 }
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure(
                errno == ENOENT ? .notFound : .failure,
                "\(SafeText.escaped(file)) cannot be read: \(String(cString: strerror(errno)))"
            )
        }
        return descriptor
    }

    private func summarise(_ run: QueueImport, _ terminal: Terminal) throws {
        let tally = run.tally
        let lack = lack(of: run)
        if output.json {
            let counts: [(String, JSONValue)] = [
                ("queue", .string(run.queue.name.text)), ("export", .text(run.header?.export)),
                ("jobs", .count(tally.jobs)), ("added", .count(tally.added)), ("ready", .count(tally.ready)),
                ("held", .count(tally.held)), ("duplicate", .count(tally.duplicates)), ("before", .count(tally.before)),
                ("whole", .bool(lack == nil)),
            ]
            try terminal.print(JSONDocument(kind: "QueueImport", items: [.object(counts)]))
        } else {
            terminal.say("added \(tally.added.of("job")): \(tally.ready.grouped) ready, \(tally.held.grouped) held")
            if tally.duplicates > 0 { terminal.say("\(tally.duplicates.of("key")) known, for which nothing was added") }
            if tally.before > 0 { terminal.say("\(tally.before.of("job")) of this export came with an earlier import") }
        }
        if let sagas = run.trailer?.sagas, sagas > 0 {
            let old = run.header?.queue ?? "their queue"
            terminal.say("\(sagas.of("job")) of sagas stayed in \(SafeText.escaped(old)) when this was written")
        }
        guard let lack else { return }
        guard partial else {
            throw CommandFailure(
                .checkFailed,
                "\(lack); what is there is in the queue",
                hint: "import the whole file, no job is added twice; or say with --partial that this is all"
            )
        }
        if !output.json { terminal.say("\(lack), as --partial allows") }
    }

    private func lack(of run: QueueImport) -> String? {
        guard let trailer = run.trailer else { return "\(run.source) was cut: its last line is missing" }
        guard trailer.jobs != run.tally.jobs else { return nil }
        return "\(run.source) has \(run.tally.jobs.of("job")), its last line counts \(trailer.jobs.grouped)"
    }
}
