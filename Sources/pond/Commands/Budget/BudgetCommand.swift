import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond budget`: what an intent, a tenant and all together may take.
struct BudgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "budget",
        abstract: "Show what intents and tenants may spend and have spent, top up, and set budgets a day.",
        subcommands: [
            BudgetShowCommand.self, BudgetListCommand.self, BudgetTopUpCommand.self, BudgetSetCommand.self,
            BudgetClearCommand.self, BudgetFreezeCommand.self, BudgetUnfreezeCommand.self, BudgetCloseCommand.self,
        ]
    )
}

/// Which budget a command is about.
struct BudgetChoice: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "A correlation id; tenant:NAME for a tenant's, all for that of all.",
            valueName: "correlation-id"
        )
    )
    var about: String

    /// The name that the ledger has for it.
    var name: String { Self.name(about) }

    static func name(_ text: String) -> String {
        text == "all" || text.hasPrefix("tenant:") || text.hasPrefix("intent:") || text.hasPrefix("all@")
            ? text : Ledger.name(ofIntent: text)
    }

    /// - Throws: `CommandFailure`, when there is none.
    func state(in ledger: Ledger) async throws -> BudgetState {
        if let state = try await ledger.show(name) { return state }
        throw missing
    }

    /// There is no such budget.
    var missing: CommandFailure {
        CommandFailure(
            .notFound,
            "there is no budget \(SafeText.escaped(name))",
            hint: "`pond budget list` lists them; an intent has one when its first job is enqueued with --budget"
        )
    }
}

/// `pond budget show`: one budget, part by part.
struct BudgetShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a budget: limits, what is spent, reserved and left, who rests, and its journal.",
        discussion: "Exit code 3 when there is none of that name, 8 with --check when its journal says something else."
    )

    @OptionGroup var budget: BudgetChoice

    @Option(help: ArgumentHelp("How many entries of its journal, 0 to 1000. Defaults to 10.", valueName: "n"))
    var entries: Int?

    @Flag(help: "Compare its sums with its journal.")
    var check = false

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let entries, !(0...Ledger.pageMax).contains(entries) {
            throw ValidationError("--entries is 0 to \(Ledger.pageMax), not \(entries)")
        }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let ledger = pond.ledger
                let state = try await budget.state(in: ledger)
                var view = BudgetView(state: state)
                view.resting = try await ledger.resting(budget.name)
                if entries != 0 { view.entries = try await ledger.journal(budget.name, atMost: entries ?? 10) }
                if check { view.check = try await ledger.check(budget.name) }
                try terminal.print(output.json ? view.document.text : view.text(for: terminal))
                if case .differs = view.check { throw ExitCode(ExitCodes.checkFailed.rawValue) }
            }
        }
    }
}

/// `pond budget list`: the budgets that were used last.
struct BudgetListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List budgets, those that were used last first, and what is defined for tenants and all."
    )

    @Flag(help: "Only those that are used up, frozen, or wait for somebody to decide.")
    var wanted = false

    @Option(help: ArgumentHelp("How many at most, 1 to 500. Defaults to 50.", valueName: "n"))
    var limit: Int?

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let limit, !(1...500).contains(limit) { throw ValidationError("--limit is 1 to 500, not \(limit)") }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let ledger = pond.ledger
                var found: [BudgetState] = []
                for name in try await ledger.names(atMost: limit ?? 50) {
                    // It may have gone meanwhile.
                    guard let state = try await ledger.show(name), !wanted || state.wantsSomebody else { continue }
                    found.append(state)
                }
                let list = BudgetList(budgets: found, definitions: try await ledger.definitions())
                try terminal.print(output.json ? list.document.text : list.text(for: terminal))
            }
        }
    }
}

/// `pond budget top-up`: more of it, and whoever rests goes on.
struct BudgetTopUpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top-up",
        abstract: "Raise a budget's limits, or move its deadline; jobs that rest for it go on at once.",
        discussion: "AMOUNT as in usd=1.50,calls=20,wall=1h: what is added."
    )

    @OptionGroup var budget: BudgetChoice

    @Argument(help: "What is added, as in usd=1.50,calls=20.")
    var amount: String

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let more = try IntentBudget(amount)
                let ledger = pond.ledger
                let actor = DeadActor.current(reason: nil).name
                switch try await ledger.topUp(budget.name, more.description, by: actor) {
                case .ok: break
                case .closed: throw budget.closed
                default: throw budget.missing
                }
                let woken = try await ledger.wakeResting(budget.name)
                let state = try await budget.state(in: ledger)
                if output.json {
                    return try terminal.print(
                        JSONDocument(
                            kind: "BudgetTopUp",
                            [("woken", .count(woken)), ("budget", BudgetView.json(state))]
                        )
                    )
                }
                let jobs = woken > 0 ? "; \(woken.of("job", ("goes", "go"))) on" : ""
                try terminal.print("topped up \(SafeText.escaped(state.name)): \(BudgetView.left(state))\(jobs)")
            }
        }
    }
}

extension BudgetChoice {
    /// It takes nothing more.
    var closed: CommandFailure {
        CommandFailure(
            .conflict,
            "the budget \(SafeText.escaped(name)) is closed",
            hint: "enqueue with another correlation id; nothing was changed"
        )
    }
}
