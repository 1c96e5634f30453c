import Testing

@Suite struct HazardTests {
    private func texts(_ code: String, path: String = "Sources/X/Y.swift") -> [String] {
        Hazards.violations(in: SwiftSource(path: path, text: code)).map(\.text)
    }

    @Test func `the sources are free of hazards without a reason`() throws {
        for source in try Repository.sources() + Repository.benchmarks() { expectNone(Hazards.violations(in: source)) }
    }

    @Test func `the examples read no fixed clock`() throws {
        for source in try Repository.examples() { expectNone(Hazards.clockReads(in: source)) }
    }

    @Test(arguments: [
        "let a = Date()", "let a = Date(timeIntervalSince1970: 0)", "let a = Date.now", "let a = ContinuousClock.now",
        "let a = ContinuousClock()", "f(deadline: .now + 1)", "f(.now() + 1)", "let a = DispatchTime.now()",
        "try await Task.sleep(for: .seconds(1))", "usleep(1)", "let a: ContinuousClock.Instant = .now",
        "let a = LocalInstant.now",
    ])
    func `a fixed clock is found`(code: String) {
        #expect(!texts(code).isEmpty)
        #expect(texts(code, path: Hazards.clockFile).isEmpty)
    }

    @Test(arguments: [
        "let a = clock.now()", "try await clock.sleep(.seconds(1))", "let a: ContinuousClock.Instant",
        "let now = 1", "let a = times[0].now", "f(now: now)", "let a = Update()", "// Date()", "let a = \"Date()\"",
    ])
    func `the clock that was handed in is welcome`(code: String) {
        #expect(texts(code).isEmpty)
    }

    @Test(arguments: [
        "let a = try? f()", "let a = try! f()", "fatalError(\"x\")", "final class A: @unchecked Sendable {}",
        "nonisolated(unsafe) var a = 1", "Task { f() }", "Task(priority: .low) { f() }", "Task<Void, Never> { f() }",
        "let t = Task.detached { f() }", "Task<Array<Int>, any Error>.init { f() }",
    ])
    func `a hazard needs its reason in the line above`(code: String) {
        #expect(texts(code).count == 1)
        #expect(texts("let b = 1\n" + code).count == 1)
        #expect(texts("// Because.\n" + code).isEmpty)
        #expect(texts("// Because.\n\n" + code).count == 1)
    }

    @Test(arguments: [
        "try Task.checkCancellation()", "if Task.isCancelled {}", "var t: Task<Void, Never>?",
        "func f() -> Task<Void, Never> { t }", "var t: Task<Void, Never> { u }", "extension Task {}",
        "// a fatalError( here", "try f()?", "await withTaskGroup { }",
    ])
    func `what only looks like a hazard passes`(code: String) {
        #expect(texts(code).isEmpty)
    }

    @Test func `a note to come back is no comment for a release`() {
        #expect(texts("// " + "TO" + "DO: later").count == 1)
        #expect(texts("/* a\n " + "FIX" + "ME */").count == 1)
    }
}

/// Options that are made and never parsed: their properties hold definitions instead of values, and the first one that is
/// read ends the program.
@Suite struct UnparsedOptionsTests {
    /// The types whose properties only a parser fills.
    private static func parsed(_ sources: [SwiftSource]) -> Set<String> {
        var names: Set<String> = []
        for source in sources {
            for index in source.tokens.indices where source.isWord("struct", at: index) {
                let head = source.tokens[index...].prefix { !$0.isSymbol("{") }
                guard head.contains(where: { $0.text == "ParsableArguments" || $0.text.hasSuffix("ParsableCommand") })
                else { continue }
                names.insert(source.tokens[index + 1].text)
            }
        }
        return names
    }

    private static func violations(in source: SwiftSource, _ names: Set<String>) -> [Violation] {
        source.tokens.indices.compactMap { index in
            guard names.contains(source.tokens[index].text), source.isSymbol("(", at: index + 1),
                source.isSymbol(")", at: index + 2), !source.isSymbol(".", at: index - 1)
            else { return nil }
            return source.violation(
                line: source.tokens[index].line,
                "\(source.tokens[index].text)() is made and never parsed; call \(source.tokens[index].text).parse([])"
            )
        }
    }

    @Test func `no command makes options without parsing them`() throws {
        let sources = try Repository.sources()
        let names = Self.parsed(sources)
        #expect(names.contains("HistoryFile") && names.contains("RedisOptions"))
        for source in sources { expectNone(Self.violations(in: source, names)) }
    }

    @Test func `options that are made are found`() {
        let code = "struct A: ParsableArguments, Sendable {}\nlet a = A()\nlet b = try A.parse([])\nlet c = B()"
        let source = SwiftSource(path: "Sources/X/Y.swift", text: code)
        #expect(Self.violations(in: source, Self.parsed([source])).map(\.line) == [2])
    }
}
