import PondCore
import PondPrices
import Testing

/// What usage costs, to the micro-dollar.
@Suite struct PriceBookTests {
    private static let yaml = """
        version: 2026-11
        unknown_model: refuse
        cpu_hour: 0.05
        models:
          large:
            - from: 2026-01-01
              input: 2.50
              cached: 0.25
              output: 10
              tiers:
                - above: 200000
                  input: 5
                  output: 15
            - from: 2026-12-01
              input: 2
              output: 8
          small: { input: 0.15, output: 0.60, call: 0.001 }
        tools:
          search: 0.01
        """

    private func day(_ text: String) throws -> ServerTime { try #require(ServerTime(iso8601: "\(text)T12:00:00Z")) }

    @Test func `the prompt's length decides the rates of the whole call`() throws {
        let book = try PriceBook(yaml: Self.yaml)
        let now = try day("2026-11-30")
        #expect(try book.most(model: "large", input: 200_000, output: 1_000, at: now) == 0.51)
        // A token more, and all of it is dearer: what is reserved at the short rates pays for half of the call.
        #expect(try book.most(model: "large", input: 200_001, output: 1_000, at: now) == USD(micros: 1_015_005))
        #expect(try book.cost(of: ModelUsage(input: 1_000, cached: 800, output: 0), model: "large", at: now) == 0.0007)
    }

    @Test func `a price holds from its day on, and parts of a micro-dollar are rounded up`() throws {
        let book = try PriceBook(yaml: Self.yaml)
        #expect(try book.most(model: "large", input: 1_000, output: 0, at: day("2026-11-30")) == 0.0025)
        #expect(try book.most(model: "large", input: 1_000, output: 0, at: day("2026-12-01")) == 0.002)
        #expect(throws: NoPrice.self) { try book.most(model: "large", input: 1, output: 0, at: day("2025-12-31")) }
        #expect(try book.most(model: "small", input: 1, output: 0, at: day("2026-11-30")) == USD(micros: 1_001))
        #expect(try book.cost(tool: "search", calls: 3, at: day("2026-11-30")) == 0.03)
        #expect(book.cost(cpu: .milliseconds(1)) == USD(micros: 1))
    }

    @Test func `an unknown model is refused, or costs the ceiling`() throws {
        let now = try day("2026-11-30")
        #expect(throws: NoPrice.self) {
            try PriceBook(yaml: Self.yaml).most(model: "new", input: 1, output: 1, at: now)
        }
        let lenient = try PriceBook(yaml: "unknown_model: ceiling\nceiling: { input: 15, output: 75 }")
        #expect(try lenient.most(model: "new", input: 1_000, output: 1_000, at: now) == 0.09)
    }

    @Test(arguments: [
        ("models: { a: { input: 1 } }", "line 1: a price needs input and output"),
        ("model: {}", "line 1: there is no \"model\""),
        ("\ncpu_hour: lots", "line 2: \"lots\" is no amount"),
        ("models: { a: { input: 0.0000001, output: 1 } }", "line 1: \"0.0000001\" is no amount"),
        ("models: { a: { from: soon, input: 1, output: 1 } }", "line 1: \"soon\" is no day"),
        ("unknown_model: ceiling", "unknown_model: ceiling needs a ceiling"),
        ("", "the file is empty"), ("- a", "line 1: the file is no list of names"),
    ])
    func `what is wrong with a file is told with its line`(text: String, said: String) throws {
        let error = #expect(throws: PriceFileError.self) { try PriceBook(yaml: text) }
        #expect(error?.description.hasPrefix(said) == true, "\(String(describing: error))")
    }
}
