import ArgumentParser
import Glibc
import Millpond
import PondCore
import PondQueue
import PondSQLite

/// `pond relay`: ships an outbox's jobs to their queues, and looks after it.
struct RelayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay",
        abstract: "Ship the jobs of an outbox to their queues.",
        usage: "pond relay --db <file> [--once | --status | --unpark <lane> | --discard <row>]",
        discussion: """
            It ships until SIGTERM, SIGINT or SIGHUP. Any number may run on a file: one ships, the others wait for its \
            end. A lane whose first row is refused is parked: --status shows why, and after the cause is gone --unpark \
            lets it go on, or --discard forgets the row.
            """
    )

    @Option(help: ArgumentHelp("The SQLite file with the outbox.", valueName: "file"))
    var db: String

    @Flag(help: "Ship what can go now, then end.")
    var once = false

    @Flag(help: "Show the lanes with unsent rows, and ship nothing.")
    var status = false

    @Option(help: ArgumentHelp("Let a parked lane go on.", valueName: "lane"))
    var unpark: String?

    @Option(help: ArgumentHelp("Forget an unsent row for good.", valueName: "row"))
    var discard: Int64?

    @Flag(help: "Do not ask before --discard.")
    var yes = false

    @OptionGroup var service: ServiceOptions
    private var redis: RedisOptions { service.redis }
    private var output: OutputOptions { service.output }

    func validate() throws {
        let modes = [once, status, unpark != nil, discard != nil].count { $0 }
        if modes > 1 { throw ValidationError("--once, --status, --unpark and --discard exclude each other") }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            do {
                try await act(on: try await RelayCommand.outbox(at: db), terminal)
            } catch let error as SQLiteError {
                throw CommandFailure(error)
            } catch let error as OutboxError {
                throw CommandFailure(error)
            }
        }
    }

    private func act(on outbox: Outbox, _ terminal: Terminal) async throws {
        if status {
            try RelayView(status: try await outbox.status()).show(on: terminal, asJSON: output.json)
        } else if let unpark {
            try await letGo(unpark, outbox, terminal)
        } else if let discard {
            try await forget(discard, outbox, terminal)
        } else if once {
            try await shipOnce(outbox, terminal)
        } else {
            try await serve(outbox)
        }
        try await outbox.close()
    }

    private func serve(_ outbox: Outbox) async throws {
        try await service.serve("relay") { pond, logger in
            let relay = OutboxRelay(outbox, to: pond, logger: logger)
            return ({ try await relay.run() }, { relay.stop() })
        }
    }

    private func shipOnce(_ outbox: Outbox, _ terminal: Terminal) async throws {
        let count = try await redis.withPond { pond in try await OutboxRelay(outbox, to: pond).shipOnce() }
        let status = try await outbox.status()
        if output.json {
            try terminal.print(RelayView(status: status).document("RelayOnce", [("shipped", .count(count))]))
        } else {
            let rest = status.unsent > 0 ? "; \(status.unsent.of("row")) could not go, see --status" : ""
            try terminal.print("shipped \(count.of("job"))\(rest)")
        }
        guard status.parked.isEmpty else {
            throw CommandFailure(
                .refused,
                "\(status.parked.count.of("lane", ("is", "are"))) parked",
                hint: "`pond relay --db \(db) --status` says why"
            )
        }
    }

    private func letGo(_ lane: String, _ outbox: Outbox, _ terminal: Terminal) async throws {
        guard try await outbox.unpark(lane) else {
            throw CommandFailure(
                .conflict,
                "lane \(lane) is not parked",
                hint: "`pond relay --db \(db) --status` shows the lanes"
            )
        }
        if output.json {
            return try terminal.print(
                JSONDocument(kind: "RelayLane", [("lane", .string(lane)), ("state", "unparked")])
            )
        }
        try terminal.print("lane \(SafeText.escaped(lane)) goes on with the next round of a relay")
    }

    private func forget(_ row: Int64, _ outbox: Outbox, _ terminal: Terminal) async throws {
        terminal.say("discard for good row \(row) of \(SafeText.escaped(db))")
        try Confirmation.ask("discard it", count: 1, yes: yes, on: terminal)
        guard try await outbox.discard(row: row) else {
            throw CommandFailure(
                .notFound,
                "there is no unsent row \(row); it may have been shipped",
                hint: "`pond relay --db \(db) --status` shows the first row of each lane"
            )
        }
        if output.json {
            return try terminal.print(JSONDocument(kind: "RelayRow", [("row", .int(row)), ("state", "discarded")]))
        }
        try terminal.print("discarded row \(row)")
    }

    /// The outbox in a file that is there; a relay makes none, or a typing error in the name would look like an outbox
    /// without rows.
    private static func outbox(at path: String) async throws -> Outbox {
        let hint = "the application makes it with its first write to the outbox; check --db"
        guard access(path, F_OK) == 0 else {
            throw CommandFailure(.notFound, "there is no file \(path)", hint: hint)
        }
        guard try await Outbox.isFound(at: path) else {
            throw CommandFailure(.notFound, "\(path) holds no outbox", hint: hint)
        }
        return Outbox(path: path)
    }
}

extension CommandFailure {
    /// What a person is told about a file that failed.
    init(_ error: SQLiteError) {
        self.init(error.code == .busy ? .conflict : .failure, error.message)
    }

    fileprivate init(_ error: OutboxError) {
        switch error.code {
        case .relayed: self.init(.conflict, error.message)
        case .invalid, .full: self.init(.refused, error.message)
        default: self.init(.failure, error.message)
        }
    }
}
