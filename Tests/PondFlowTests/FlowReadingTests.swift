import PondCore
import PondFlow
import Testing

/// What a document may say, and what is said of one that does not fit.
@Suite struct FlowReadingTests {
    static let whole = """
        flow: customer.onboard
        about: An account, a day to think it over, a payment, a letter.
        steps:
          account:
            kind: crm.open
            input: { email: { from: /input/email }, plan: { from: /input/plan, or: basic } }
            undo: crm.close
            timeout: 10s
            retries: 3
          cool-off:
            wait: { sleep: 1d }
            after: account
          pages:
            kind: page.fetch
            each: { over: /input/pages, limit: 8, at_least: 1 }
            input: { url: { from: /item }, n: { from: /index } }
            undo: none
            after: [account]
          payment:
            kind: bank.ask
            after: [cool-off, pages]
            when: { from: /input/plan, in: [pro, team] }
            wait: { callback: true, within: 2h }
            input: { token: { from: /token }, account: { from: /steps/account/id } }
            undo: { kind: bank.refund, input: { payment: { from: /result/id, or: null } } }
          letter:
            kind: mail.send
            after: payment
            input: { to: { from: /input/email }, subject: Welcome, paid: { from: /steps/payment } }
        result: { from: /steps/account }
        """

    private func step(_ lines: String, before: String = "") -> String {
        "flow: a.b\nsteps:\n" + before + "  one:\n" + lines.split(separator: "\n").map { "    \($0)\n" }.joined()
    }

    private func issues(_ text: String) -> [String] {
        FlowReading(text).issues.map { "\($0.place.line):\($0.place.column) \($0.severity) \($0.text)" }
    }

    @Test func `a whole document means what it says`() throws {
        let reading = FlowReading(Self.whole)
        #expect(reading.issues.isEmpty)
        let flow = try #require(reading.flow)
        #expect(flow.kind.text == "customer.onboard")
        #expect(flow.steps.map(\.name) == ["account", "cool-off", "pages", "payment", "letter"])
        #expect(flow.steps.map(\.after) == [[], [0], [0], [1, 2], [3]])
        let account = try #require(flow.steps[0].work.job)
        #expect((account.kind.text, account.timeout, account.retries) == ("crm.open", .seconds(10), 3))
        // A step of the document: nobody sleeps here.
        #expect(flow.steps[1].work == .sleep(.seconds(86_400)))
        guard case .each(let job, let each) = flow.steps[2].work else {
            Issue.record("no each")
            return
        }
        #expect(
            (job.kind.text, each.over.description, each.limit, each.atLeast) == ("page.fetch", "/input/pages", 8, 1)
        )
        #expect(flow.steps[2].undo == .nothing)
        #expect(flow.steps[3].when?.values == [.string("pro"), .string("team")])
        guard case .callback(_, let within) = flow.steps[3].work else {
            Issue.record("no callback")
            return
        }
        #expect(within == .seconds(7_200))
        #expect(flow.steps[3].undo.job?.kind.text == "bank.refund")
        #expect(flow.pointedTo == ["account", "payment"])
    }

    @Test func `what a job keeps of a document means the same as the document`() throws {
        let flow = try #require(FlowReading(Self.whole).flow)
        let kept = try #require(FlowReading(source: try FlowValue(json: flow.source.json)).flow)
        func plain(_ flow: Flow) -> Flow {
            var flow = flow
            for step in flow.steps.indices { flow.steps[step].place = FlowPlace() }
            return flow
        }
        #expect(plain(kept) == plain(flow))
    }

    @Test func `a value is what YAML 1.2 and JSON say it is`() throws {
        let text = step(
            "kind: k\ninput: { a: no, b: 1.10, c: 1.10.2, d: '7', e: ~, f: true, g: 12345678901234567890, h: 0x1f }"
        )
        let flow = try #require(FlowReading(text).flow)
        guard case .literal(let value)? = flow.steps[0].work.job?.input else {
            Issue.record("no literal")
            return
        }
        #expect(
            String(decoding: value.json, as: UTF8.self)
                == #"{"a":"no","b":1.10,"c":"1.10.2","d":"7","e":null,"f":true,"g":12345678901234567890,"h":"0x1f"}"#
        )
    }

    @Test func `an unknown member is told with the nearest that is known, and where it stands`() {
        let reading = FlowReading(step("kind: k\nafetr: two\nretrys: 3"))
        #expect(reading.flow == nil)
        #expect(reading.issues.map(\.place) == [FlowPlace(line: 5, column: 5), FlowPlace(line: 6, column: 5)])
        #expect(reading.issues.map(\.hint) == ["did you mean after?", "did you mean retries?"])
    }

    @Test(arguments: [
        ("kind: k\nqueue: other", "5:12", "names a queue"), ("kind: k\napproval: boss", "5:15", "do not have yet"),
        ("kind: k k", "4:11", "is not allowed"), ("about: x", "3:3", "does nothing"),
        ("kind: k\ntimeout: 3", "5:14", "expected a duration"),
        ("kind: k\nretries: -1", "5:14", "expected a whole number"),
        ("wait: { sleep: 1d, signal: x }", "4:11", "exactly one of"),
        ("wait: { sleep: 1d }\nkind: k", "5:11", "has no kind"),
        ("wait: { sleep: 1d, within: 2d }", "4:32", "takes as long as it says"),
        ("wait: { callback: true, within: 1h }", "4:23", "nobody is asked"),
        ("kind: k\neach: items", "5:11", "JSON Pointer"), ("kind: k\neach: /input/~2", "5:11", "JSON Pointer"),
        ("kind: k\nwhen: { from: /input/a }", "5:11", "exactly one of equals and in"),
        ("kind: k\nwhen: { from: /input/a, in: [] }", "5:33", "expected a list of values"),
        ("kind: k\nafter: nobody", "5:12", "there is no such step"), ("kind: k\nafter: one", "5:12", "after itself"),
        ("kind: k\ninput: { from: /steps/two }", "3:3", "there is no step two"),
        ("kind: k\ninput: { from: /item }", "3:3", "which only a step with each has"),
        ("kind: k\ninput: { from: /inptu/a }", "3:3", "which is not there"),
        ("kind: k\ninput: { from: /steps/one }", "3:3", "its own result"),
        ("kind: k\ninput: { from: input/a }", "5:20", "from is \"input/a\", expected a JSON Pointer"),
        ("kind: k\ninput: { from: /input, orr: 1 }", "5:33", "orr stands beside from"),
        ("kind: k\nundo: { input: 1 }", "5:11", "has no kind"), ("kind: [k]", "4:11", "expected a text"),
    ])
    func `a step that does not fit is told where and why`(lines: String, place: String, text: String) {
        let found = FlowReading(step(lines)).errors.map { "\($0.place.line):\($0.place.column) \($0.text)" }
        #expect(
            found.contains { $0.hasPrefix(place + " ") && $0.contains(text) },
            "\(found)"
        )
    }

    @Test func `a mark at the file's beginning is no part of it, and a step that is its own flow never ends`() {
        #expect(FlowReading("\u{FEFF}flow: f\nsteps: {a: {kind: k}}").errors.isEmpty)
        let texts = FlowReading("flow: f\nsteps: {a: {kind: f}}").errors.map(\.text)
        #expect(texts.count == 1 && texts[0].contains("runs the flow itself"), "\(texts)")
        let ends = "flow: f\nsteps: {a: {kind: f, when: {from: /input/more, equals: true}}}"
        #expect(FlowReading(ends).errors.isEmpty)
    }

    @Test func `a pointer to a step that need not come before is refused`() {
        let two = "  two: { kind: k, undo: none }\n"
        #expect(FlowReading(step("kind: k\nafter: two\ninput: { from: /steps/two/id }", before: two)).errors.isEmpty)
        let wrong = FlowReading(step("kind: k\ninput: { from: /steps/two/id }", before: two))
        #expect(wrong.errors.map(\.hint) == ["add after: two"])
    }

    @Test func `steps that wait for each other are named in order`() {
        let reading = FlowReading(
            "flow: f\nsteps: {a: {kind: k, after: d}, b: {kind: k, after: a}, c: {kind: k, after: b}, d: {kind: k, after: [x, b]}, x: {kind: k}}"
        )
        #expect(reading.errors.count == 1)
        #expect(reading.errors.first?.text.hasSuffix("a after d after b after a") == true, "\(reading.errors)")
    }

    @Test func `what nobody undoes, answers or ends is warned of and goes on`() {
        let one = "  one: { kind: k }\n"
        let text = "flow: f\nsteps:\n" + one + "  two: { kind: a, after: one, wait: { callback: true } }\n"
        let reading = FlowReading(text)
        #expect(reading.flow != nil)
        #expect(reading.issues.map(\.severity) == [.warning, .warning, .warning])
        let texts = reading.issues.map(\.text).joined(separator: "\n")
        #expect(texts.contains("step one has no undo"))
        #expect(texts.contains("may wait for ever"))
        #expect(texts.contains("is not given the token"))
        #expect(FlowReading(text.replacing("kind: k }", with: "kind: k, undo: none }")).issues.count == 2)
    }

    @Test(arguments: [
        ("", "is empty"), ("- a", "expected a list of names and values"), ("flow: f", "has no steps"),
        ("steps: {a: {kind: k}}", "has no name"), ("flow: f\nsteps: {}", "expected names"),
        ("flow: f\nsteps: {flow: {kind: k}}", "cannot be called flow"),
        ("flow: f\nsteps: {'a b': {kind: k}}", "has 1 to 100 of A-Z"), ("flow: f\nflow: g", "given twice"),
        ("flow: [", "did not find"), ("flow: f\n---\nflow: g", "another document"), ("a: *x", "undefined alias"),
    ])
    func `a document that is none is told in one line`(text: String, part: String) {
        let reading = FlowReading(text)
        #expect(reading.flow == nil)
        #expect(reading.issues.contains { $0.text.contains(part) && !$0.text.contains("\n") }, "\(reading.issues)")
    }

    @Test func `aliases may be used, and a bomb of them is refused before it goes off`() {
        let shared = "flow: f\nsteps:\n  a: &a { kind: k, retries: 2, undo: none }\n  b: *a\n"
        #expect(FlowReading(shared).flow?.steps.count == 2)
        var bomb = "flow: f\nx0: &x0 [lol]\n"
        for level in 1...9 {
            bomb += "x\(level): &x\(level) [\((0..<9).map { _ in "*x\(level - 1)" }.joined(separator: ", "))]\n"
        }
        #expect(FlowReading(bomb).issues.first?.text.contains("aliases") == true)
        // Few aliases, and each of them doubles the document.
        var deep = "flow: f\nx0: &x0 [a, b, c, d, e, f, g, h]\n"
        for level in 1...16 { deep += "x\(level): &x\(level) [*x\(level - 1), *x\(level - 1)]\n" }
        #expect(FlowReading(deep).issues.first?.text.contains("more than \(Limits.flowNodesMax) values") == true)
    }

    @Test func `a document is bounded in bytes, depth and steps`() {
        let long = "flow: f\nabout: " + String(repeating: "x", count: Limits.flowBytesMax)
        #expect(FlowReading(long).issues.first?.text.contains("allowed are \(Limits.flowBytesMax)") == true)
        let deep = "flow: " + String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        #expect(FlowReading(deep).issues.first?.text.contains("levels deep") == true)
        #expect(FlowReading(String(repeating: "[", count: 500_000)).flow == nil)
        let many = "flow: f\nsteps:\n" + (0...Limits.flowStepsMax).map { "  s\($0): {kind: k}\n" }.joined()
        #expect(FlowReading(many).issues.first?.text.contains("allowed are \(Limits.flowStepsMax)") == true)
    }

    @Test func `the longest chain is checked in a moment`() throws {
        let steps = (0..<Limits.flowStepsMax).map { step in
            "  s\(step): {kind: k, undo: none"
                + (step == 0 ? "}\n" : ", after: s\(step - 1), input: {from: /steps/s0}}\n")
        }
        let start = ContinuousClock.now
        #expect(FlowReading("flow: f\nsteps:\n" + steps.joined()).issues.isEmpty)
        #expect(start.duration(to: .now) < .seconds(20))
    }
}
