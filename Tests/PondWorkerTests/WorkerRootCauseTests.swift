import PondCore
import PondQueue
import PondTestKit
import PondWorker
import Testing

@Suite(.redis) struct WorkerRootCauseTests {
    private struct Down: Error { var host: String }
    private struct Keyed: RootCauseProviding { var rootCauseKey: String { "stripe" } }

    /// Runs a job of each kind with a handler that throws, and gives the groups of the dead.
    private func groups(_ failures: [(kind: String, error: any Error)]) async throws -> [DeadGroup] {
        let harness = try Harness()
        let jobs = JobList(
            failures.map { failure in
                JobRegistration(kind: failure.kind) { _ in throw failure.error }.retrying(times: 1)
            }
        )
        return try await harness.withWorker(jobs) { _ in
            for failure in failures { try await harness.enqueue(failure.kind) }
            try await harness.eventually { $0.dead == failures.count }
            return try await harness.queue.groups()
        }
    }

    @Test func `an error that names its root cause makes one group of all kinds`() async throws {
        let groups = try await groups([("a", Keyed()), ("b", Keyed()), ("c", GiveUp("no", rootCauseKey: "stripe"))])
        #expect(groups.map(\.count) == [3])
        #expect(groups.first?.title.hasPrefix("stripe") == true)
    }

    @Test func `the same text of one endpoint is one group, another endpoint another`() async throws {
        let groups = try await groups([
            ("a", RetryLater(after: .zero, "POST http://10.0.0.7:8080/a/17 refused")),
            ("b", RetryLater(after: .zero, "POST http://10.0.0.7:8080/b/18123 refused")),
            ("c", RetryLater(after: .zero, "POST http://10.0.0.8:8080/a/17 refused")),
        ])
        #expect(groups.map(\.count) == [2, 1])
        #expect(groups[0].title == "POST http://10.0.0.7:8080 refused")
    }

    @Test func `errors of different types are different groups, and so are families of kinds`() async throws {
        let groups = try await groups([
            ("mail.a", Down(host: "x")), ("mail.b", Down(host: "x")), ("bill.a", Down(host: "x")),
            ("mail.c", CancellationError()),
        ])
        #expect(groups.map(\.count).sorted() == [1, 1, 2])
    }

    @Test func `a payload that does not decode is grouped by what is wrong, not by its length`() async throws {
        struct Read: JobHandler {
            static let kind = "read"
            func run(_ payload: [String: Int], _ job: JobContext) async throws {}
        }
        let harness = try Harness()
        let groups = try await harness.withWorker(JobList { Read() }) { _ in
            try await harness.enqueue("read", "[1]")
            try await harness.enqueue("read", "[1,2,3]")
            try await harness.eventually { $0.dead == 2 }
            return try await harness.queue.groups()
        }
        #expect(groups.map(\.count) == [2] && groups[0].cause == "undecodable_payload")
    }

    @Test func `time that is up is a root cause of its own`() async throws {
        let harness = try Harness()
        let slow = JobRegistration(kind: "slow") { job in
            while true { try job.heartbeat(); try await Waiting.work(for: .milliseconds(5)) }
        }
        let groups = try await harness.withWorker(JobList([slow.timeout(.milliseconds(50)).retrying(times: 1)])) { _ in
            try await harness.enqueue("slow")
            try await harness.eventually { $0.dead == 1 }
            return try await harness.queue.groups()
        }
        #expect(groups.first?.title.hasPrefix("timeout: timed out after") == true)
    }
}
