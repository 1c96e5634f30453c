import Testing

/// What a wrong command line leads to: exit code 2, a line that names what is wrong, and nothing done.
@Suite(.serialized) struct UsageTests {
    @Test(
        arguments: [
            (["nonsense"], "nonsense"),
            (["staus"], "did you mean pond status?"),
            (["queue", "pasue", "a"], "did you mean pond queue pause?"),
            (["enqueue", "a", "--in", "-5s"], "begins with a dash"),
            (["enqueue"], "kind"),
            (["enqueue", "a b"], "kind \"a b\""),
            (["enqueue", "a", "--queue", "Q"], "queue name \"Q\""),
            (["enqueue", "a", "--in", "5"], "no duration"),
            (["enqueue", "a", "--in", "5s", "--at", "2099-01-01T00:00:00Z"], "exclude each other"),
            (["enqueue", "a", "--at", "tomorrow"], "no time"),
            (["enqueue", "a", "--at", "1763900000"], "milliseconds"),
            (["enqueue", "a", "--priority", "urgent"], "high, normal, low"),
            (["enqueue", "a", "--class", "E"], "A, B, C, D"),
            (["enqueue", "a", "--header", "x"], "name=value"),
            (["enqueue", "a", "--header", "kind=x"], "kind is a field"),
            (["enqueue", "a", "--max-attempts", "0"], "--max-attempts"),
            (["enqueue", "a", "--lines", "--data", "1"], "--lines"),
            (["enqueue", "a", "--redis", "http://x"], "--redis"),
            (["worker", "--slots", "0"], "slots is 0"),
            (["worker", "--queue", "a,a"], "given twice"),
            (["worker", "--queue", "a,"], "queue name \"\""),
            (["worker", "--log-level", "loud"], "no level"),
            (["supervise", "--workers", "0"], "workers is 0"),
            (["supervise", "--slots", "0"], "slots is 0"),
            (["supervise", "--redis", "http://x"], "--redis"),
            (["supervise", "--queue", "a", "--", "sh"], "--queue"),
            (["up", "--port", "0"], "--port"),
        ]
    )
    func `a wrong command line ends with 2`(arguments: [String], text: String) async throws {
        let ended = try await Child.run(arguments)
        #expect(ended.code == 2, "\(ended)")
        #expect(ended.output.isEmpty)
        #expect(ended.error.contains { $0.contains(text) }, "\(ended.error.joined(separator: "\n"))")
    }

    @Test func `a wrong level in the environment is told`() async throws {
        let ended = try await Child.run(["worker"], environment: ["MILLPOND_LOG_LEVEL": "loud"])
        #expect(ended.code == 2)
        #expect(ended.error.contains { $0.contains("MILLPOND_LOG_LEVEL") })
    }

    @Test func `under --json a wrong command line is an error that programs read`() async throws {
        let ended = try await Child.run(["enqueue", "--json"])
        #expect(ended.code == 2)
        #expect(ended.error.count == 1)
        #expect(ended.error[0].hasPrefix(#"{"schema":"millpond/v1","kind":"Error","code":"usage""#))
    }

    @Test(arguments: [["--help"], ["help"], ["worker", "--help"], ["up", "--help"], ["--version"], ["version"]])
    func `help and version are data`(arguments: [String]) async throws {
        let ended = try await Child.run(arguments)
        #expect(ended.code == 0)
        #expect(!ended.output.isEmpty)
        #expect(ended.error.isEmpty)
    }
}
