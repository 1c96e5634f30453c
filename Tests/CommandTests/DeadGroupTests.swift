import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct DeadGroupTests {
    private func graveyard(_ desk: Desk, _ count: Int = 12) async throws -> (queue: Queue, group: DeadGroup) {
        let queue = try await desk.queue()
        for _ in 0..<count { _ = try await queue.enqueue() }
        try await queue.buryAll(cause: "failed", error: "\u{1b}[31mno route")
        return (queue, try #require(try await queue.groups().first))
    }

    @Test func `groups are listed and one is shown, and nothing of it reaches the terminal raw`() async throws {
        let desk = try Desk()
        #expect(try await desk.run("dead groups").output == "No groups of dead jobs.\n")
        let (_, group) = try await graveyard(desk)
        let list = try await desk.run("dead groups")
        #expect(list.code == 0 && list.output.contains("\(group.id)") && list.output.contains("email.send 12"))
        let json = try await desk.run("dead groups --json").json()
        #expect(json.items.first?["dead"] == .number(12) && json.items.first?["trend"]?.count == 12)
        let show = try await desk.run("dead show \(group.id)")
        #expect(show.code == 0 && show.output.contains("no route") && !show.output.contains("\u{1b}[31m"))
        #expect(try await desk.run("dead show E-00000000").code == 3)
    }

    @Test func `a group is retried after a yes, in stages, and waits for its first jobs`() async throws {
        let desk = try Desk()
        let (queue, group) = try await graveyard(desk)
        let asked = try await desk.run("dead retry \(group.id)")
        #expect(asked.code == 2 && asked.error.contains("12 dead jobs in 1 queue") && asked.error.contains("first 5"))
        #expect(try await queue.depth().dead == 12)
        let stage = try await desk.run("dead retry \(group.id) --yes --wait 200ms --json")
        #expect(stage.code == 7)
        #expect(try await queue.depth().ready == 5)
        let rest = try await desk.run("dead retry failed --all --yes")
        #expect(rest.code == 0 && rest.output == "retried 7 dead jobs\n")
        #expect(try await desk.run("dead retry \(group.id) --yes").code == 3)
        for line in [
            "dead retry \(group.id) 1-1", "dead retry 1-1 --canary 2", "dead retry x --rate 0",
            "dead retry x --stop-at 101%",
        ] {
            #expect(try await desk.run(line).code == 2, "\(line)")
        }
    }

    @Test func `what was done is in the audit, with who and why`() async throws {
        let desk = try Desk()
        let (queue, group) = try await graveyard(desk)
        let actor = ["MILLPOND_ACTOR": "ann@desk"]
        let ignored = try await desk.run(
            ["dead", "ignore", "\(group.id)", "--until", "2h", "--reason", "known: INC-7"],
            environment: actor
        )
        #expect(ignored.code == 0 && ignored.output.hasPrefix("\(group.id) is ignored until 20"))
        #expect(try await desk.run("dead groups").output == "No groups of dead jobs.\n")
        #expect(try await desk.run("dead groups --all").output.contains("ignored"))
        #expect(try await desk.run("dead reopen \(group.id)", environment: actor).code == 0)
        #expect(try await desk.run("dead resolve \(group.id)", environment: actor).code == 0)
        #expect(try await queue.group(group.id)?.state == .resolved)
        #expect(try await desk.run("dead discard \(group.id)").code == 2)
        #expect(try await desk.run("dead discard \(group.id) --yes --reason spam", environment: actor).code == 0)
        #expect(try await queue.depth().dead == 0)
        let audit = try await desk.run("dead audit --json").json().items
        #expect(audit.compactMap { $0["action"]?.text } == ["discard", "resolve", "reopen", "ignore"])
        #expect(audit.allSatisfy { $0["by"]?.text == "ann@desk" && $0["target"]?.text == "\(group.id)" })
        #expect(audit[0]["jobs"] == .number(12) && audit[0]["reason"]?.text == "spam")
        #expect(try await desk.run("dead audit").output.contains("INC-7"))
        #expect(try await desk.run("dead ignore E-00000000").code == 3)
        #expect(try await desk.run("dead ignore attempts_exhausted").code == 2)
    }

    @Test func `a hook is told of a group, and its failure is reported`() async throws {
        let desk = try Desk()
        let (queue, group) = try await graveyard(desk, 3)
        func escalate(_ words: String...) async throws -> Desk.Run {
            try await desk.run(["dead", "escalate", "\(group.id)", "--yes"] + words)
        }
        let told = try await escalate("--run", "grep -q '\"dead\":3' && exit 0; exit 4")
        #expect(told.code == 0, "\(told.error)")
        let failed = try await escalate("--run", "echo sorry >&2; exit 4")
        #expect(failed.code == 1 && failed.error.contains("sorry"))
        let slow = try await escalate("--run", "sleep 30", "--hook-timeout", "200ms")
        #expect(slow.code == 1 && slow.error.contains("still running after 0.2 s"))
        let unreachable = try await escalate("--post", "http://127.0.0.1:1/hook")
        #expect(unreachable.code == 1 && unreachable.error.contains("did not answer"))
        #expect(try await escalate().code == 2)
        #expect(try await queue.depth().dead == 3)
        #expect(try await queue.auditEntries().map(\.result).count { $0.hasPrefix("failed") } == 3)
    }
}
