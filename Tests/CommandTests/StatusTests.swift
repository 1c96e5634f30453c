import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct StatusTests {
    private func desk() throws -> Desk { try Desk() }

    @Test func `no queue is no failure`() async throws {
        let run = try await desk().run("status")
        #expect(run.code == 0)
        #expect(run.output.hasPrefix("No queue is known yet"))
    }

    @Test func `all is well when workers keep up`() async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        _ = try await queue.livingWorker()
        let run = try await desk.run("status")
        #expect(run.output.hasPrefix("All well: 1 queue, 1 worker, nothing waits."), "\(run.output)")
        #expect(run.error.isEmpty)
    }

    @Test func `a worker of two queues is one worker`() async throws {
        let desk = try desk()
        for name in ["a", "b"] { _ = try await desk.queue(name).livingWorker() }
        #expect(try await desk.run("status").output.hasPrefix("All well: 2 queues, 1 worker, nothing waits."))
    }

    @Test func `jobs that no worker serves come first`() async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        for _ in 0..<3 { _ = try await queue.enqueue() }
        let run = try await desk.run("status --json")
        let json = try run.json()
        #expect(json["verdict"]?.text == "3 jobs wait in emails and no worker serves it.")
        #expect(json["health"] == "unserved")
        #expect(json.items.first?["ready"] == .number(3))
        #expect(run.code == 0)
    }

    @Test func `jobs in flight without a worker are told`() async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        _ = try await queue.enqueue()
        // Fetched by a consumer that never beats.
        _ = try await queue.fetch(as: Consumer("ghost"), atMost: 1)
        let verdict = try await desk.run("status --json").json()["verdict"]?.text
        #expect(verdict == "1 job is in flight in emails and no worker is alive to take over.")
    }

    @Test func `a paused queue says why`() async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        _ = try await queue.enqueue()
        _ = try await queue.livingWorker()
        try await queue.pause(reason: "maintenance")
        let run = try await desk.run("status")
        #expect(run.output.hasPrefix("1 job waits in emails, which is paused (maintenance)."), "\(run.output)")
        #expect(run.output.contains("paused: maintenance"))
    }

    @Test func `a queue whose jobs wait for long is behind`() async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        let long = try await queue.depth().now.milliseconds - 7_200_000
        try await desk.command("XADD", .text(queue.keys.ready(.normal)), .text("\(long)-1"), "kind", "a")
        _ = try await queue.livingWorker()
        let output = try await desk.run("status").output
        #expect(output.hasPrefix("emails is behind: 1 job waits, the oldest for 2h00m, with 1 worker."), "\(output)")
    }

    @Test func `a key of another type is a fault, and the other queues are shown`() async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        _ = try await desk.queue("thumbs").livingWorker()
        try await desk.command("DEL", .text(queue.keys.ready(.high)))
        try await desk.command("SET", .text(queue.keys.ready(.high)), "oops")
        let run = try await desk.run("status")
        #expect(run.code == 0)
        #expect(run.output.hasPrefix("1 queue has a fault: the key \(queue.keys.ready(.high)) is of another type."))
        #expect(run.output.contains("thumbs"))
    }

    @Test func `only the queues that were named are shown`() async throws {
        let desk = try desk()
        for name in ["a", "b", "c"] { _ = try await desk.queue(name) }
        let json = try await desk.run("status --json --queue a --queue c").json()
        #expect(json.items.compactMap { $0["queue"]?.text } == ["a", "c"])
    }

    @Test func `queue list and queue get show the same numbers`() async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        _ = try await queue.enqueue()
        _ = try await queue.livingWorker(about: #"{"state":"working","slots":4,"running":0,"jobs":[]}"#)
        let list = try await desk.run("queue list --json").json()
        #expect(list.items.first?["ready"] == .number(1))
        let get = try await desk.run("queue get emails --json").json()
        #expect(get.items.first?["ready"] == .number(1))
        #expect(get["workers"]?[0]?["slots"] == .number(4))
        #expect(try await desk.run("queue get emails").output.contains("working"))
    }

    @Test func `pause and resume are heard by the queue and say what happens`() async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        #expect(try await desk.run(["queue", "pause", "emails", "--reason", "a b"]).code == 0)
        #expect(try await queue.pauseReason() == "a b")
        #expect(try await queue.depth().isPaused)
        #expect(try await desk.run("queue resume emails").output.hasPrefix("resumed emails"))
        #expect(try await !queue.depth().isPaused)
        #expect(try await desk.run("queue resume emails").output == "emails was not paused\n")
    }

    @Test(arguments: ["queue get", "queue pause", "queue resume"])
    func `a queue that nobody uses is not found`(command: String) async throws {
        let desk = try desk()
        _ = try await desk.queue()
        let run = try await desk.run("\(command) emial")
        #expect(run.code == 3)
        #expect(run.error == "error: there is no queue emial\n  next: known are emails\n")
    }
}
