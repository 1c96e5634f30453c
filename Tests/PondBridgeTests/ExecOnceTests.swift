import Glibc
import PondBridge
import PondCore
import PondQueue
import PondTestKit
import Testing

/// One process a job.
@Suite(.redis) struct ExecOnceTests {
    private func run(
        _ command: String,
        _ data: String = "{}",
        _ options: EnqueueOptions = EnqueueOptions(),
        attempts: Int = 1,
        timeout: Duration = .seconds(20),
        until isReached: (Depth) -> Bool
    ) async throws -> (harness: Harness, id: JobID) {
        let harness = try Harness()
        let bridge = try ExecOnceBridge(
            command.replacing("FOLDER", with: harness.folder),
            slots: 4,
            logger: harness.pond.logger
        )
        let id = try await harness.enqueue(data, options)
        try await harness.withWorker(bridge, attempts: attempts, timeout: timeout) {
            try await harness.eventually(isReached)
        }
        return (harness, id)
    }

    @Test func `the payload comes on standard input, the rest by environment, and the output is the result`()
        async throws
    {
        let (harness, id) = try await run(
            #"read -r line; printf '%s|%s|%s|%s' "$line" "$MILLPOND_KIND" "$MILLPOND_ATTEMPT" "$MILLPOND_JOB_ID""#,
            "{\"n\":1}",
            try .once("order-1")
        ) { $0.done == 1 }
        let record = try #require(try await harness.queue.record(of: try IdempotencyKey("order-1")))
        // The checksum is all that is kept of it.
        #expect(record.checksum == checksum(of: "{\"n\":1}|a.b|1|\(id)"))
    }

    private func checksum(of text: String) -> String {
        // A sum that cannot be had is unequal to every checksum.
        let sum = (try? ChildRun.output(["/bin/sh", "-c", "printf %s \"$0\" | sha1sum", text])) ?? ""
        return String(sum.prefix(16))
    }

    @Test func `exit code 75 asks for another try`() async throws {
        let (harness, id) = try await run("[ $MILLPOND_ATTEMPT = 3 ] || { echo busy >&2; exit 75; }", attempts: 5) {
            $0.done == 1
        }
        #expect(try await harness.queue.job(id).state == .unknown)
        #expect(harness.logs.all.count { $0.hasPrefix("attempt failed; trying again") } == 2)
    }

    @Test(arguments: [(1, "exit_1"), (65, "exit_65"), (255, "exit_255")])
    func `any other exit code is final`(code: Int, cause: String) async throws {
        let (harness, _) = try await run("echo 'no such user' >&2; exit \(code)", attempts: 5) { $0.dead == 1 }
        let dead = try #require(try await harness.queue.dead().first)
        #expect(dead.cause == cause && dead.attempts == 1)
        #expect(dead.error.hasSuffix("standard error is: no such user"))
    }

    @Test func `a signal fails the try only`() async throws {
        let (harness, _) = try await run("[ $MILLPOND_ATTEMPT = 2 ] || kill -s SEGV $$", attempts: 2) { $0.done == 1 }
        #expect(harness.logs.all.contains { $0.contains("handler_died") })
    }

    @Test func `what a process leaves running ends with it`() async throws {
        let (harness, _) = try await run("sleep 600 & echo $! > FOLDER/pid; exit 7") { $0.dead == 1 }
        let pid = try #require(harness.words("pid").first.flatMap { Int32($0) })
        #expect(!ChildRun.isAlive(pid))
    }

    @Test func `one whose time is up is stopped with all that it started, whatever it ignores`() async throws {
        let (harness, _) = try await run(
            "trap '' TERM; sleep 600 & echo $! $$ > FOLDER/pid; wait; sleep 600",
            timeout: .milliseconds(300)
        ) { $0.dead == 1 }
        for pid in harness.words("pid").compactMap({ Int32($0) }) { #expect(!ChildRun.isAlive(pid)) }
        #expect(try await harness.queue.dead().first?.error == "timed out after 300ms")
    }

    @Test func `a process that does not read a large payload ends all the same`() async throws {
        let (_, _) = try await run("exit 0", "\"\(String(repeating: "x", count: 1_000_000))\"") { $0.done == 1 }
    }

    // MARK: - Stopped by its worker

    /// Says that it began, cleans up when it is told to end, and calls that a success.
    private static let trapped = """
        trap 'sleep 0.3; echo cleaned >> FOLDER/notes; exit 0' TERM
        echo begun >> FOLDER/notes
        while :; do sleep 0.02; done
        """
    /// The handler as the process itself, and behind shells that wait for it.
    static let shells = ["bash FOLDER/handler.sh", "bash FOLDER/handler.sh; true", "cd / && dash FOLDER/handler.sh"]

    private func trappedHarness(_ command: String) throws -> (Harness, ExecOnceBridge) {
        let harness = try Harness()
        let program = Self.trapped.replacing("FOLDER", with: harness.folder)
        try harness.write(program, to: "\(harness.folder)/handler.sh")
        let line = command.replacing("FOLDER", with: harness.folder)
        return (harness, try ExecOnceBridge(line, slots: 4, logger: harness.pond.logger))
    }

    @Test(arguments: shells)
    func `one that ends well because its time was up is a failed try, and had the time to clean up`(
        command: String
    ) async throws {
        let (harness, bridge) = try trappedHarness(command)
        try await harness.enqueue("{}")
        try await harness.withWorker(bridge, timeout: .milliseconds(500)) {
            try await harness.eventually { $0.dead == 1 || $0.done == 1 }
        }
        #expect(try await harness.queue.dead().map(\.error) == ["timed out after 500ms"])
        #expect(harness.words("notes") == ["begun", "cleaned"])
    }

    @Test(arguments: shells) func `one that ends well because its worker stops runs elsewhere`(
        command: String
    ) async throws {
        let (harness, bridge) = try trappedHarness(command)
        try await harness.enqueue("{}")
        try await harness.withWorker(bridge, endsAtOnce: true) { try await harness.eventually("notes", words: 1) }
        let depth = try await harness.queue.depth()
        #expect(depth.done == 0 && depth.dead == 0 && depth.ready == 1)
        #expect(harness.words("notes") == ["begun", "cleaned"])
    }

    @Test func `one that ends well because its job was cancelled is cancelled`() async throws {
        let (harness, bridge) = try trappedHarness(Self.shells[0])
        let id = try await harness.enqueue("{}")
        try await harness.withWorker(bridge) {
            try await harness.eventually("notes", words: 1)
            _ = try await harness.queue.cancel(id)
            try await harness.eventually { $0.inFlight == 0 && $0.ready == 0 }
        }
        #expect(try await harness.queue.depth().done == 0)
        #expect(harness.words("notes") == ["begun", "cleaned"])
    }

    // MARK: - Ends that say nothing about the job

    @Test(arguments: [("FOLDER/none", "127", "not found"), ("FOLDER/plain", "126", "may not be run")])
    func `a program that cannot be run kills no job, and is told of once`(
        command: String,
        code: String,
        meaning: String
    ) async throws {
        let harness = try Harness()
        try harness.write("#!/bin/sh\n", to: "\(harness.folder)/plain")
        let line = command.replacing("FOLDER", with: harness.folder)
        let bridge = try ExecOnceBridge(line, slots: 4, logger: harness.pond.logger)
        for _ in 0..<5 { try await harness.enqueue("{}") }
        try await harness.withWorker(bridge, attempts: 2) { try await harness.eventually { $0.dead == 5 } }
        for dead in try await harness.queue.dead() {
            #expect(dead.attempts == 2 && dead.cause == "attempts_exhausted")
            #expect(dead.error.hasPrefix("handler_died: it ended with exit code \(code) ("), "\(dead.error)")
            #expect(dead.error.contains(meaning), "\(dead.error)")
        }
        #expect(harness.logs.all.count { $0.hasPrefix("the handler cannot run any job") } == 1)
    }

    @Test(arguments: ["kill -9 $$", "sh -c 'kill -SEGV $$'; exit $?", "sh -c 'kill -9 $$'", "timeout 0.01 sleep 5"])
    func `what a signal ended is tried again, behind a shell too`(end: String) async throws {
        let (harness, _) = try await run("[ $MILLPOND_ATTEMPT = 2 ] && exit 0; \(end)", attempts: 2) {
            $0.done == 1 || $0.dead == 1
        }
        #expect(try await harness.queue.depth().done == 1)
        #expect(harness.logs.all.contains { $0.contains("handler_died") })
    }

    @Test func `a traceback stays with the dead job, and is logged with its id before the end`() async throws {
        let (harness, id) = try await run("printf 'Traceback\n  line 7\nKeyError\n' >&2; exit 1") { $0.dead == 1 }
        let dead = try #require(try await harness.queue.dead().first)
        #expect(dead.error.hasPrefix("it ended with exit code 1; the last it wrote on standard error is: KeyError\n"))
        #expect(dead.error.hasSuffix("Traceback\n  line 7\nKeyError"), "\(dead.error)")
        let lines = harness.logs.all
        let trace = try #require(lines.firstIndex { $0.contains("line 7") && $0.contains("job=\(id)") })
        let end = try #require(lines.firstIndex { $0.hasPrefix("job is dead") })
        #expect(trace < end)
    }
}
