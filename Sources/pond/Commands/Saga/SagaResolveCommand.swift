import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue
import PondSaga

/// `pond saga resolve`: a person says what became of a step.
struct SagaResolveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Say what became of a step that nobody knows of, a wait, or an undo that failed for good.",
        discussion: """
            --done: it has happened; of a step or a wait with its result. --retry: it is run again. --abandon: nothing is \
            done about it: a step is left out, a wait fails, what an undo should have undone stays; that asks first, --yes \
            goes on without asking. Then the saga goes on where it stopped. A fan-out whose children have not ended takes \
            --force: they are cancelled and undo what they did, and the saga goes on with what the others brought.
            """
    )

    @OptionGroup var saga: SagaChoice

    @Argument(help: "The step's name, as `pond saga show` has it.")
    var step: String

    @Flag(help: "It has happened.")
    var done = false

    @Flag(help: "Run it again.")
    var retry = false

    @Flag(help: "Nothing is to be done about it.")
    var abandon = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("With --done, what came of it: JSON, @FILE, or - for standard input.", valueName: "json")
    )
    var result: String?

    @Flag(help: "Also a fan-out whose children have not ended (they are cancelled), and a saga that was replayed.")
    var force = false

    @Flag(help: "Do it without asking.")
    var yes = false

    @OptionGroup var why: SagaReason
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    private var word: PersonWord { done ? .done : retry ? .retry : .abandon }

    func validate() throws {
        guard [done, retry, abandon].count(where: { $0 }) == 1 else {
            throw ValidationError("say what became of it: one of --done, --retry and --abandon")
        }
        if result != nil, !done { throw ValidationError("--result goes with --done") }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            let bytes = try result.map { try SagaBytes.read($0, "--result", atMost: Limits.stepResultBytesMax) }
            try await redis.withPond { pond in
                let found = try await saga.find(on: pond)
                let record = found.detail.record
                if !force { try found.refuseReplayed("changed") }
                guard let known = record[step] else {
                    throw CommandFailure(
                        .notFound,
                        "saga \(found.address) has no step \(SafeText.escaped(step))",
                        hint: "`pond saga show \(found.address)` lists them"
                    )
                }
                try await refuseOpenChildren(known, found)
                if abandon {
                    let what = known.undo == .stuck ? "the undo of step" : "step"
                    terminal.say(SafeText.escaped("leave \(what) \(step) of \(found.address) as it is, for good"))
                    try Confirmation.ask("abandon it", count: 1, yes: yes, on: terminal)
                }
                let answer = try await found.queue.resolveStep(
                    step,
                    of: found.id,
                    word,
                    because: why.reason,
                    result: bytes ?? []
                )
                try found.check(answer, to: "changed")
                try await found.audit("resolve", reason: why.reason, result: word.rawValue, step: step)
                try found.tell(
                    "step \(step) of \(found.address): \(word.rawValue); the saga goes on",
                    "SagaResolve",
                    [("step", .string(step)), ("result", .string(word.rawValue))],
                    asJSON: output.json,
                    terminal
                )
            }
        }
    }

    /// What children do that run goes on being done, or is undone, and nobody waits for it any more.
    private func refuseOpenChildren(_ known: StepRecord, _ found: SagaChoice.Found) async throws {
        guard known.kind == .children, known.state == .waiting, !retry, !force,
            let join = try await found.queue.join(of: step, in: found.id)
        else { return }
        let open = join.started - join.succeeded - join.failed
        let unborn = join.total - join.started
        guard open + unborn > 0 else { return }
        let never = unborn > 0 ? ", and \(unborn.grouped) would never begin" : ""
        throw CommandFailure(
            .conflict,
            "\(open.of("child", plural: "children")) of step \(SafeText.escaped(step)) of \(found.address) "
                + "\(open == 1 ? "has" : "have") not ended: they would be cancelled, and undo what they did\(never)",
            hint: "`pond corr \(found.address)` shows them; --force says it all the same"
        )
    }
}
