import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct DeadTests {
    /// A queue with dead jobs of a cause each.
    private func graveyard(_ desk: Desk, named name: String = "emails", _ causes: [String: Int]) async throws -> Queue {
        let queue = try await desk.queue(name)
        for (cause, count) in causes.sorted(by: { $0.key < $1.key }) {
            for _ in 0..<count { _ = try await queue.enqueue() }
            while try await queue.depth().ready > 0 { try await queue.buryAll(cause: cause) }
        }
        return queue
    }

    @Test func `no dead is no failure`() async throws {
        let run = try await Desk().run("dead list")
        #expect(run.code == 0 && run.output == "No dead jobs.\n")
    }

    @Test func `the list sums up causes and shows the newest`() async throws {
        let desk = try Desk()
        _ = try await graveyard(desk, ["timeout": 3, "failed": 2])
        _ = try await graveyard(desk, named: "thumbs", ["failed": 1])
        let run = try await desk.run("dead list --limit 4")
        #expect(run.error == "the newest 4 of 6 are shown; --limit and --cause choose others\n")
        let json = try await desk.run("dead list --cause failed --json").json()
        #expect(json.items.count == 3 && json["total"] == .number(3))
        #expect(json["causes"]?.count == 2)
        #expect(try await desk.run("dead list --queue thumbs --json").json().items.count == 1)
    }

    @Test func `one dead job is sent back without questions`() async throws {
        let desk = try Desk()
        let queue = try await graveyard(desk, ["failed": 2])
        let id = try #require(try await queue.dead().first?.id)
        let run = try await desk.run("dead retry \(id)")
        #expect(run.code == 0 && run.output == "retried 1 dead job\n")
        #expect(try await queue.depth().ready == 1)
        #expect(try await desk.run("dead retry \(id)").code == 5)
        #expect(try await desk.run("dead retry 1-1").code == 3)
    }

    @Test(arguments: ["retry", "discard", "compensate"])
    func `a cause that no dead job has is not found`(command: String) async throws {
        let desk = try Desk()
        _ = try await graveyard(desk, ["failed": 1])
        for target in ["--cause nosuch", "nosuch"] {
            let run = try await desk.run("dead \(command) \(target) --yes")
            #expect(run.code == 3, "\(target)")
            #expect(run.error.contains("no dead job belongs to nosuch") && run.error.contains("pond dead list"))
        }
        // All of nothing is nothing, and no mistake.
        #expect(try await Desk().run("dead \(command) --all --yes").code == 0)
    }

    @Test(arguments: [
        "dead retry --all", "dead retry --cause failed", "dead discard --all", "dead discard --cause failed",
    ])
    func `many are changed only after a yes`(command: String) async throws {
        let desk = try Desk()
        let queue = try await graveyard(desk, ["failed": 3])
        let run = try await desk.run(command)
        #expect(run.code == 2)
        #expect(run.error.contains("3 dead jobs in 1 queue (emails 3)") && run.error.contains("--yes"))
        #expect(try await queue.depth().dead == 3)
        #expect(try await desk.run(command + " --yes").code == 0)
        #expect(try await queue.depth().dead == 0)
        #expect(try await queue.depth().ready == (command.contains("retry") ? 3 : 0))
    }

    @Test func `one that is discarded needs a yes as well`() async throws {
        let desk = try Desk()
        let queue = try await graveyard(desk, ["failed": 1])
        let id = try #require(try await queue.dead().first?.id)
        #expect(try await desk.run("dead discard \(id)").code == 2)
        #expect(try await desk.run("dead discard \(id) --yes").output == "discarded 1 dead job\n")
    }

    @Test func `more than a batch of one cause is sent back, and no other`() async throws {
        let desk = try Desk()
        let queue = try await graveyard(desk, ["failed": 1_100, "timeout": 7])
        let json = try await desk.run("dead retry --cause failed --yes --json").json()
        #expect(json["planned"] == .number(1_100) && json["retried"] == .number(1_100))
        #expect(try await queue.depth().dead == 7)
    }

    @Test func `a job that cannot run is named, and the others are sent back`() async throws {
        let desk = try Desk()
        let queue = try await graveyard(desk, ["failed": 2, "malformed": 1])
        let run = try await desk.run("dead retry --all --yes")
        #expect(run.code == 4)
        #expect(run.output == "retried 2 dead jobs\n")
        #expect(run.error.contains("a malformed entry cannot run; discard it"))
        #expect(try await queue.depth().ready == 2)
    }

    @Test func `nothing to do is no failure`() async throws {
        let desk = try Desk()
        _ = try await desk.queue()
        #expect(try await desk.run("dead retry --all").output == "retried 0 dead jobs\n")
    }

    @Test(arguments: ["dead retry", "dead retry 1-1 --all", "dead discard --all --cause x", "dead list --limit 0"])
    func `a selection that says nothing, or two things, is refused`(command: String) async throws {
        #expect(try await Desk().run(command).code == 2)
    }

    @Test func `what is shown of a dead job is all that is kept`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        try await desk.command("XADD", .text(queue.keys.ready(.normal)), "7-7", "junk", "1")
        try await queue.buryAll(cause: "malformed", error: "line one\nline two")
        let output = try await desk.run("dead show 7-7").output
        #expect(output.contains("junk") && output.contains("line one\nline two"))
        let id = try await queue.enqueue()
        #expect(try await desk.run("dead show \(id)").code == 5)
    }
}
