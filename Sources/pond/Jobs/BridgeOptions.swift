import ArgumentParser
import Millpond

/// Handlers of other languages, as far as the command line says so.
struct BridgeOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "Run jobs in this shell command: one long-lived program a slot, a line of JSON for each job.",
            valueName: "command"
        )
    )
    var exec: String?

    @Option(
        help: ArgumentHelp(
            "Run this shell command once a job: payload on standard input, exit code 0 done, 75 try again.",
            valueName: "command"
        )
    )
    var execOnce: String?

    @Option(
        help: ArgumentHelp(
            "Post each job to this address; the status decides. @FILE reads it from a file.",
            valueName: "url"
        )
    )
    var http: String?

    @Option(
        help: ArgumentHelp(
            "A header that is sent with every job, as in 'X-Key: value' or 'X-Key: @FILE'; may be given again.",
            valueName: "header"
        )
    )
    var httpHeader: [String] = []

    @Option(
        help: ArgumentHelp("The file with the token that is sent as Authorization: Bearer.", valueName: "file")
    )
    var httpBearerFile: String?

    @Option(
        name: .customLong("kind"),
        help: ArgumentHelp(
            """
            Only jobs of this kind are run so, or several as in a,b; may be given again. Defaults to those that a program of \
            --exec announces, else to every kind.
            """,
            valueName: "kind"
        )
    )
    var kinds: [String] = []

    @Flag(help: "They undo too: they are given jobs whose phase is `compensate`, which else are left to others.")
    var compensates = false

    @Option(
        help: ArgumentHelp(
            "Tries of a job before it is dead. Defaults to 8: with the default --backoff, 22 minutes from the first failure to the last try.",
            valueName: "count"
        )
    )
    var attempts: Int?

    @Option(
        help: ArgumentHelp(
            "The rest after a failed try: the first and the longest, as in 2s..10m; each is three times the one before. Defaults to 2s..10m: with 8 tries, 22 minutes from the first failure to the last try.",
            valueName: "first..longest"
        ),
        transform: Backoff.argument
    )
    var backoff: Backoff?

    @Option(
        help: ArgumentHelp("The limit of one try. Defaults to 60s.", valueName: "duration"),
        transform: Duration.argument
    )
    var jobTimeout: Duration?

    @Option(
        help: ArgumentHelp(
            "How long a handler may go without a heartbeat. Defaults to asking for none.",
            valueName: "duration"
        ),
        transform: Duration.argument
    )
    var heartbeatEvery: Duration?

    /// Whether there is a handler.
    var isOn: Bool { exec != nil || execOnce != nil || http != nil }

    func validate() throws {
        let ways = [exec, execOnce, http].compactMap(\.self)
        if ways.count > 1 { throw ValidationError("--exec, --exec-once and --http exclude each other") }
        if ways.contains("") { throw ValidationError("the command or the address is empty") }
        if http == nil, !httpHeader.isEmpty || httpBearerFile != nil {
            throw ValidationError("--http-header and --http-bearer-file are for --http")
        }
        if let attempts, !(1...1_000_000).contains(attempts) {
            throw ValidationError("--attempts is \(attempts), allowed is 1 to 1000000")
        }
        if let jobTimeout, jobTimeout < .milliseconds(1) {
            throw ValidationError("--job-timeout is \(jobTimeout.human), allowed is 1ms to 3650d")
        }
        if let heartbeatEvery, heartbeatEvery < .milliseconds(100) {
            throw ValidationError("--heartbeat-every is \(heartbeatEvery.human), allowed is 100ms and more")
        }
        let hasPolicy =
            attempts != nil || backoff != nil || jobTimeout != nil || heartbeatEvery != nil || !kinds.isEmpty
            || compensates
        if ways.isEmpty, hasPolicy {
            throw ValidationError(
                "--kind, --compensates, --attempts, --backoff, --job-timeout and --heartbeat-every are for --exec, --exec-once and --http"
            )
        }
    }
}

extension Backoff {
    /// For `@Option(transform: Backoff.argument)`.
    static func argument(_ text: String) throws -> Backoff {
        let parts = text.split(separator: "..", omittingEmptySubsequences: false).map { String($0) }
        guard parts.count == 2 else {
            throw ValidationError(
                "\"\(text.prefix(40))\" is no pair of rests; write the first and the longest, as in 2s..10m"
            )
        }
        let (first, longest) = (try Duration.argument(parts[0]), try Duration.argument(parts[1]))
        guard first > .zero, longest >= first else {
            throw ValidationError("the first rest must be more than nothing, and the longest no shorter, as in 2s..10m")
        }
        return Backoff(base: first, cap: longest, jitter: 0.2, factor: 3)
    }
}
