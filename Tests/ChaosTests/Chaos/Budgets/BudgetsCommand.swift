// The ledger under fire: many processes that reserve, settle, say it twice and are killed in the middle, against a real
// Redis. It is judged by what Redis shows at every moment, and at the end by its own records, its journals, and what the
// processes wrote down of what they had been told.

import ArgumentParser
import ChaosKit
import FoundationEssentials
import Glibc
import Logging
import Millpond

struct BudgetsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "budgets",
        abstract: "Prove the ledger: random operations by processes that are killed, and sums that agree."
    )

    @Option(help: "How many operations.") var operations = 20_000
    @Option(help: "How many processes.") var processes = 16
    @Option(help: "The seed of every process.") var seed: UInt64 = 1
    @Option(help: "How often a process is killed, in milliseconds; 0 for never.") var killEvery = 200
    @Option(help: "A file for the figures, as JSON.") var json: String?

    private struct Figures: Encodable {
        var operations: Int64
        var seconds: Double
        var kills: Int
        var broken: [String]
        var findings: [String]
        var counts: [String: Int64]
    }

    func run() async throws {
        LogLines.start(.critical)
        let terminal = Terminal.standard()
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let bed = try BudgetBed(folder: folder)
        let redis = try bed.start()
        defer { redis.send(SIGKILL) }
        let clock = LocalClock.system
        let began = clock.now()
        let run = BudgetRun(bed, processes: processes, operations: operations, seed: seed, killEvery: killEvery)
        let kills = try await run.play()
        let seconds = began.duration(to: clock.now()).inSeconds
        let findings = try await BudgetJudge(bed).findings()
        let figures = Figures(
            operations: try await bed.operations(),
            seconds: seconds,
            kills: kills,
            broken: findings.isEmpty ? [] : ["\(Invariant.money)"],
            findings: Array(findings.prefix(20)),
            counts: try await bed.ledger.counts()
        )
        await bed.pond.close()
        try terminal.print(
            "\(figures.operations) operations by \(processes) processes in \(Int(seconds)) s, \(kills) killed: "
                + (findings.isEmpty ? "all sums agree" : "\(findings.count) findings")
        )
        try terminal.print(
            figures.counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        )
        for finding in figures.findings { try terminal.print(finding) }
        if let json { try JSONEncoder().encode(figures).write(to: URL(filePath: json)) }
        if !findings.isEmpty { throw ExitCode(1) }
    }

    private static func folder() throws -> String {
        let folder = "/tmp/pond-budgets-\(getpid())"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }
}

/// One of the processes.
struct BudgetClientCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "budget-client",
        abstract: "Reserve and settle at random until enough was done.",
        shouldDisplay: false
    )

    @Option var folder: String
    @Option var number: Int
    @Option var life: Int
    @Option var seed: UInt64
    @Option var operations: Int

    func run() async throws {
        LogLines.start(.critical)
        let bed = try BudgetBed(folder: folder)
        let client = try BudgetClient(bed, number: number, life: life, seed: seed)
        try await client.run(until: Int64(operations))
        await bed.pond.close()
    }
}

/// Redis in a folder, the budgets in it, and what the processes wrote down.
struct BudgetBed: Sendable {
    let folder: String
    let pond: Pond
    let raw: RedisClient
    var ledger: Ledger { pond.ledger }
    private var socket: String { "\(folder)/redis.sock" }

    /// Those whose committed and reserved sums never pass the limit: what settles one never says more than was reserved, and
    /// all of it is charged when nothing is heard.
    static let strict = (0..<6).map { "intent:strict-\($0)" }
    static let loose = (0..<2).map { "intent:loose-\($0)" }
    static let tenants = ["tenant:red", "tenant:blue"]
    static var intents: [String] { strict + loose }

    init(folder: String) throws {
        self.folder = folder
        var configuration = try RedisConfiguration(url: "unix://\(folder)/redis.sock")
        configuration.commandTimeout = .seconds(20)
        var logger = Logger(label: "budgets")
        logger.logLevel = .critical
        pond = Pond(configuration, logger: logger)
        raw = pond.makeReader()
    }

    func start() throws -> ChildProgram {
        try ChildProgram(
            "redis-server",
            [
                "redis-server", "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", "", "--appendonly",
                "no",
            ]
        )
    }

    func redis(_ words: String...) async throws -> RESPValue {
        try await raw.send(RedisCommand(words[0], words.dropFirst().map { .text($0) }))
    }

    /// Opens the budgets.
    func open() async throws {
        let deadline = LocalClock.system.now() + .seconds(20)
        while true {
            do {
                _ = try await redis("PING")
                break
            } catch {
                guard LocalClock.system.now() < deadline else { throw error }
                try await LocalClock.system.sleep(.milliseconds(20))
            }
        }
        try await pond.installLibrary()
        for tenant in Self.tenants { _ = try await ledger.define(tenant, "usd=0.30") }
        _ = try await ledger.define("all", "usd=100000")
        for (place, name) in Self.strict.enumerated() {
            let tenant = place < 4 ? ",tenant=\(place % 2 == 0 ? "red" : "blue")" : ""
            _ = try await ledger.open(name, IntentBudget("usd=0.20,tokens=20k,undo_usd=0.01\(tenant)"))
        }
        for name in Self.loose { _ = try await ledger.open(name, IntentBudget("usd=0.20,calls=2000")) }
    }

    /// How many operations were done.
    func operations() async throws -> Int64 {
        Int64(try await redis("GET", "operations").string ?? "0") ?? 0
    }
}

/// Starts the processes, kills them, and gives the budgets more when they are used up.
struct BudgetRun {
    private let bed: BudgetBed
    private let processes: Int
    private let operations: Int
    private let seed: UInt64
    private let killEvery: Int

    init(_ bed: BudgetBed, processes: Int, operations: Int, seed: UInt64, killEvery: Int) {
        (self.bed, self.processes, self.operations) = (bed, processes, operations)
        (self.seed, self.killEvery) = (seed, killEvery)
    }

    /// - Returns: how many were killed.
    func play() async throws -> Int {
        try await bed.open()
        var clients = try (0..<processes).map { try start($0, life: 0) }
        defer { for client in clients { client.send(SIGKILL) } }
        var random = SeededGenerator(seed: seed)
        var (kills, lives) = (0, [Int](repeating: 0, count: processes))
        let clock = LocalClock.system
        var nextKill = clock.now() + .milliseconds(killEvery)
        while try await bed.operations() < operations {
            try await clock.sleep(.milliseconds(50))
            try await topUp(&random)
            guard killEvery > 0, clock.now() >= nextKill else { continue }
            nextKill = clock.now() + .milliseconds(killEvery)
            let place = Int.random(in: 0..<processes, using: &random)
            clients[place].send(SIGKILL)
            _ = try await clients[place].ends(within: .seconds(5))
            kills += 1
            lives[place] += 1
            clients[place] = try start(place, life: lives[place])
        }
        for client in clients {
            guard try await client.ends(within: .seconds(60)) else { throw ChaosError("\(client.name) does not end") }
        }
        return kills
    }

    private func start(_ number: Int, life: Int) throws -> ChildProgram {
        try ChildProgram(
            "budget client \(number)",
            [
                try OwnProgram.path(), "budget-client", "--folder", bed.folder, "--number", "\(number)", "--life",
                "\(life)",
                "--seed", "\(seed)", "--operations", "\(operations)",
            ],
            environment: ["SWIFT_BACKTRACE": "enable=no"],
            log: "\(bed.folder)/client-\(number).log"
        )
    }

    private func topUp(_ random: inout SeededGenerator) async throws {
        for name in BudgetBed.intents + BudgetBed.tenants where Int.random(in: 0..<4, using: &random) == 0 {
            let more =
                name.hasPrefix("tenant:")
                ? "usd=0.05" : name.contains("loose") ? "usd=0.03,calls=50" : "usd=0.03,tokens=4k"
            _ = try await bed.ledger.topUp(name, IntentBudget(more).description, by: "the run")
        }
    }
}
