import PondBridge
import PondCore
import PondQueue
import PondTestKit
import Testing

/// Programs that reserve money of their intent's budget, with the helper of the examples.
@Suite(.redis, .serialized) struct ExecBudgetTests {
    private static let helper = "\(#filePath)".replacing(
        "/Tests/PondBridgeTests/ExecBudgetTests.swift",
        with: "/examples/handlers/python"
    )

    private let harness: Harness
    private let intent = "intent-\(UInt64.random(in: 0 ... .max))"
    private var ledger: Ledger { harness.pond.ledger }

    init() throws { harness = try Harness() }

    private func program(_ body: String) throws -> ExecBridge {
        let lines = body.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }
        let text = """
            import os, sys
            sys.path.insert(0, "\(Self.helper)")
            from millpond import BudgetExhausted, handles, run
            @handles("a.b")
            def a(job):
            \(lines.joined(separator: "\n"))
            run()
            """
        return try ExecBridge(harness.python(text), slots: 1, logger: harness.pond.logger)
    }

    private func options(_ text: String) throws -> EnqueueOptions {
        var options = EnqueueOptions()
        options.correlationID = intent
        options.intentBudget = try IntentBudget(text)
        return options
    }

    private func committed() async throws -> [Int64] {
        let state = try #require(try await ledger.show("intent:\(intent)"))
        #expect(state.held == 0)
        return [state[.usd]?.committed ?? 0, state[.tokens]?.committed ?? 0, state[.calls]?.committed ?? 0]
    }

    @Test func `what a program took is booked, what it gave back is not, and what it forgot is charged`() async throws {
        let bridge = try program(
            """
            with job.reserve(usd=0.05, tokens=400) as one: one.took(usd=0.03, tokens=100)
            with job.reserve(usd=0.05) as two: two.took_nothing()
            with job.reserve(usd=0.01): pass
            job.step("charge", lambda step: job.reserve(usd=0.02, name="inside") and None)
            """
        )
        try await harness.enqueue("{}", options("usd=1,tokens=1k"))
        try await harness.withWorker(bridge) { try await harness.eventually { $0.done == 1 } }
        #expect(try await committed() == [60_000, 100, 3])
    }

    @Test func `a program that finds no money rests where its intent says so, and takes a cheaper way elsewhere`()
        async throws
    {
        let bridge = try program(
            """
            try:
                with job.reserve(usd=0.5): pass
            except BudgetExhausted as error:
                if error.policy != "degrade": raise
                with job.reserve(usd=0.1): pass
            """
        )
        try await harness.enqueue("{}", options("usd=0.2,on_exhausted=degrade"))
        try await harness.withWorker(bridge) {
            try await harness.eventually { $0.done == 1 }
            var paused = try options("usd=0.2,on_exhausted=pause")
            paused.correlationID = "\(intent)-paused"
            try await harness.enqueue("{}", paused)
            try await harness.eventually { $0.held == 1 }
            #expect(try await ledger.topUp("intent:\(intent)-paused", "usd=0.3") == .ok)
            try await ledger.wakeResting("intent:\(intent)-paused")
            try await harness.eventually { $0.done == 2 }
        }
        #expect(try await committed() == [100_000, 0, 1])
    }
}
