import Millpond
import PondCore
import PondFlow
import PondQueue
import PondTestKit
import Testing

@testable import pond

/// Flows step by step, in memory.
@Suite struct FlowRunTests {
    private func flow(_ text: String) throws -> Flow { try #require(FlowReading(text).flow) }

    private func saga(_ text: String, _ input: String = "{}") throws -> TestSaga {
        try TestSaga(FlowHandler(try flow(text)).registration, RawPayload(Array(input.utf8)))
    }

    private func given(_ step: String, _ saga: TestSaga) -> [String] {
        saga.children(of: step).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `steps begin when all that they come after is over, and take their input from there`() async throws {
        let saga = try saga(
            """
            flow: f
            steps:
              a: { kind: k, input: { to: { from: /input/to }, key: { from: /key } } }
              b: { kind: k, input: 1 }
              both: { kind: k, after: [a, b], input: { id: { from: /steps/a/id }, n: { from: /steps/b, or: 0 } } }
              rest: { after: both, wait: { sleep: 1h } }
            """,
            #"{"to":12345678901234567890}"#
        )
        try await saga.run()
        #expect(saga.waitsFor.sorted() == ["a", "b"])
        #expect(given("a", saga).first?.hasPrefix(#"{"to":12345678901234567890,"key":""#) == true)
        #expect(given("a", saga).first?.hasSuffix(#":a"}"#) == true && given("b", saga) == ["1"])
        try saga.endChild(0, of: "a", with: ["id": "x"])
        try await saga.run()
        #expect(saga.waitsFor == ["b"] && given("both", saga).isEmpty)
        try saga.endChild(0, of: "b", with: RawPayload([]))
        try await saga.run()
        #expect(given("both", saga) == [#"{"id":"x","n":null}"#])
        try saga.endChild(0, of: "both", with: RawPayload(Array("no JSON".utf8)))
        try await saga.run()
        #expect(saga.waitsFor == ["rest"])
        saga.advance(by: .seconds(3_600))
        try await saga.run()
        #expect(saga.state == .done && Set(saga.steps) == ["flow", "a", "b", "both", "rest"])
    }

    @Test func `a job that was started with another document is handed back each time, and nothing is written down`()
        async throws
    {
        let flow = try flow("flow: f\nsteps: {a: {kind: k}}")
        for (digest, runs) in [("another", false), (FlowHandler.digest(of: flow), true)] {
            var job = TestJob()
            job.options.headers[FlowHandler.digestHeader] = digest
            let saga = try TestSaga(FlowHandler(flow).registration, RawPayload(Array("{}".utf8)), job: job)
            let performed = try await saga.run()
            #expect(saga.steps.contains("flow") == runs)
            // No failed try, however often it comes.
            if !runs { #expect(performed.outcome == .postponed(for: .seconds(2))) }
        }
    }

    @Test(arguments: [("pro", ["paid"]), ("basic", []), ("", [])])
    func `a step that is passed over gives null, and what comes after it goes on`(
        plan: String,
        waits: [String]
    ) async throws {
        let saga = try saga(
            """
            flow: f
            steps:
              paid: { kind: k, when: { from: /input/plan, in: [pro, team] } }
              letter: { kind: k, after: paid, input: { from: /steps/paid } }
            """,
            plan.isEmpty ? "{}" : #"{"plan":"\#(plan)"}"#
        )
        try await saga.run()
        #expect(saga.waitsFor == (waits.isEmpty ? ["letter"] : waits))
        if waits.isEmpty { #expect(given("letter", saga) == ["null"]) }
    }

    @Test func `a job runs for each element, and enough of them are enough`() async throws {
        let saga = try saga(
            """
            flow: f
            steps:
              parts: { kind: k, each: { over: /input/list, at_least: 2 }, input: [{ from: /item }, { from: /index }], undo: none }
              sum: { kind: k, after: parts, input: { from: /steps/parts } }
            """,
            #"{"list":["a",{"b":1},null]}"#
        )
        try await saga.run()
        #expect(given("parts", saga) == [#"["a",0]"#, #"[{"b":1},1]"#, "[null,2]"])
        saga.failChild(1, of: "parts")
        try saga.endChild(0, of: "parts", with: 7)
        try saga.endChild(2, of: "parts", with: 9)
        try await saga.run()
        #expect(given("sum", saga) == ["[7,null,9]"])
        let none = try self.saga("flow: f\nsteps: {a: {kind: k, each: /input/list}}", #"{"list":[]}"#)
        try await none.run()
        #expect(none.state == .done)
    }

    @Test(arguments: [
        ("a: {kind: k, input: {from: /input/no}}", "there is nothing at /input/no"),
        ("a: {kind: k, each: /input}", "which is an object"), ("a: {kind: k, each: /input/no}", "which is nothing"),
    ])
    func `what is not where it should be ends the flow at once, and says what to do`(
        step: String,
        text: String
    ) async throws {
        let saga = try saga("flow: f\nsteps: {\(step)}")
        guard case .dead(let cause, let error) = try await saga.run().outcome else {
            Issue.record("it is not dead")
            return
        }
        #expect(cause.name == "flow_input" && error.contains(text), "\(error)")
    }

    @Test func `a signal and an answer are the results of their waits`() async throws {
        let saga = try saga(
            """
            flow: f
            steps:
              go: { wait: { signal: green, within: 1h } }
              paid: { kind: ask, wait: { callback: true, within: 1h }, input: { token: { from: /token } }, undo: none }
              last: { kind: k, after: [go, paid], input: [{ from: /steps/go }, { from: /steps/paid }] }
            """
        )
        try await saga.run()
        #expect(saga.waitsFor.sorted() == ["go", "paid"])
        try saga.answer("paid", with: 5)
        try saga.signal("green", with: "now")
        try await saga.run()
        #expect(given("last", saga) == [#"["now",5]"#])
        let late = try self.saga("flow: f\nsteps: {go: {wait: {signal: green, within: 1h}}}")
        try await late.run()
        late.advance(by: .seconds(3_600))
        guard case .dead(let cause, _) = try await late.run().outcome else {
            Issue.record("it waits still")
            return
        }
        #expect(cause.name == "timed_out")
    }

    @Test func `the document is remembered whole, however long it is`() async throws {
        let about = String(repeating: "é", count: 150_000)
        let saga = try saga("flow: f\nabout: \(about)\nsteps: {a: {kind: k}}")
        saga.crash(after: "flow#2")
        try await saga.run()
        #expect(saga.waitsFor == ["a"])
        #expect(saga.steps == ["flow", "flow#2", "flow#3", "flow#4", "flow#5"])
    }

    @Test func `a step that fails ends the flow, with its cause, and nothing more begins`() async throws {
        let saga = try saga(
            "flow: f\nsteps: {a: {kind: k, undo: none}, b: {kind: k, after: a}, c: {wait: {signal: x, within: 1h}}}"
        )
        try await saga.run()
        saga.failChild(0, of: "a", "dead: no")
        guard case .dead(let cause, _) = try await saga.run().outcome else {
            Issue.record("it is not dead")
            return
        }
        #expect(cause.name == "children_failed" && given("b", saga).isEmpty)
    }
}
