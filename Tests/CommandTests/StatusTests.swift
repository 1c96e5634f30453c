import FoundationEssentials
import PondCore
import PondInsight
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
        let verdict = json["verdict"]?.text
        #expect(
            verdict == "3 jobs wait in emails and no worker serves it → `pond worker --queue emails --exec COMMAND`"
        )
        #expect(json["health"] == "unserved")
        #expect(json.items.first?["ready"] == .number(3))
        #expect(run.code == 0)
    }

    @Test func `only the queues in which jobs wait are named`() async throws {
        let desk = try desk()
        _ = try await desk.queue("waits").enqueue()
        let other = try await desk.queue("runs")
        _ = try await other.enqueue()
        _ = try await other.fetch(as: Consumer("ghost"), atMost: 1)
        let verdict = try await desk.run("status --json").json()["verdict"]?.text
        #expect(verdict?.hasPrefix("1 job waits in waits and no worker serves it → ") == true, "\(verdict ?? "")")
    }

    @Test func `the command is for a queue in which jobs wait, though more are in flight in another`() async throws {
        let desk = try desk()
        let other = try await desk.queue("runs")
        for _ in 0..<2 { _ = try await other.enqueue() }
        _ = try await other.fetch(as: Consumer("ghost"), atMost: 2)
        _ = try await desk.queue("waits").enqueue()
        let verdict = try await desk.run("status --json").json()["verdict"]?.text
        #expect(
            verdict == "1 job waits in waits and no worker serves it → `pond worker --queue waits --exec COMMAND`"
        )
    }

    @Test func `jobs in flight without a worker are told`() async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        _ = try await queue.enqueue()
        // Fetched by a consumer that never beats.
        _ = try await queue.fetch(as: Consumer("ghost"), atMost: 1)
        let verdict = try await desk.run("status --json").json()["verdict"]?.text
        #expect(verdict?.hasPrefix("1 job is in flight in emails and no worker is alive to take over → ") == true)
    }

    @Test func `a paused queue says why`() async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        _ = try await queue.enqueue()
        _ = try await queue.livingWorker()
        try await queue.pause(reason: "maintenance")
        let run = try await desk.run("status")
        #expect(run.output.hasPrefix("1 job waits in emails, which is paused (maintenance) → "), "\(run.output)")
        #expect(run.output.contains("`pond queue resume emails`"))
        #expect(run.output.contains("paused: maintenance"))
    }

    @Test func `a queue whose jobs wait for long is behind`() async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        let long = try await queue.depth().now.milliseconds - 7_200_000
        try await desk.command("XADD", .text(queue.keys.ready(.normal)), .text("\(long)-1"), "kind", "a")
        _ = try await queue.livingWorker()
        let output = try await desk.run("status").output
        #expect(output.hasPrefix("emails is behind: 1 job waits, the oldest for 2h00m, with 1 worker → "), "\(output)")
    }

    @Test func `a key of another type is a fault, and the other queues are shown`() async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        _ = try await desk.queue("thumbs").livingWorker()
        try await desk.command("DEL", .text(queue.keys.ready(.high)))
        try await desk.command("SET", .text(queue.keys.ready(.high)), "oops")
        let run = try await desk.run("status")
        #expect(run.code == 0)
        #expect(
            run.output.hasPrefix(
                "1 queue has a fault: the key \(queue.keys.ready(.high)) is of another type → `pond doctor`"
            )
        )
        #expect(run.output.contains("thumbs"))
    }

    @Test(arguments: [":keys:live", ":keys", ":started", ":load", ":results", ":groups", ":audit"])
    func `a key that only some jobs need is a fault too, and the workers are counted`(suffix: String) async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        _ = try await queue.livingWorker()
        let key = queue.keys.base + suffix
        try await desk.command("DEL", .text(key))
        try await desk.command("SET", .text(key), "x")
        let json = try await desk.run("status --json").json()
        #expect(json["health"] == "fault")
        #expect(json["verdict"]?.text?.contains("the key \(key) is of another type") == true)
        #expect(json.items.first?["workers"] == .number(1) && json.items.first?["state"] == "fault")
    }

    @Test func `only the queues that were named are shown`() async throws {
        let desk = try desk()
        for name in ["a", "b", "c"] { _ = try await desk.queue(name) }
        let json = try await desk.run("status --json --queue a --queue c").json()
        #expect(json.items.compactMap { $0["queue"]?.text } == ["a", "c"])
    }

    @Test func `dead jobs are told of, with what to do, and --check ends with 8`() async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        for _ in 0..<4 { _ = try await queue.enqueue() }
        try await queue.buryAll()
        let run = try await desk.run("status")
        #expect(run.output.hasPrefix("4 jobs are dead in emails → `pond dead groups --queue emails`"), "\(run.output)")
        #expect(run.code == 0)
        #expect(try await desk.run("status --check").code == 8)
        #expect(try await desk.run("status --json").json()["health"] == "dead")
    }

    @Test func `--check ends with 0 when all is well`() async throws {
        let desk = try desk()
        _ = try await desk.queue().livingWorker()
        #expect(try await desk.run("status --check").code == 0)
        #expect(try await desk.run("status --check --watch").code == 2)
    }

    @Test func `dead jobs that were thrown away are worse than those that are kept`() async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        _ = try await queue.enqueue()
        try await queue.buryAll()
        try await desk.command("HSET", .text(queue.keys.meta), "dropped", "501")
        let json = try await desk.run("status --json").json()
        #expect(json["health"] == "dropped")
        let verdict = json["verdict"]?.text ?? ""
        #expect(verdict.hasPrefix("501 dead jobs were thrown away in emails"), "\(verdict)")
        #expect(verdict.contains("Also: 1 job is dead in emails"), "\(verdict)")
        #expect(json["concerns"]?.count == 2)
    }

    @Test func `dead jobs that may be thrown away are no concern, and a queue that its dead have paused says so`()
        async throws
    {
        let desk = try desk()
        let queue = try await desk.queue()
        _ = try await queue.livingWorker()
        try await desk.command("HSET", .text(queue.keys.meta), "dropped", "501", "dead_overflow", "drop")
        #expect(try await desk.run("status --check").code == 0)
        #expect(try await desk.run("doctor").code == 0)
        try await queue.pause(reason: "dead_full")
        #expect(try await desk.run("status").output.contains("→ `pond dead groups --queue emails`"))
        #expect(try await desk.run("doctor").output.contains("it has paused itself"))
    }

    @Test func `jobs that expired before they began are told of`() async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        let worker = try await queue.livingWorker()
        for _ in 0..<3 {
            var options = EnqueueOptions()
            options.expires = ServerTime(milliseconds: 1_500_000_000_000)
            _ = try await queue.enqueue(
                NewJob(kind: try JobKind("email.send"), data: Array("{}".utf8), options: options)
            )
        }
        let deliveries = try await queue.fetch(as: worker, atMost: 10).deliveries
        let settlements = try deliveries.map {
            Settlement(receipt: $0.receipt, id: try $0.job.get().id, outcome: .expired)
        }
        _ = try await queue.settle(settlements, as: worker)
        let output = try await desk.run("status").output
        #expect(output.hasPrefix("3 of the last 3 jobs of emails expired before they began"), "\(output)")
    }

    @Test func `a queue that is in no list is shown, and its jobs count as unserved`() async throws {
        let desk = try desk()
        _ = try await desk.queue().livingWorker()
        for _ in 0..<2 { try await desk.command("XADD", .text("\(desk.prefix):{mails}:ready"), "*", "kind", "a") }
        let run = try await desk.run("status")
        #expect(run.output.hasPrefix("2 jobs wait in mails and no worker serves it"), "\(run.output)")
        #expect(run.output.contains("no worker, and in no list"))
        let items = try await desk.run("status --json").json().items
        #expect(items.map { $0["listed"] } == [.bool(true), .bool(false)])
    }

    @Test func `jobs where no worker can read them are told of`() async throws {
        let desk = try desk()
        _ = try await desk.queue().livingWorker()
        try await desk.command("XADD", .text("\(desk.prefix):emails:ready"), "*", "kind", "a")
        let output = try await desk.run("status").output
        #expect(output.hasPrefix("1 job lies in \(desk.prefix):emails:ready, where no worker looks"), "\(output)")
    }

    @Test func `a worker that stopped fetching by itself is told of, with the cause`() async throws {
        let desk = try desk()
        let about = #"{"state":"working","slots":4,"brake":{"cause":"exit_127","since_ms":1,"count":20}}"#
        _ = try await desk.queue().livingWorker(about: about)
        let run = try await desk.run("status")
        #expect(run.output.hasPrefix("1 worker of emails stopped fetching: the last 20 jobs"), "\(run.output)")
        #expect(run.output.contains("exit_127"))
        #expect(
            try await desk.run("doctor --json").json().items.contains { $0["text"]?.text?.contains("exit_127") == true }
        )
    }

    @Test func `a worker is alive as long as its own lease says`() async throws {
        let desk = try desk()
        let queue = try await desk.queue()
        _ = try await queue.enqueue()
        let beat = try await queue.beat(as: Consumer("slow"), about: #"{"lease_ms":60000}"#)
        let before = beat.now.advanced(by: .seconds(-20)).milliseconds
        try await desk.command("ZADD", .text(queue.keys.beats), .integer(before), "slow")
        let json = try await desk.run("status --json").json()
        #expect(json.items.first?["workers"] == .number(1) && json["health"] == "ok")
        #expect(try await desk.run("doctor").code == 0)
        #expect(try await !desk.run("queue get emails").output.contains("lost"))
    }

    @Test func `a user who may not walk through the keys sees the status all the same`() async throws {
        let users = ["user default on nopass ~* &* +@all", "user weak on >pw ~* +@all -scan -info"]
        try await RedisServer.withServer(.init(aclUsers: users)) { server in
            let desk = try Desk(server, url: server.url.replacing("unix://", with: "unix://weak:pw@"))
            _ = try await desk.queue().livingWorker()
            let run = try await desk.run("status --check")
            #expect(run.code == 0 && run.output.hasPrefix("All well"), "\(run.output)\(run.error)")
            #expect(try await desk.run("why 1-1").code == 3)
        }
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

/// What `--json` prints is what the values of PondInsight say of themselves, so that a console serves the same.
@Suite(.redis) struct RecordTests {
    private func decoded<Value: Codable & Equatable>(_ line: String, on desk: Desk) async throws -> Value {
        let output = Data(try await desk.run(line + " --json").output.utf8)
        let value = try JSONDecoder().decode(Value.self, from: output)
        #expect(try JSONDecoder().decode(Value.self, from: JSONEncoder().encode(value)) == value, "\(line)")
        return value
    }

    @Test func `status, doctor, why and the dead are read back as they were written`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        for _ in 0..<3 { _ = try await queue.enqueue() }
        try await queue.buryAll()
        let waiting = try await queue.enqueue()
        let status: StatusReport = try await decoded("status", on: desk)
        #expect(status.queues.first?.dead == 3 && status.queues.first?.ready == 1)
        #expect(status.concerns.map(\.kind) == [.dead])
        let doctor: DoctorReport = try await decoded("doctor", on: desk)
        #expect(doctor.findings.count > 5)
        let why: WhyAnswer = try await decoded("why emails/\(waiting)", on: desk)
        #expect(why.jobs.map(\.id) == [waiting] && why.jobs.first?.actions.isEmpty == false)
        let dead: DeadListing = try await decoded("dead list", on: desk)
        #expect(dead.total == 3 && dead.jobs.count == 3 && dead.jobs.first?.died != nil)
        let groups: DeadGroupListing.Record = try await decoded("dead groups", on: desk)
        #expect(groups.groups.map(\.dead) == [3])
        #expect(try await desk.run("dead resolve \(groups.groups[0].group)").code == 0)
        let audit: DeadAudit = try await decoded("dead audit", on: desk)
        #expect(audit.items.map(\.action) == ["resolve"])
    }
}
