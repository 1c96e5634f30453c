import ArgumentParser
import PondCore
import PondQueue
import PondTelemetry

/// What one job, or every job of a run, is enqueued with.
struct JobOptions: ParsableArguments, Sendable {
    @Option(
        name: .customLong("in"),
        help: ArgumentHelp("Run no earlier than this long from now, as in 5s or 2h30m.", valueName: "duration"),
        transform: Duration.argument
    )
    var delay: Duration?

    @Option(
        name: .customLong("at"),
        help: ArgumentHelp(
            "Run no earlier than this moment: 2026-11-23T15:04:05Z, with another zone, or Unix milliseconds.",
            valueName: "time"
        ),
        transform: ServerTime.argument
    )
    var runAt: ServerTime?

    @Option(
        help: ArgumentHelp("high, normal or low. Defaults to normal.", valueName: "priority"),
        transform: { try JobOptions.word($0, "priority") }
    )
    var priority: Priority = .normal

    @Option(help: ArgumentHelp("One id per user intent. Defaults to the job's own id.", valueName: "id"))
    var correlationID: String?

    @Option(
        name: .customLong("class"),
        help: ArgumentHelp("A, B, C or D. Defaults to the queue's class.", valueName: "class"),
        transform: { try JobOptions.word($0.uppercased(), "class") }
    )
    var jobClass: JobClass?

    @Option(help: ArgumentHelp("Tries before the job is dead. Defaults to the kind's policy.", valueName: "count"))
    var maxAttempts: Int?

    @Option(
        help: ArgumentHelp("The limit of one attempt. Defaults to the kind's policy.", valueName: "duration"),
        transform: Duration.argument
    )
    var jobTimeout: Duration?

    @Option(
        help: ArgumentHelp("Do not start after this: a duration from now, or a time as for --at.", valueName: "when"),
        transform: Expiry.argument
    )
    var expires: Expiry?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("A further field for the handler; may be given again.", valueName: "name=value"),
        transform: JobOptions.header
    )
    var header: [Header] = []

    @Option(
        help: ArgumentHelp(
            "The limits that it needs, as in openai,tenant:acme@3. Defaults to those of its kind.",
            valueName: "names"
        ),
        transform: JobOptions.limit
    )
    var limit: String?

    @Option(
        help: ArgumentHelp("A second job with the same key is not run; 1 to 256 bytes.", valueName: "text"),
        transform: JobOptions.key
    )
    var key: IdempotencyKey?

    @Option(
        help: ArgumentHelp("The longest that all tries together may run.", valueName: "duration"),
        transform: Duration.argument
    )
    var budgetWall: Duration?

    @Option(
        help: ArgumentHelp(
            "The most money that all tries together may spend, in dollars as in 0.25.",
            valueName: "usd"
        ),
        transform: JobOptions.money
    )
    var budgetUSD: USD?

    @Option(
        help: ArgumentHelp(
            "What all jobs of its intent together may take: usd, tokens, calls, retries, cpu and wall, as in usd=0.45,calls=20,wall=1h.",
            valueName: "amounts"
        ),
        transform: JobOptions.intentBudget
    )
    var budget: IntentBudget?

    @Option(
        help: ArgumentHelp(
            "What becomes of a job that wants more than --budget has: fail, pause, ask or degrade. Defaults to fail.",
            valueName: "policy"
        ),
        transform: { try JobOptions.word($0, "policy") }
    )
    var onExhausted: IntentBudget.Policy?

    @Option(help: ArgumentHelp("The tenant whose budget the intent counts against, too.", valueName: "name"))
    var tenant: String?

    func validate() throws {
        if onExhausted != nil, budget == nil { throw ValidationError("--on-exhausted goes with --budget") }
        _ = try intentBudget
        if delay != nil, runAt != nil { throw ValidationError("--in and --at exclude each other") }
        try Self.checkIsLate(runAt, "--at")
        if case .at(let time) = expires { try Self.checkIsLate(time, "--expires") }
        if let maxAttempts, maxAttempts < 1 {
            throw ValidationError("--max-attempts is \(maxAttempts), allowed is 1 or more")
        }
        if let jobTimeout, jobTimeout < .milliseconds(1) { throw ValidationError("--job-timeout must be 1ms or more") }
    }
}

extension JobOptions {
    /// A moment of long ago is a slip, which no job can have.
    private static func checkIsLate(_ time: ServerTime?, _ option: String) throws {
        guard let time, time < Limits.earliestTime else { return }
        throw ValidationError("\(option) is \(time.iso8601), which is before 2001")
    }

    /// A field beside those that Millpond knows.
    struct Header: Sendable, Hashable {
        let name: String
        let value: String
    }

    /// When a job is too late to start.
    enum Expiry: Sendable, Hashable {
        case after(Duration)
        case at(ServerTime)

        static func argument(_ text: String) throws -> Expiry {
            if let duration = Duration(human: text) { return .after(duration) }
            return .at(try ServerTime.argument(text))
        }
    }

    /// The options as the queue takes them.
    ///
    /// - Throws: `QueueError`, when the server's time is needed and cannot be read; `CommandFailure` for a header
    ///   that is given twice.
    func options(on pond: Pond) async throws -> EnqueueOptions {
        var options = EnqueueOptions()
        options.delay = delay
        options.runAt = runAt
        options.priority = priority
        options.correlationID = correlationID
        options.jobClass = jobClass
        options.attemptsMax = maxAttempts
        options.timeout = jobTimeout
        options.limit = limit
        options.key = key
        options.budget = Budget(wall: budgetWall, usd: budgetUSD)
        options.intentBudget = try intentBudget
        options.joinTrace(of: Environment.value)
        for field in header where options.headers.updateValue(field.value, forKey: field.name) != nil {
            throw CommandFailure(.usage, "header \(SafeText.escaped(field.name)) is given twice")
        }
        switch expires {
        case .at(let time): options.expires = time
        case .after(let duration): options.expires = try await pond.serverTime().advanced(by: duration)
        case nil: break
        }
        return options
    }

    static func limit(_ text: String) throws -> String {
        do { return try LimitNeed(text).text } catch { throw ValidationError(SafeText.escaped(error.message)) }
    }

    /// The budget of the intent with what else was said of it; nil when nothing was.
    private var intentBudget: IntentBudget? {
        get throws {
            guard budget != nil || tenant != nil else { return nil }
            var all = budget ?? IntentBudget()
            if let onExhausted { all.onExhausted = onExhausted }
            if let tenant { all.tenant = tenant }
            return try Self.intentBudget(all.description)
        }
    }

    static func intentBudget(_ text: String) throws -> IntentBudget {
        do { return try IntentBudget(text) } catch { throw ValidationError(SafeText.escaped(error.message)) }
    }

    static func key(_ text: String) throws -> IdempotencyKey {
        do { return try IdempotencyKey(text) } catch { throw ValidationError(error.message) }
    }

    /// The whole dollars of `Limits.moneyMax`.
    private static let moneyDollarsMax = Double(Limits.moneyMax.micros / 1_000_000)

    static func money(_ text: String) throws -> USD {
        guard let dollars = Double(text), dollars.isFinite else {
            throw ValidationError("\"\(SafeText.escaped(text.prefix(40)))\" is no amount; write dollars, as in 0.25")
        }
        guard dollars >= 0.000_001, dollars <= moneyDollarsMax, USD(dollars) <= Limits.moneyMax else {
            throw ValidationError(
                "\"\(SafeText.escaped(text.prefix(40)))\" is out of bounds; allowed is 0.000001 to 999999999 dollars"
            )
        }
        return USD(dollars)
    }

    static func header(_ text: String) throws -> Header {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
            throw ValidationError("\"\(SafeText.escaped(text.prefix(60)))\" is no header; write it as name=value")
        }
        return Header(name: String(text[..<equals]), value: String(text[text.index(after: equals)...]))
    }

    static func word<Value: RawRepresentable & CaseIterable>(
        _ text: String,
        _ name: String
    ) throws -> Value where Value.RawValue == String {
        if let value = Value(rawValue: text) { return value }
        let allowed = Value.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("\"\(SafeText.escaped(text.prefix(40)))\" is no \(name); use one of \(allowed)")
    }
}

extension EnqueueOptions {
    /// Makes the job part of the trace that the environment names, as that of a handler does; one that cannot be read is
    /// none.
    mutating func joinTrace(of environment: (String) -> String?) {
        guard let parent = environment("TRACEPARENT"),
            let trace = TraceContext(
                traceparent: parent,
                tracestate: environment("TRACESTATE")
            )
        else { return }
        traceparent = parent
        tracestate = trace.state
    }
}
