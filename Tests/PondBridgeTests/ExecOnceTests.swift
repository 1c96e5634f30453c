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
        #expect(try await harness.queue.dead().first?.error == "timed out after 0.3 s")
    }

    @Test func `a process that does not read a large payload ends all the same`() async throws {
        let (_, _) = try await run("exit 0", "\"\(String(repeating: "x", count: 1_000_000))\"") { $0.done == 1 }
    }
}
