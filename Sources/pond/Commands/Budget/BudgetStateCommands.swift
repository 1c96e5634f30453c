import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond budget set`: what a tenant, each tenant, or all together may take.
struct BudgetSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set what a tenant (tenant:NAME), each tenant (tenant:*) or all may take, an hour, a day or a month.",
        discussion: """
            AMOUNT as in usd=50/day or tokens=2M/hour,calls=10k/hour; without a time it is for ever. Windows are of UTC. Jobs of \
            an intent that names the tenant (--tenant) reserve in both budgets, and in that of all.
            """
    )

    @Argument(help: "tenant:NAME, tenant:* or all.")
    var name: String

    @Argument(help: "As in usd=50/day.")
    var amount: String

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let changed = try await pond.ledger.define(name, amount)
                if output.json {
                    return try terminal.print(
                        JSONDocument(
                            kind: "BudgetDefinition",
                            [("name", .string(name)), ("text", .string(amount)), ("changed", .bool(changed))]
                        )
                    )
                }
                try terminal.print(
                    SafeText.escaped("\(changed ? "changed" : "set") \(name) to \(amount)")
                )
            }
        }
    }
}

/// `pond budget clear`: takes away what was set.
struct BudgetClearCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clear",
        abstract: "Take away what was set for a tenant, each tenant or all; they have no limit then."
    )

    @Argument(help: "tenant:NAME, tenant:* or all.")
    var name: String

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                guard try await pond.ledger.undefine(name) else {
                    throw CommandFailure(
                        .notFound,
                        "nothing is set for \(SafeText.escaped(name))",
                        hint: "`pond budget list` shows what is"
                    )
                }
                if output.json {
                    return try terminal.print(JSONDocument(kind: "BudgetDefinition", [("name", .string(name))]))
                }
                try terminal.print("cleared \(SafeText.escaped(name))")
            }
        }
    }
}

/// `pond budget freeze`: nothing but undoing spends any more.
struct BudgetFreezeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "freeze",
        abstract: "Stop a budget: jobs that want more rest, only what undoes goes on."
    )

    @OptionGroup var budget: BudgetChoice

    @Option(help: ArgumentHelp("Why, for those who ask.", valueName: "text"))
    var reason: String

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await budget.change("frozen", redis, output) { try await $0.freeze(budget.name, because: reason) }
    }
}

/// `pond budget unfreeze`: spending goes on.
struct BudgetUnfreezeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unfreeze",
        abstract: "Let a frozen budget go on; jobs that rest for it go on at once."
    )

    @OptionGroup var budget: BudgetChoice
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await budget.change("open", redis, output) { ledger in
            let answer = try await ledger.unfreeze(budget.name)
            try await ledger.wakeResting(budget.name)
            return answer
        }
    }
}

/// `pond budget close`: nothing is reserved any more.
struct BudgetCloseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "close",
        abstract: "Close a budget for good: jobs that want more are dead as budget_closed.",
        discussion: "What is reserved is still settled. It can be read for a week. There is no way back."
    )

    @OptionGroup var budget: BudgetChoice
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await budget.change("closed", redis, output) { ledger in
            let answer = try await ledger.close(budget.name)
            try await ledger.wakeResting(budget.name)
            return answer
        }
    }
}

extension BudgetChoice {
    fileprivate func change(
        _ state: String,
        _ redis: RedisOptions,
        _ output: OutputOptions,
        _ body: @escaping (Ledger) async throws -> LedgerAnswer
    ) async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                switch try await body(pond.ledger) {
                case .ok: break
                case .closed: throw closed
                default: throw missing
                }
                if output.json {
                    return try terminal.print(
                        JSONDocument(kind: "BudgetState", [("name", .string(name)), ("state", .string(state))])
                    )
                }
                try terminal.print("\(SafeText.escaped(name)) is \(state)")
            }
        }
    }
}
