import FoundationEssentials
import PondCore
import PondFleet
import PondQueue
import PondRedis
import PondScaling
import PondTestKit
import Testing

/// `pond scale` and `pond fleet`, run as programs.
@Suite(.redis) struct ScaleTests {
    /// A fleet that has decided about two queues.
    private func fleet(_ desk: Desk, _ name: String = "default") async throws -> FleetStore {
        let store = try desk.pond.fleet(name)
        try await store.register()
        let report = HostReport(
            id: "host-1",
            workersMax: 8,
            pools: ["emails": PoolReport(running: 3, starting: 1), "images": PoolReport(running: 1)]
        )
        let status = HostStatus(
            report: report,
            cores: 2,
            memoryAvailable: 4 << 30,
            cpuPressure: 0.25,
            configuration: "c"
        )
        let answer = try await store.beat(as: "host-1", status, lease: .seconds(60), isWilling: true)
        var emails = ScalingDecision(
            queue: "emails",
            at: answer.now,
            token: answer.token,
            from: 3,
            to: 6,
            demand: 6,
            wanted: 6
        )
        (emails.waiting, emails.serviceTime, emails.waitTarget, emails.arrivalRate) = (41, 1.2, 10, 14)
        (emails.workersMin, emails.workersMax, emails.slots) = (1, 8, 4)
        var images = ScalingDecision(
            queue: "images",
            at: answer.now,
            token: answer.token,
            from: 1,
            to: 1,
            demand: 9,
            wanted: 1
        )
        (images.limit, images.workersMax) = (.fleet, 9)
        let plan = FleetPlan(
            token: answer.token,
            at: answer.now,
            hosts: ["host-1": ["emails": 6, "images": 1]],
            decisions: ["emails": emails, "images": images]
        )
        _ = try await store.publish(plan, memory: FleetScaler(), worthKeeping: [emails, images], as: "host-1")
        return store
    }

    @Test func `without a fleet it says how one begins`() async throws {
        let run = try await Desk().run("scale explain")
        #expect(run.code == 3)
        #expect(run.error.contains("there is no fleet default"))
        #expect(run.error.contains("pond supervise"))
    }

    @Test func `explain says the sentence and the numbers behind it`() async throws {
        let desk = try Desk()
        _ = try await fleet(desk)
        let run = try await desk.run("scale explain emails")
        #expect(run.code == 0)
        #expect(run.output.contains("emails 3→6"), "\(run.output)")
        #expect(run.output.contains("no job waits longer than 10s"))
        #expect(run.output.contains("14 jobs/s, each takes 1.2s"))
        let json = try await desk.run("scale explain --json").json()
        #expect(json["kind"] == "ScalingDecisions")
        #expect(json.items.count == 2)
        #expect(json.items[1]["limiting_factor"] == "fleet")
        #expect(json.items[0]["waiting"] == .number(41))
    }

    @Test func `a queue that the fleet does not have is told with those it has`() async throws {
        let desk = try Desk()
        _ = try await fleet(desk)
        let run = try await desk.run("scale explain nosuch")
        #expect(run.code == 3)
        #expect(run.error.contains("its queues are emails, images"))
    }

    @Test func `with several fleets one has to be named`() async throws {
        let desk = try Desk()
        _ = try await fleet(desk, "one")
        _ = try await fleet(desk, "two")
        let run = try await desk.run("fleet")
        #expect(run.code == 2)
        #expect(run.error.contains("--fleet: one, two"))
        #expect(try await desk.run("fleet --fleet two").code == 0)
    }

    @Test func `fleet shows who leads, what each host has and should have`() async throws {
        let desk = try Desk()
        _ = try await fleet(desk)
        let run = try await desk.run("fleet")
        #expect(run.output.hasPrefix("Fleet default: 4 workers on 1 host, led by host-1."), "\(run.output)")
        #expect(run.output.contains("host-1 (leads)"))
        #expect(run.output.contains("host-1 6"))
        let json = try await desk.run("fleet --json").json()
        #expect(json["leader"] == "host-1")
        #expect(json.items[0]["pools"]?["emails"]?["running"] == .number(3))
        #expect(json.items[0]["plan"]?["emails"] == .number(6))
    }

    @Test func `a fleet that nobody leads any more says that it stays as it is`() async throws {
        let desk = try Desk()
        let store = try await fleet(desk)
        try await store.leave(as: "host-1")
        let run = try await desk.run("scale explain")
        #expect(run.error.contains("Nobody leads the fleet"), "\(run.error)")
        #expect(try await desk.run("fleet --json").json()["stale"] == .bool(true))
    }

    @Test func `workers of a fixed number are shown as such, and nobody is told that there is nothing`() async throws {
        let desk = try Desk()
        let queue = try desk.pond.queue("mails")
        let load = WorkerLoad(slots: 5, busy: .zero, ended: 0, succeeded: 0)
        try await queue.register()
        _ = try await queue.beat(as: Consumer("host-1-abc"), lease: .seconds(60), about: "{}", load: load)
        let run = try await desk.run("fleet")
        #expect(run.code == 0)
        #expect(run.output.contains("Nothing scales here: the number of workers is fixed"))
        #expect(run.output.contains("mails"))
        var explain = try await desk.run("scale explain")
        // On a busy machine the beat may be old before it is looked at.
        _ = try await Waiting.until {
            _ = try await queue.beat(as: Consumer("host-1-abc"), lease: .seconds(60), about: "{}", load: load)
            explain = try await desk.run("scale explain")
            return explain.error.contains("nothing scales")
        }
        #expect(explain.code == 3)
        #expect(explain.error.contains("nothing scales the 1 worker of queue mails"))
    }

    @Test func `a pin that nobody would obey is refused, and one past the maximum says what bounds it`() async throws {
        let desk = try Desk()
        let store = try await fleet(desk)
        let past = try await desk.run("scale pin emails 99")
        #expect(past.code == 0)
        #expect(past.error.contains("99 is past the maximum of 8 that emails has"))
        #expect(past.error.contains("room for 8"))
        try await store.leave(as: "host-1")
        let alone = try await desk.run("scale pin emails 2")
        #expect(alone.code == 5)
        #expect(alone.error.contains("has no host, so nobody would obey the pin"))
        #expect(try await store.view().orders.queues["emails"]?.workers == 99)
    }

    @Test func `a pin is an order with an end, and unpin ends it`() async throws {
        let desk = try Desk()
        let store = try await fleet(desk)
        let run = try await desk.run(["scale", "pin", "emails", "5", "--for", "30m", "--reason", "a sale"])
        #expect(run.code == 0)
        #expect(run.output.contains("emails is kept at 5 workers until "), "\(run.output)")
        let order = try #require(try await store.view().orders.queues["emails"])
        #expect((order.kind, order.workers, order.reason) == (.pin, 5, "a sale"))
        #expect(try await desk.run("fleet").output.contains("order: emails is kept at 5 workers"))
        #expect(try await desk.run("scale unpin emails").code == 0)
        #expect(try await store.view().orders.queues.isEmpty)
        let again = try await desk.run("scale unpin emails")
        #expect(again.code == 3)
        #expect(again.error.contains("emails has no pin"))
    }

    @Test func `a floor lets the load ask for more, and a pause leaves all as it is`() async throws {
        let desk = try Desk()
        let store = try await fleet(desk)
        #expect(try await desk.run("scale pin emails 2 --at-least").output.contains("has at least 2 workers"))
        #expect(try await desk.run("scale pause --for 5m").output.contains("fleet default keeps its size"))
        let orders = try await store.view().orders
        #expect(orders.queues["emails"]?.kind == .floor)
        #expect(orders.fleet?.kind == .pause)
        // Another kind of order is not ended by mistake.
        #expect(try await desk.run("scale resume emails").code == 3)
        #expect(try await desk.run("scale resume").code == 0)
        #expect(try await store.view().orders.fleet == nil)
    }

    @Test func `history tells what changed, oldest first`() async throws {
        let desk = try Desk()
        _ = try await fleet(desk)
        let run = try await desk.run("scale history")
        let emails = try #require(run.output.firstRange(of: "emails 3→6"))
        let images = try #require(run.output.firstRange(of: "images"))
        #expect(emails.lowerBound < images.lowerBound)
        #expect(try await desk.run("scale history images --json").json().items.count == 1)
    }

    @Test(arguments: [
        "scale pin emails -1", "scale pin emails 5 --for 31d", "scale pin emails 5 --for 0s", "scale pin emails",
        "scale history --limit 0", "supervise --config x --workers 2", "supervise --min 3", "supervise --check",
        "supervise --wait-target 5s --workers 2", "supervise --wait-target 5s -- mailer worker",
    ])
    func `a command line that makes no sense is refused`(line: String) async throws {
        let run = try await Desk().run(line)
        #expect(run.code == 2, "\(run.output) \(run.error)")
        #expect(run.output.isEmpty)
    }

    @Test func `a file is checked without starting anything`() async throws {
        let desk = try Desk()
        let run = try await desk.run("supervise --config /nonexistent/millpond.yaml --check")
        #expect(run.code == 2)
        #expect(run.error.contains("/nonexistent/millpond.yaml cannot be read: No such file or directory"))
    }

    @Test func `a file that names a program which this host does not have does not pass its check`() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(RedisServer.uniqueName()).yaml")
        defer { try? FileManager.default.removeItem(at: file) }
        try "command: [/bin/sh]\nqueues:\n  mails: {}\n  texts: { command: [no-such-program] }\n"
            .write(to: file, atomically: true, encoding: .utf8)
        let run = try await Desk().run(["supervise", "--config", file.path, "--check"])
        #expect(run.code == 3)
        #expect(run.error.contains("queue texts cannot have workers: no-such-program: no directory of PATH"))
    }
}
