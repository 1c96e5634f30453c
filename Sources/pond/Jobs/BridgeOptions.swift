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

    @Option(help: ArgumentHelp("Tries of a job before it is dead. Defaults to 8.", valueName: "count"))
    var attempts: Int?

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

    func validate() throws {
        let ways = [exec, execOnce, http].compactMap(\.self)
        if ways.count > 1 { throw ValidationError("--exec, --exec-once and --http exclude each other") }
        if ways.contains("") { throw ValidationError("the command or the address is empty") }
        if http == nil, !httpHeader.isEmpty || httpBearerFile != nil {
            throw ValidationError("--http-header and --http-bearer-file are for --http")
        }
        let hasPolicy = attempts != nil || jobTimeout != nil || heartbeatEvery != nil || !kinds.isEmpty || compensates
        if ways.isEmpty, hasPolicy {
            throw ValidationError(
                "--kind, --compensates, --attempts, --job-timeout and --heartbeat-every are for --exec, --exec-once and --http"
            )
        }
    }
}
