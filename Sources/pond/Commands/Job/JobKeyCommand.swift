import ArgumentParser
import Millpond
import PondCore
import PondQueue

/// `pond job key`: which job has an idempotency key.
struct JobKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Show which job has an idempotency key, and how far it is.",
        discussion:
            "Without a queue the key is looked for in all known ones. A done job answers until its key's window is over."
    )

    @Argument(help: "The key.", transform: JobKeyCommand.key)
    var key: IdempotencyKey

    @Option(help: ArgumentHelp("The job's queue.", valueName: "name"))
    var queue: String?

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                var found: [KeyView] = []
                for queue in try await QueueLookup(pond: pond).queues(queue) {
                    guard let record = try await queue.record(of: key) else { continue }
                    found.append(KeyView(queue: queue.name, key: key, record: record, now: try await queue.depth().now))
                }
                guard !found.isEmpty else { throw notFound }
                if output.json { return try terminal.print(JSONDocument(kind: "Key", items: found.map(\.json))) }
                try terminal.print(found.map { $0.facts.text(for: terminal) }.joined(separator: "\n\n"))
            }
        }
    }

    private var notFound: CommandFailure {
        CommandFailure(
            .notFound,
            "no job \(queue.map { "of queue \($0) " } ?? "")has the key \(SafeText.escaped(key.text)): it is free, or its window is over",
            hint: "the next job with it will run, unless the workers remember keys in a file of their own"
        )
    }

    private static func key(_ text: String) throws -> IdempotencyKey {
        do { return try IdempotencyKey(text) } catch { throw ValidationError(error.message) }
    }
}

/// A key's record as people and programs read it.
struct KeyView {
    let queue: QueueName
    let key: IdempotencyKey
    let record: KeyRecord
    /// Redis' clock.
    let now: ServerTime

    var facts: Sheet {
        var sheet = Sheet()
        sheet.add("key", key.text, .bold)
        sheet.add("job", "\(queue)/\(record.id)")
        let ended = record.endedAt.map { " since \($0.iso8601) (\(now.since($0).human) ago)" } ?? ""
        sheet.add("state", record.state.rawValue + ended, record.state == .dead ? .red : nil)
        sheet.add("checksum", record.checksum)
        sheet.add("result", record.result.map { "\($0.count.of("byte")) kept; --json shows them" })
        return sheet
    }

    var json: JSONValue {
        var members: [(String, JSONValue)] = [
            ("queue", .string(queue.text)), ("key", .string(key.text)), ("id", .string(record.id.text)),
            ("state", .string(record.state.rawValue)), ("ended", .time(record.endedAt)),
            ("fingerprint", .string(record.fingerprint)), ("checksum", .text(record.checksum)),
        ]
        if let result = record.result { members.append(JSONValue.bytes("result", result)) }
        return .object(members)
    }
}
