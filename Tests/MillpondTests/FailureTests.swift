import ArgumentParser
import Millpond
import PondCore
import PondQueue
import PondRedis
import Testing

@Suite struct FailureTests {
    @Test(arguments: [
        (RedisError(.connectFailed, "no"), ExitCodes.unreachable), (RedisError(.connectionLost, "no"), .unreachable),
        (RedisError(.timedOut, "no"), .timedOut), (RedisError(.authentication, "no"), .refused),
        (RedisError(.tls, "no"), .refused), (RedisError(.invalidURL, "no"), .usage),
        (RedisError(.cancelled, "no"), .interrupted),
        (RedisError(.closed, "no"), .failure), (RedisError(.reply("NOPERM"), "no"), .refused),
        (RedisError(.reply("LOADING"), "no"), .unreachable), (RedisError(.reply("READONLY"), "no"), .refused),
        (RedisError(.reply("OOM"), "no"), .failure), (RedisError(.reply("WRONGTYPE"), "no"), .failure),
        (RedisError(.reply("ERR"), "ERR The user executing the script can't run this command"), .refused),
        (RedisError(.reply("SOMETHING"), "no"), .failure),
    ])
    func `each Redis error has its exit code`(error: RedisError, code: ExitCodes) {
        let failure = CommandFailure(describing: error)
        #expect(failure.exitCode == code)
        #expect(failure.message.hasPrefix(error.message))
    }

    @Test func `errors that a user can do something about say what`() {
        let prefixes = [
            "NOAUTH", "WRONGPASS", "NOPERM", "LOADING", "BUSY", "READONLY", "MOVED", "OOM", "MISCONF", "WRONGTYPE",
        ]
        for prefix in prefixes {
            #expect(CommandFailure(describing: RedisError(.reply(prefix), prefix + " x")).hint != nil)
        }
        #expect(CommandFailure(describing: RedisError(.connectFailed, "no")).hint?.contains("--redis") == true)
        let tls = CommandFailure(describing: RedisError(.tls, "no")).hint
        #expect(tls?.contains("ca=FILE") == true && tls?.contains("password") == false)
    }

    @Test func `an outcome that is not known is said to be so`() {
        let lost = RedisError(.connectionLost, "the connection broke", outcomeUnknown: true)
        #expect(CommandFailure(describing: lost).message.contains("may or may not have done it"))
        let refused = RedisError(.connectFailed, "refused")
        #expect(!CommandFailure(describing: refused).message.contains("may or may not"))
    }

    @Test func `mistakes, a cancelled task and unknown errors have their codes too`() {
        #expect(CommandFailure(describing: PondError(.invalidKind, "kind")).exitCode == .usage)
        #expect(CommandFailure(describing: CancellationError()).exitCode == .interrupted)
        struct Odd: Error {}
        #expect(CommandFailure(describing: Odd()).exitCode == .failure)
        let own = CommandFailure(.conflict, "a", hint: "b")
        #expect(CommandFailure(describing: own) == own)
    }

    @Test func `a person is told in two lines, without what a terminal would obey`() {
        let capture = Capture()
        let failure = CommandFailure(.notFound, "no job \u{1b}[2J", hint: "look\nelsewhere")
        failure.report(on: capture.terminal(), asJSON: false)
        #expect(capture.error == "error: no job \\x1b[2J\n  next: look\\nelsewhere\n")
        #expect(capture.output.isEmpty)
    }

    @Test func `a program is told in one JSON object`() {
        let capture = Capture()
        CommandFailure(.notFound, "no job", hint: nil).report(on: capture.terminal(), asJSON: true)
        #expect(
            capture.error == #"{"schema":"millpond/v1","kind":"Error","code":"not_found","exit_code":3,"#
                + #""message":"no job","hint":null}"# + "\n"
        )
    }

    @Test func `whoever closed the output hears nothing`() {
        let capture = Capture()
        CommandFailure(.outputClosed, "closed").report(on: capture.terminal(), asJSON: false)
        #expect(capture.error.isEmpty)
    }

    @Test func `a body's failure becomes its exit code, and ArgumentParser's errors pass`() async throws {
        let options = try OutputOptions.parse([])
        let code = await #expect(throws: ExitCode.self) {
            try await runReporting(options) { _ in throw CommandFailure(.outputClosed, "closed") }
        }
        #expect(code == ExitCode(141))
        await #expect(throws: ValidationError.self) {
            try await runReporting(options) { _ in throw ValidationError("no") }
        }
        await #expect(throws: ExitCode(8)) { try await runReporting(options) { _ in throw ExitCode(8) } }
        try await runReporting(options) { _ in }
    }
}

@Suite struct ConfirmationTests {
    private func ask(_ terminal: Terminal, yes: Bool = false, answer: String? = nil) throws {
        try Confirmation.ask("retry them", count: 1_204, yes: yes, on: terminal, answer: { answer })
    }

    @Test func `yes asks nobody`() throws {
        let capture = Capture()
        try ask(capture.screen(), yes: true)
        try ask(capture.terminal(), yes: true)
        #expect(capture.error.isEmpty)
    }

    @Test func `off a terminal the option is named`() {
        let error = #expect(throws: CommandFailure.self) { try ask(Capture().terminal(), answer: "1204") }
        #expect(error?.exitCode == .usage)
        #expect(error?.message.contains("--yes") == true)
    }

    @Test(arguments: ["1204", " 1204 ", "1,204", "1\u{202f}204"])
    func `the typed count goes on`(answer: String) throws {
        let capture = Capture()
        try ask(capture.screen(), answer: answer)
        #expect(capture.error == "Type 1204 to retry them: ")
    }

    @Test(arguments: [nil, "", "y", "yes", "120", "12040"])
    func `anything else changes nothing`(answer: String?) {
        let error = #expect(throws: CommandFailure.self) { try ask(Capture().screen(), answer: answer) }
        #expect(error?.exitCode == .interrupted)
    }
}
