import Testing

/// How long things may be; a function longer than this has two jobs.
enum Lengths {
    static let functionLinesMax = 70
    static let fileLinesMax = 400
    static let testFileLinesMax = 600
    static let columnsMax = 120

    static func violations(in source: SwiftSource, fileLinesMax: Int = fileLinesMax) -> [Violation] {
        var found = source.functions.filter { $0.length > functionLinesMax }.map {
            source.violation(line: $0.line, "'\($0.name)' has \($0.length) lines, \(functionLinesMax) are allowed")
        }
        if source.lines.count > fileLinesMax {
            found.append(source.violation(line: 1, "\(source.lines.count) lines, \(fileLinesMax) are allowed"))
        }
        return found
    }
}

@Suite struct LengthTests {
    private func source(_ text: String) -> SwiftSource { SwiftSource(path: "X.swift", text: text) }

    @Test func `no function and no file of the sources is too long`() throws {
        for source in try Repository.sources() + Repository.examples() + Repository.benchmarks() {
            expectNone(Lengths.violations(in: source))
        }
    }

    @Test func `no function and no file of the tests is too long`() throws {
        for source in try Repository.tests() {
            expectNone(Lengths.violations(in: source, fileLinesMax: Lengths.testFileLinesMax))
        }
    }

    @Test func `a function of 70 lines is short enough and one of 71 is not`() {
        func function(lines: Int) -> SwiftSource {
            source("func f() {\n" + String(repeating: "    g()\n", count: lines - 2) + "}\n")
        }
        #expect(Lengths.violations(in: function(lines: 70)).isEmpty)
        #expect(Lengths.violations(in: function(lines: 71)).map(\.text) == ["'f' has 71 lines, 70 are allowed"])
    }

    @Test func `a file of 400 lines is short enough and one of 401 is not`() {
        func file(lines: Int) -> SwiftSource { source(String(repeating: "let a = 1\n", count: lines)) }
        #expect(Lengths.violations(in: file(lines: 400)).isEmpty)
        #expect(Lengths.violations(in: file(lines: 401)).count == 1)
    }

    @Test func `every kind of body is measured`() {
        let text = """
            struct S {
                var stored = 1
                var computed: Int {
                    1
                }
                init?(a: Int) {
                }
                deinit {}
                subscript(i: Int) -> Int { 1 }
                static func + (a: S, b: S) -> S {
                    a

                }
            }
            """
        #expect(
            source(text).functions == [
                FunctionSpan(name: "computed", line: 3, length: 3),
                FunctionSpan(name: "init", line: 6, length: 2),
                FunctionSpan(name: "deinit", line: 8, length: 1),
                FunctionSpan(name: "subscript", line: 9, length: 1),
                FunctionSpan(name: "+", line: 10, length: 4),
            ]
        )
    }

    @Test func `a requirement of a protocol has no body`() {
        let text = """
            protocol P {
                func a() async throws -> Int
                init(x: Int)
                func b(_ c: () -> Void)
            }
            struct S { func c() where T: Q {
            } }
            """
        #expect(source(text).functions == [FunctionSpan(name: "c", line: 6, length: 2)])
    }

    @Test func `calls, bindings and default arguments start no function`() {
        let text = """
            func a(b: Int = { 1 }(), c: [Int] = []) {
                let s = S.init(x: 1) { 2 }
                if var s { s.x = 1 }
                var t: Int
                t = f { 1 }
                self.init(x: 2)
            }
            """
        #expect(source(text).functions == [FunctionSpan(name: "a", line: 1, length: 7)])
    }
}
