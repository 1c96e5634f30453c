import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue
import PondSaga

/// `pond saga cancel`: turns a saga round.
struct SagaCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel a saga: what its steps did is undone, the newest first.",
        discussion: """
            One that has nothing to undo is gone at once. `pond saga show` tells how far it is. A saga behind its pivot is \
            refused: it goes forward only, and what it did before the pivot would be undone though what is behind it stays. So \
            is one that was replayed, because its replay goes on with what it did. --force cancels them all the same.
            """
    )

    @OptionGroup var saga: SagaChoice

    @Flag(help: "Behind its pivot, or beside its replay, too.")
    var force = false

    @Option(help: ArgumentHelp("Why, for the audit.", valueName: "text"))
    var reason: String?

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let found = try await saga.find(on: pond)
                let state = found.detail.record.state
                guard !state.isFinal, state != .stuck else { throw refusal(found) }
                if !force { try found.refuseReplayed("cancelled") }
                let answer = try await found.cancel(force: force)
                guard answer != .unknown else {
                    throw CommandFailure(
                        .conflict,
                        "saga \(found.address) ended before it could be cancelled",
                        hint: "nothing was changed"
                    )
                }
                try await found.audit("cancel", reason: reason, result: answer.rawValue)
                let left = try await found.queue.saga(found.id, withResults: false)
                let text =
                    left?.state == .abandoned
                    ? "ended \(found.address) as abandoned, and nothing is undone: \(SafeText.escaped(left?.reason ?? ""))"
                    : answer == .cancelled
                        ? "cancelled \(found.address); it had nothing to undo"
                        : "cancelling \(found.address); what it did is undone, the newest first"
                try found.tell(
                    text,
                    "SagaCancel",
                    [("result", .string(answer.rawValue))],
                    asJSON: output.json,
                    terminal
                )
            }
        }
    }

    private func refusal(_ found: SagaChoice.Found) -> CommandFailure {
        let state = found.detail.record.state
        return CommandFailure(
            .conflict,
            "saga \(found.address) is \(state.rawValue), so there is nothing to cancel",
            hint: state == .stuck
                ? "`pond why \(found.address)` says which undo failed, and how to decide"
                : "`pond saga show \(found.address)` shows what it did"
        )
    }
}

/// `pond saga pause`: a saga begins nothing more.
struct SagaPauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Stop a saga: it begins no more steps and waits until somebody resumes it.",
        discussion: "A step that runs comes to its end and is remembered. A time that it waits for does not wake it."
    )

    @OptionGroup var saga: SagaChoice
    @OptionGroup var why: SagaReason
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let found = try await saga.find(on: pond)
                let record = found.detail.record
                guard record.state != .paused else {
                    let old = record.reason.isEmpty ? "without a reason" : "\"\(record.reason)\""
                    let text = "\(found.address) was paused already, \(old)"
                    let members = [("state", JSONValue.string("paused")), ("reason", .string(record.reason))]
                    return try found.tell(text, "SagaState", members, asJSON: output.json, terminal)
                }
                try found.check(try await found.queue.pauseSaga(found.id, because: why.reason), to: "paused")
                try await found.audit("pause", reason: why.reason)
                try found.tell(
                    "paused \(found.address); `pond saga resume` lets it go on",
                    "SagaState",
                    [("state", "paused"), ("reason", .string(why.reason))],
                    asJSON: output.json,
                    terminal
                )
            }
        }
    }
}

/// `pond saga resume`: a saga that was paused goes on.
struct SagaResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Let a saga that is paused go on where it stopped.",
        discussion: """
            One that was paused because a step is unknown is paused again when it comes there: `pond saga resolve` decides \
            that. One with another plan than its build's goes on when a build that fits serves the queue. One that was \
            replayed is refused without --force: both would do what is left, with the same keys or once more.
            """
    )

    @OptionGroup var saga: SagaChoice

    @Flag(help: "Beside its replay, too.")
    var force = false

    @Option(help: ArgumentHelp("Why, for the audit.", valueName: "text"))
    var reason: String?

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let found = try await saga.find(on: pond)
                if !force { try found.refuseReplayed("resumed") }
                let answer = try await found.queue.resumeSaga(found.id, because: reason ?? "")
                try found.check(answer, to: "resumed")
                try await found.audit("resume", reason: reason)
                try found.tell(
                    "resumed \(found.address)",
                    "SagaState",
                    [("state", "resumed"), ("reason", .text(reason))],
                    asJSON: output.json,
                    terminal
                )
            }
        }
    }
}
