import Glibc
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct DeadCompensateTests {
    private static let able = #"{"kinds":["email.send"],"kindsTotal":1,"compensates":["email.send"]}"#

    private func graveyard(_ desk: Desk, _ count: Int, about: String? = able) async throws -> (Queue, DeadGroup) {
        let queue = try await desk.queue()
        for _ in 0..<count { _ = try await queue.enqueue() }
        try await queue.buryAll()
        _ = try await queue.leave(as: Consumer("undertaker"))
        if let about { _ = try await queue.livingWorker("host-1", about: about) }
        return (queue, try #require(try await queue.groups().first))
    }

    @Test func `a plan is shown with kinds and queues, and done in stages after a yes`() async throws {
        let desk = try Desk()
        let (queue, group) = try await graveyard(desk, 12)
        let asked = try await desk.run("dead compensate \(group.id)")
        #expect(asked.code == 2 && asked.error.contains("compensate 12 dead jobs in 1 queue (emails 12)"))
        #expect(asked.error.contains("of the kinds email.send 12") && asked.error.contains("--yes"))
        #expect(try await queue.depth().dead == 12)
        let actor = ["MILLPOND_ACTOR": "ann@desk"]
        let staged = try await desk.run(
            ["dead", "compensate", "\(group.id)", "--yes", "--wait", "200ms", "--reason", "INC-7", "--json"],
            environment: actor
        )
        #expect(staged.code == 7)
        let json = try staged.json()
        #expect(
            json["kind"]?.text == "DeadCompensation" && json["sent"] == .number(5) && json["planned"] == .number(12)
        )
        #expect(try await queue.depth().ready == 5)
        let rest = try await desk.run(["dead", "compensate", "failed", "--all", "--yes"], environment: actor)
        #expect(rest.code == 0 && rest.output == "sent 7 dead jobs\n", "\(rest.error)")
        let audit = try await desk.run("dead audit --json").json().items
        #expect(audit.allSatisfy { $0["action"]?.text == "compensate" && $0["by"]?.text == "ann@desk" })
        #expect(audit.compactMap { $0["target"]?.text } == ["failed", "failed", "\(group.id)", "\(group.id)"])
        #expect(audit.prefix(2).compactMap { $0["result"]?.text } == ["finished: sent 7 dead jobs", "begun"])
        #expect(audit.last?["reason"]?.text == "INC-7" && audit.last?["jobs"] == .number(12))
    }

    @Test func `one job needs a yes as well, is written down, and shows its phase`() async throws {
        let desk = try Desk()
        let (queue, _) = try await graveyard(desk, 1)
        let id = try #require(try await queue.dead().first?.id)
        #expect(try await desk.run("dead compensate \(id)").code == 2)
        #expect(try await desk.run("dead compensate \(id) --yes").output == "sent 1 dead job\n")
        #expect(try await queue.auditEntries().map(\.result) == ["finished: sent 1 dead job", "begun"])
        #expect(try await desk.run("job get \(id)").output.contains("compensate: what it did is to be undone"))
        #expect(try await desk.run("job get \(id) --json").json().items.first?["phase"]?.text == "compensate")
        #expect(try await desk.run("why \(id)").output.contains("what it did is to be undone: "))
        try await queue.buryAll(cause: "failed", error: "the bank is away")
        #expect(try await desk.run("dead show \(id)").output.contains("compensate"))
        let groups = try await desk.run("dead groups").output
        #expect(groups.contains("compensation: "), "\(groups)")
        #expect(try await desk.run("dead retry \(id)").code == 0)
        #expect(try await queue.job(id).field("phase") == "compensate")
    }

    @Test func `an older worker that would do the work again is in the way, by name`() async throws {
        let desk = try Desk()
        let (queue, group) = try await graveyard(desk, 3, about: #"{"kinds":["email.send"],"kindsTotal":1}"#)
        let refused = try await desk.run("dead compensate \(group.id) --yes")
        #expect(refused.code == 4 && refused.error.contains("worker host-1 of emails may handle email.send"))
        #expect(try await queue.depth().dead == 3)
        #expect(try await queue.auditEntries().isEmpty)
        // One that is lost does nothing any more.
        try await desk.command("ZADD", .text(queue.keys.beats), "1", "host-1")
        #expect(try await desk.run("dead compensate \(group.id) --all --yes").code == 0)
        #expect(try await queue.depth().ready == 3)
    }

    @Test func `workers without a compensation are in the way, unless they are told not to be`() async throws {
        let desk = try Desk()
        let about = #"{"kinds":["email.send"],"kindsTotal":1,"compensates":[]}"#
        let (queue, group) = try await graveyard(desk, 3, about: about)
        let refused = try await desk.run("dead compensate \(group.id) --yes")
        #expect(refused.code == 4 && refused.error.contains("no worker of emails has a compensation for email.send"))
        #expect(try await desk.run("dead compensate \(group.id) --all --yes --force").code == 0)
        #expect(try await queue.depth().ready == 3)
    }

    @Test func `what is to be undone is not imported as new work`() async throws {
        let desk = try Desk()
        let (queue, _) = try await graveyard(desk, 1)
        let id = try #require(try await queue.dead().first?.id)
        _ = try await queue.compensate([id])
        let path = "/tmp/\(RedisServer.uniqueName()).jsonl"
        defer { unlink(path) }
        #expect(try await desk.run(["queue", "export", "emails", "--to", path]).code == 0)
        _ = try await desk.queue("others")
        let imported = try await desk.run(["queue", "import", "others", path])
        #expect(
            imported.code != 0 && imported.error.contains("is job \(id), which is to be compensated"),
            "\(imported.error)"
        )
        #expect(try await desk.pond.queue("others").depth().ready == 0)
    }

    @Test(arguments: ["dead compensate", "dead compensate 1-1 --all", "dead compensate 1-1 --canary 2"])
    func `a selection that says nothing, or two things, is refused`(command: String) async throws {
        #expect(try await Desk().run(command).code == 2)
    }
}
