import Testing

/// Where tests sleep.
enum Sleeps {
    /// The chaos machine is a program that plays faults by a plan of times, not a test that waits.
    private static let chaos = ["Tests/ChaosTests/Chaos/", "Tests/ChaosTests/ChaosKit/"]

    static func violations(in source: SwiftSource) -> [Violation] {
        guard !chaos.contains(where: source.path.hasPrefix) else { return [] }
        return source.tokens.indices.compactMap { index in
            let sleeps = ["sleep", "usleep", "nanosleep"].contains {
                source.isWord($0, at: index)
            }
            guard sleeps, source.isSymbol("(", at: index + 1), !source.isWord("func", at: index - 1) else { return nil }
            // A saga's wait takes no thread and, where it matters, no time: the clock is the test's.
            if source.isWord("job", at: index - 2), source.isSymbol(".", at: index - 1) { return nil }
            let line = source.tokens[index].line
            guard !source.hasReason(above: line) else { return nil }
            let text = "wait with Waiting.until(…), or say in the line above why only time can tell"
            return source.violation(line: line, text)
        }
    }
}

@Suite struct SleepTests {
    private func count(_ code: String, path: String = "Tests/X/Y.swift") -> Int {
        Sleeps.violations(in: SwiftSource(path: path, text: code)).count
    }

    @Test func `no test sleeps where a signal could tell`() throws {
        for source in try Repository.tests() { expectNone(Sleeps.violations(in: source)) }
    }

    @Test(arguments: [
        "try await Task.sleep(for: .seconds(1))", "try await clock.sleep(.seconds(1))", "usleep(1_000)",
        "let job = { sleep(2) }", "Thread.sleep(until: date)",
    ])
    func `a sleep needs its reason in the line above`(code: String) {
        #expect(count(code) == 1)
        #expect(count("// How often it asks shows in time only.\n" + code) == 0)
        #expect(count("// Far above.\n\n" + code) == 1)
        #expect(count(code, path: "Tests/ChaosTests/Chaos/Nemesis.swift") == 0)
    }

    @Test(arguments: [
        "\"sleep(5)\"", "func sleep(_ time: Duration) {}", "// sleep(1)", "try await place.sleeper(3)",
        "JobRegistration(kind: \"sleep\") { _ in }", "try await job.sleep(\"nap\", for: .seconds(60))",
        "try await Waiting.until { true }",
    ])
    func `what only looks like a sleep passes`(code: String) {
        #expect(count(code) == 0)
    }
}
