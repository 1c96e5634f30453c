import PondCore
import PondQueue
import PondTestKit
import Testing

/// `pond limit`, and what other commands say of limits, run as a program.
@Suite(.redis) struct LimitCommandTests {
    /// A queue with jobs of which a limit has let one go and holds the others back.
    private func limitedQueue(_ desk: Desk, _ definition: String = "1/h", jobs: Int = 4) async throws -> Queue {
        let queue = try await desk.queue()
        #expect(try await desk.run(["limit", "set", "openai", definition]).code == 0)
        try await queue.setLimitNeeds(["summarize": try LimitNeed("openai")])
        for _ in 0..<jobs { _ = try await queue.enqueue("summarize") }
        _ = try await queue.fetch(as: Consumer("ann"), atMost: jobs)
        #expect(try await queue.depth().limited == jobs - 1)
        return queue
    }

    @Test func `a limit is set, changed, listed, shown and taken away`() async throws {
        let desk = try Desk()
        let first = try await desk.run(["limit", "set", "openai", "60/m burst 10"])
        #expect(first.code == 0 && first.output == "limit openai allows 60/m burst 10\n")
        let changed = try await desk.run(["limit", "set", "openai", "2/s, 8 at a time"])
        #expect(changed.output == "limit openai allows 2/s, 8 at a time, was 60/m burst 10\n")
        let family = try await desk.run(["limit", "set", "tenant:{tenant}", "5/15m", "--json"])
        #expect(try family.json()["name"]?.text == "tenant:*" && family.json()["before"] == .null)
        let list = try await desk.run("limit list")
        #expect(list.output.contains("openai    2/s, 8 at a time") && list.output.contains("tenant:*  5/15m"))
        let items = try await desk.run("limit list --json").json().items
        #expect(items.map { $0["name"]?.text } == ["openai", "tenant:*"])
        #expect(items[0]["state"]?.text == "ok" && items[0]["learned"] == .number(1))
        let member = try await desk.run("limit show tenant:acme")
        #expect(member.code == 0 && member.output.contains("set as   tenant:*"))
        #expect(member.output.contains("the last hour, a minute a column"))
        #expect(try await desk.run("limit clear openai").output.hasPrefix("limit openai is gone"))
        #expect(try await desk.run("limit list --json").json().items.count == 1)
    }

    @Test func `a limit that nobody has set is named, with those that there are`() async throws {
        let desk = try Desk()
        let none = try await desk.run("limit clear openai")
        #expect(none.code == 3 && none.error.contains("nobody has set a limit openai"))
        #expect(none.error.contains("pond limit set NAME '60/m burst 10'"))
        _ = try await desk.run(["limit", "set", "psp", "open"])
        let missing = try await desk.run("limit show openai --json")
        #expect(missing.code == 3 && missing.error.contains("set are psp"))
        let empty = try await Desk().run("limit list")
        #expect(empty.code == 0 && empty.output.isEmpty && empty.error.contains("no limit is set"))
    }

    @Test(arguments: [
        ["limit", "set", "openai", "60/x"], ["limit", "set", "openai", "0/s"], ["limit", "set", "open ai", "1/s"],
        ["limit", "set", "tenant*", "1/s"], ["limit", "set", "openai"], ["limit", "show", "-"],
    ])
    func `what is no limit is a wrong command line`(arguments: [String]) async throws {
        let run = try await Desk().run(arguments)
        #expect(run.code == 2 && run.output.isEmpty, "\(run)")
    }

    @Test func `who waits for a limit is shown, with the hour and the next`() async throws {
        let desk = try Desk()
        _ = try await limitedQueue(desk)
        let shown = try await desk.run("limit show openai --ascii")
        #expect(shown.output.contains("waiting  3 jobs"), "\(shown.output)")
        #expect(shown.output.contains(/rate_limited  in about (1m00|5\d)s/), "\(shown.output)")
        let json = try await desk.run("limit show openai --json").json()
        #expect(json["admitted"] == .number(1) && json["refused"] == .number(3))
        #expect(json["lanes"]?[0]?["queue"]?.text == "emails" && json["lanes"]?[0]?["waiting"] == .number(3))
        #expect(try await desk.run("limit list").output.contains("WAITING"))
    }

    @Test func `status counts the jobs that a limit holds back, and says which limit`() async throws {
        let desk = try Desk()
        let queue = try await limitedQueue(desk)
        _ = try await queue.beat(as: Consumer("ann"), about: "{}")
        let status = try await desk.run("status")
        #expect(status.output.contains("3 jobs are held back by openai (rate_limited)"), "\(status.output)")
        #expect(status.output.contains("LIMITED"))
        let json = try await desk.run("status --json").json()
        #expect(json.items[0]["limited"] == .number(3) && json.items[0]["ready"] == .number(0))
        #expect(json.items[0]["limited_by"]?[0]?["limit"]?.text == "openai")
        let shown = try await desk.run("queue get emails")
        #expect(shown.output.contains("limited    3: 3 by openai (rate_limited)"), "\(shown.output)")
    }

    @Test func `a queue with limited jobs is not deleted, and purged like a ready one`() async throws {
        let desk = try Desk()
        let queue = try await limitedQueue(desk)
        let id = try #require(try await queue.export(.normal, after: "", upTo: "").jobs.last?.id)
        #expect(try await desk.run("job get emails/\(id)").output.contains("state        limited"))
        #expect(try await queue.delete() == .inFlight)
        #expect(try await desk.run("queue export emails").output.split(separator: "\n").count == 5)
        #expect(try await desk.run("queue purge emails --yes").code == 0)
        #expect(try await queue.depth().limited == 0)
    }

    @Test func `the doctor finds limits that nobody has set, and jobs that nobody lets go`() async throws {
        let desk = try Desk()
        let queue = try await limitedQueue(desk)
        try await queue.setLimitNeeds(["send": try LimitNeed("smtp,tenant:{tenant}")])
        let report = try await desk.run("doctor")
        #expect(
            report.output.contains("kind send of emails needs limit smtp, which nobody has set"),
            "\(report.output)"
        )
        #expect(report.output.contains("pond limit set 'tenant:*' '60/m burst 10'"))
        #expect(report.output.contains("3 jobs wait at limits of emails, and no worker serves it to let them go"))
        #expect(report.code == 8)
    }

    @Test func `an open breaker is shown, and found by the doctor`() async throws {
        let desk = try Desk()
        _ = try await limitedQueue(desk, "open", jobs: 1)
        for _ in 0..<25 { try await desk.pond.limits.tell(try LimitNeed("openai"), .failed) }
        #expect(try await desk.run("limit show openai").output.contains("state    breaker open"))
        let report = try await desk.run("doctor")
        #expect(report.output.contains("the breaker of limit openai is open"), "\(report.output)")
    }
}
