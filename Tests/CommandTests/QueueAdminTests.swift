import PondQueue
import PondTestKit
import Testing

/// `pond queue set`, `purge`, `delete` and `pause`, run as programs.
@Suite(.redis) struct QueueAdminTests {
    @Test func `a purge needs a yes, cancels what waits, and is written down`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue("emails")
        for _ in 0..<3 { _ = try await queue.enqueue() }
        let asked = try await desk.run("queue purge emails")
        #expect(asked.code == 2 && asked.error.contains("cancel for good 3 ready and 0 held"))
        #expect(asked.error.contains("--yes is needed"))
        let run = try await desk.run("queue purge emails --yes --reason test --json")
        #expect(run.code == 0)
        #expect(try run.json()["cancelled"] == .number(3))
        #expect(try await queue.depth().ready == 0)
        let audit = try await queue.auditEntries()
        #expect(audit.map(\.action) == ["purge", "purge"] && audit[0].jobs == 3 && audit[0].reason == "test")
        #expect(try await desk.run("queue purge emails").output.contains("nothing waits in emails"))
        #expect(try await desk.run("queue purge nosuch --yes").code == 3)
    }

    @Test func `a queue that is not empty is not deleted, and it is said what to do`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue("emails")
        _ = try await queue.enqueue()
        let refused = try await desk.run("queue delete emails --yes")
        #expect(refused.code == 5)
        #expect(refused.error.contains("it holds 1 ready job") && refused.error.contains("`pond queue purge emails`"))
        #expect(try await desk.run("queue purge emails --yes").code == 0)
        #expect(try await desk.run("queue delete emails --yes").output == "deleted emails\n")
        #expect(try await desk.run("queue get emails").code == 3)
    }

    @Test func `a limit is set before the first job, and refuses one more`() async throws {
        let desk = try Desk()
        #expect(try await desk.run("queue set emails --max-depth 1").output == "max depth of emails is 1, was none\n")
        #expect(try await desk.run("enqueue a.b --queue emails").code == 0)
        let full = try await desk.run("enqueue a.b --queue emails")
        #expect(full.code == 4 && full.error.contains("max_depth is 1"))
        #expect(try await desk.run("queue get emails --json").json()["max_depth"] == .number(1))
        #expect(try await desk.run("queue set emails --max-depth none --json").json()["max_depth"] == .null)
        #expect(try await desk.run("queue set emails --max-depth 0").code == 2)
        #expect(try await desk.run("queue set emails").code == 2)
        let recoveries = try await desk.run("queue set emails --max-recoveries 5")
        #expect(recoveries.output == "max recoveries of emails is 5, was 3, the default\n", "\(recoveries.error)")
        #expect(try await desk.run("queue get emails --json").json()["recoveries_max"] == .number(5))
        let usual = try await desk.run("queue set emails --max-recoveries default --json")
        #expect(try usual.json()["recoveries_max"] == .number(3))
        #expect(try await desk.run("queue set emails --max-recoveries none").code == 2)
    }

    @Test func `a second pause does not take the first one's reason without a word`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue("emails")
        #expect(try await desk.run(["queue", "pause", "emails", "--reason", "deploy"]).code == 0)
        let again = try await desk.run("queue pause emails")
        #expect(again.output == "emails was paused already, \"deploy\"\n")
        #expect(try await queue.pauseReason() == "deploy")
        let other = try await desk.run("queue pause emails --reason incident")
        #expect(other.output == "emails was paused already, \"deploy\"; the reason is now \"incident\"\n")
    }
}
