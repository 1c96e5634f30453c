import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond saga replay`: a new saga that begins in the middle of an old one.
struct SagaReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Make a new saga that has the results of the steps before STEP and runs from there on.",
        discussion: """
            The old one must have ended, or be paused, stuck or dead; it stays as it is. With --keys same, the steps call \
            outside systems by the old saga's keys, so that what has happened there does not happen again. That is refused when \
            any step was undone, or will be: the other side would answer that it is done, and do nothing. With --keys new \
            everything from STEP on happens once more; that asks first, --yes goes on without asking. What the old saga did to \
            its end, or behind its pivot, is never undone by its replay: with the same keys that goes forward only, with new \
            ones it undoes its own steps alone. A step with the effect once that is done runs again only with --again STEP.
            """
    )

    /// Whose keys the steps of the replay have.
    enum Keys: String, ExpressibleByArgument, CaseIterable {
        case same, new
    }

    @OptionGroup var saga: SagaChoice

    @Option(help: ArgumentHelp("The first step that runs again.", valueName: "step"))
    var from: String

    @Option(help: "The keys of its steps: those of the old saga, or new ones.")
    var keys: Keys = .same

    @Option(
        help: ArgumentHelp(
            "A file with the payload of the new saga; without it it is the old one's.",
            valueName: "file"
        )
    )
    var patch: String?

    @Option(
        help: ArgumentHelp(
            "A step with the effect once that may run again. May be given several times.",
            valueName: "step"
        )
    )
    var again: [String] = []

    @Flag(help: "Do it without asking.")
    var yes = false

    @OptionGroup var why: SagaReason
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            let payload = try patch.map { try SagaBytes.read("@\($0)", "--patch", atMost: Limits.payloadBytesMax) }
            try await redis.withPond { pond in
                let found = try await saga.find(on: pond)
                if keys == .new {
                    terminal.say(
                        SafeText.escaped("replay \(found.address) from step \(from), whose effects happen once more")
                    )
                    try Confirmation.ask("replay it", count: 1, yes: yes, on: terminal)
                }
                let record = found.detail.record
                if keys == .same, record.state == .done || record.isPastPivot {
                    terminal.say(
                        "\(found.address) is done, or behind its pivot: its replay goes forward only, and undoes nothing"
                    )
                }
                let id = try await fork(found, payload)
                let address = "\(found.queue.name)/\(id)"
                try await found.audit("replay", reason: why.reason, result: "\(id), keys \(keys.rawValue)", step: from)
                if output.json {
                    let members: [(String, JSONValue)] = [
                        ("saga", .string(address)), ("replay_of", .string(found.address)), ("from", .string(from)),
                        ("keys", .string(keys.rawValue)),
                    ]
                    return try terminal.print(JSONDocument(kind: "SagaReplay", members))
                }
                try terminal.print(SafeText.escaped("replaying \(found.address) from step \(from) as \(address)"))
            }
        }
    }

    private func fork(_ found: SagaChoice.Found, _ payload: [UInt8]?) async throws -> JobID {
        let answer = try await found.queue.fork(
            found.id,
            from: from,
            keys: keys == .same ? .same : .new,
            because: why.reason,
            payload: payload,
            again: again
        )
        switch answer {
        case .enqueued(let id): return id
        case .unknown:
            throw CommandFailure(.notFound, "saga \(found.address) is gone", hint: "nothing was changed")
        case .refused(let reason):
            throw CommandFailure(
                .conflict,
                "saga \(found.address) is not replayed: \(SafeText.escaped(reason))",
                hint: "nothing was changed; \(advice(reason, found))"
            )
        }
    }

    /// Which replay would be taken.
    private func advice(_ reason: String, _ found: SagaChoice.Found) -> String {
        guard reason.contains("new keys") else { return "`pond saga show \(found.address)` shows it step by step" }
        return
            "`pond saga replay \(found.address) --from \(from) --keys new --reason WHY` does everything from there on once more"
    }
}
