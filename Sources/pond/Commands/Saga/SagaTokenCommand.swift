import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond saga resolve-token`: answers a token that a saga has given out.
struct SagaTokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve-token",
        abstract: "Answer a token that a saga has given out, in the place of whoever has it.",
        discussion: """
            Whoever has a token may answer for the saga, so `-` reads it from standard input: as an argument others on the \
            host can see it. The same answer twice does no harm.
            Exit codes: 0 when it is answered, 3 when nobody has given out such a token, 5 when it has another answer, its \
            time is up, or the saga goes on without it.
            """
    )

    @Argument(help: "- for standard input, or the token itself (behind -- when it begins with -).")
    var token: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The answer: JSON, or @FILE. Defaults to none.", valueName: "json")
    )
    var data: String?

    @Option(help: ArgumentHelp("Answer that it has failed, and how.", valueName: "text"))
    var fail: String?

    @Option(help: ArgumentHelp("The saga's queue.", valueName: "name"))
    var queue: String?

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    /// The longest token that is taken; Millpond's own have 43 bytes.
    private static let tokenBytesMax = 1_024

    func validate() throws {
        if fail != nil, data != nil { throw ValidationError("--data and --fail exclude each other") }
        if token == "-", data == "-" { throw ValidationError("standard input has the token; give the answer as @FILE") }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            let data = try data.map { try SagaBytes.read($0, "--data", atMost: Limits.stepResultBytesMax) }
            let token = try secret()
            let answer: Result<[UInt8], ToldError> = fail.map { .failure(ToldError($0)) } ?? .success(data ?? [])
            try await redis.withPond { pond in
                let actor = DeadActor.current(reason: nil).name
                for queue in try await QueueLookup(pond: pond).queues(queue) {
                    let said = try await queue.resolve(token: token, answer, from: actor)
                    guard said != .unknown else { continue }
                    return try tell(said, queue, on: terminal)
                }
                throw CommandFailure(
                    .notFound,
                    "no saga of \(queue.map { "queue \(SafeText.escaped($0))" } ?? "any known queue") has given out this token",
                    hint: "check that it is whole; an hour after its saga has ended a token is forgotten"
                )
            }
        }
    }

    private func secret() throws -> String {
        let bytes = token == "-" ? try SagaBytes.input("the token", atMost: Self.tokenBytesMax) : Array(token.utf8)
        let text = String(validating: bytes, as: UTF8.self)?.filter { !$0.isWhitespace } ?? ""
        guard !text.isEmpty, text.utf8.count <= Self.tokenBytesMax else {
            throw CommandFailure(.usage, "there is no token: expected 1 to \(Self.tokenBytesMax) bytes of text")
        }
        return text
    }

    private func tell(_ answer: ResolveAnswer, _ queue: Queue, on terminal: Terminal) throws {
        let problem: String? =
            switch answer {
            case .resolved, .stored, .same: nil
            case .conflict: "the token has another answer already"
            case .expired: "the token's time is up"
            case .void: "the saga goes on without this answer: it has turned round or ended, or somebody has decided"
            case .unknown: "there is no such token"
            }
        if let problem {
            throw CommandFailure(
                .conflict,
                "\(problem); nothing was changed",
                hint: "`pond tail --queue \(queue.name)` shows which saga it is of"
            )
        }
        if output.json {
            return try terminal.print(
                JSONDocument(
                    kind: "SagaToken",
                    [("queue", .string(queue.name.text)), ("result", .string(answer.rawValue))]
                )
            )
        }
        let again = answer == .same ? "; it had the same answer before" : ", and its saga goes on"
        try terminal.print("answered a token of \(queue.name)\(again)")
    }
}
