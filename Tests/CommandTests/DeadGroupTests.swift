import FoundationEssentials
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
        #expect(audit.compactMap { $0["action"]?.text } == ["discard", "discard", "resolve", "reopen", "ignore"])
        #expect(audit.allSatisfy { $0["by"]?.text == "ann@desk" && $0["target"]?.text == "\(group.id)" })
        #expect(audit.prefix(2).compactMap { $0["result"]?.text } == ["finished: discarded 12 dead jobs", "begun"])
        #expect(audit[0]["jobs"] == .number(12) && audit[0]["reason"]?.text == "spam")
        #expect(try await desk.run("dead audit").output.contains("INC-7"))
        #expect(try await desk.run("dead ignore E-00000000").code == 3)
        #expect(try await desk.run("dead ignore attempts_exhausted").code == 2)
    }

    @Test func `a group over several queues is retried and discarded in all of them`() async throws {
        let desk = try Desk()
        let queues = [try await desk.queue("emails"), try await desk.queue("reports"), try await desk.queue("other")]
        for (queue, count) in zip(queues, [12, 8, 3]) {
            for _ in 0..<count { _ = try await queue.enqueue() }
            try await queue.buryAll(cause: queue.name.text == "other" ? "broken" : "failed")
        }
        let id = try #require(try await queues[0].groups().first?.id)
        #expect(try await queues[1].groups().map(\.id) == [id])
        let rows = try await desk.run("dead groups --json").json().items
        #expect(rows.compactMap { $0["dead"] } == [.number(20), .number(3)])
        let retried = try await desk.run("dead retry \(id) --canary 0 --yes")
        #expect(retried.code == 0 && retried.output == "retried 20 dead jobs\n", "\(retried)")
        #expect(try await queues[0].depth().ready == 12)
        #expect(try await queues[1].depth().ready == 8)
        for queue in queues.prefix(2) { try await queue.buryAll(cause: "failed", error: "no route") }
        let discarded = try await desk.run("dead discard \(id) --yes")
        #expect(discarded.code == 0 && discarded.output == "discarded 20 dead jobs\n", "\(discarded)")
        for (queue, count) in zip(queues, [12, 8]) {
            #expect(try await queue.depth().dead == 0)
            let audit = try await queue.auditEntries()
            #expect(audit.prefix(2).map(\.result) == ["finished: discarded 20 dead jobs", "begun"])
            #expect(audit.prefix(2).map(\.jobs) == [count, count])
        }
        #expect(try await queues[2].depth().dead == 3)
        #expect(try await queues[2].auditEntries().isEmpty)
    }

    @Test func `no more jobs a second are sent back than the rate allows`() async throws {
        let desk = try Desk()
        let (queue, _) = try await graveyard(desk, 90)
        let run = try await desk.run("dead retry failed --all --yes --rate 40/s")
        #expect(run.code == 0 && run.output == "retried 90 dead jobs\n")
        let entries = try await desk.command("XRANGE", .text(queue.keys.ready(.normal)), "-", "+").array ?? []
        let times = entries.compactMap { $0.array?.first?.string?.split(separator: "-").first }.compactMap { Int($0) }
        #expect(times.count == 90)
        // Two full batches of a second each before the last ten; a busy machine only makes it slower.
        let took = try #require(times.max()) - (try #require(times.min()))
        #expect(took >= 1_900, "\(took) ms")
        // As many at once as may be in a second, and no more in any second.
        for time in times { #expect(times.count { (time..<time + 900).contains($0) } <= 40) }
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
        #expect(slow.code == 1 && slow.error.contains("still running after 200ms"))
        // Where nobody listens it is not tried again for all of its time.
        let unreachable = try await escalate("--post", "http://127.0.0.1:1/hook", "--hook-timeout", "10m")
        #expect(unreachable.code == 1 && unreachable.error.contains("did not answer"))
        #expect(try await escalate().code == 2)
        // What is secret comes from a file, and is shown nowhere.
        let place = FileManager.default.temporaryDirectory.appending(path: RedisServer.uniqueName())
        let file = place.path
        try Data("http://svc:s3cret@127.0.0.1:1/hook?token=t0ken\n".utf8).write(to: place)
        defer { try? FileManager.default.removeItem(at: place) }
        let secret = try await escalate("--post", "@\(file)", "--post-header", "X-Key: @\(file)")
        #expect(secret.code == 1 && secret.error.contains("http://***@127.0.0.1:1/hook?token=*** did not answer"))
        #expect(!(secret.error + secret.output).contains("s3cret") && !secret.error.contains("t0ken"))
        let port = try await escalate("--post", "http://127.0.0.1:65536/")
        #expect(port.code == 2 && port.error.contains("has the port 65536"), "\(port.error)")
        let missing = try await escalate("--post", "@/no/such/file")
        #expect(missing.code == 2 && missing.error.contains("--post"), "\(missing.error)")
        #expect(try await queue.depth().dead == 3)
        #expect(try await queue.auditEntries().map(\.result).count { $0.hasPrefix("failed") } == 4)
    }
}
