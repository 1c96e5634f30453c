import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue
import PondSaga

/// `pond saga list`: the sagas, those that want a person first.
struct SagaListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the sagas that have not ended, those that want a person first.",
        discussion: """
            States: running, waiting, undoing, paused, stuck; with --state also done, compensated, cancelled, failed and \
            abandoned, which can be seen for an hour.
            """
    )

    @Argument(help: "The queue; all known ones without it.")
    var queue: String?

    @Option(
        help: ArgumentHelp("Only sagas in this state.", valueName: "state"),
        transform: SagaListCommand.state
    )
    var state: SagaRecord.State?

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
                let queues = try await QueueLookup(pond: pond).queues(queue)
                let list = try await SagaListing.read(queues, state: state, limit: limit ?? 50)
                if output.json { return try terminal.print(JSONDocument(kind: "SagaList", of: list)) }
                try terminal.print(text(list, for: terminal))
                let rest = list.total - list.sagas.count
                if rest > 0 { terminal.say("… and \(rest.grouped) more; --state and --limit choose") }
            }
        }
    }

    private func text(_ list: SagaListing, for terminal: Terminal) -> String {
        guard !list.sagas.isEmpty else { return "No sagas\(state.map { " are \($0.rawValue)" } ?? "")." }
        var table = Table([
            .text("SAGA"), .text("KIND"), .text("STATE"), .number("FOR"), .text("STEP"), .flexible("REASON"),
        ])
        let now = list.at ?? ServerTime(milliseconds: 0)
        for saga in list.sagas {
            table.add([
                .text(saga.address, .bold), .text(saga.kind), .text(saga.state.rawValue, saga.state.tint),
                .text(saga.since.map { now.since($0).human } ?? "-"), .text(saga.step.isEmpty ? "-" : saga.step),
                .text(String(saga.reason.prefix { !$0.isNewline })),
            ])
        }
        return table.text(for: terminal)
    }

    private static func state(_ text: String) throws -> SagaRecord.State {
        guard let state = SagaRecord.State(rawValue: text) else {
            let all = SagaRecord.State.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("\"\(SafeText.escaped(text.prefix(40)))\" is no state of a saga; they are \(all)")
        }
        return state
    }
}

extension SagaRecord.State {
    /// How alarming it is.
    var tint: Tint? {
        switch self {
        case .stuck, .failed: .red
        case .paused, .undoing, .cancelled, .compensated, .abandoned: .yellow
        case .done: .green
        case .running, .waiting: nil
        }
    }
}
