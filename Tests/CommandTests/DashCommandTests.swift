import PondTestKit
import Testing

/// `pond dash` off a terminal, run as a program.
@Suite(.redis) struct DashCommandTests {
    @Test func `once, a line a queue`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        _ = try await queue.livingWorker()
        for _ in 0..<3 { _ = try await queue.enqueue() }
        _ = try await desk.queue("images")
        let run = try await desk.run("dash --once")
        #expect(run.code == 0 && run.error.isEmpty)
        let lines = run.output.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0].contains(" emails ready=3 in_flight=0 held=0 dead=0 oldest="))
        #expect(lines[0].hasSuffix(" target=- in=0/s out=0/s workers=1"))
        #expect(lines[1].contains(" images ready=0 "))
        #expect(try await desk.run("dash --once --queue images").output.split(separator: "\n").count == 1)
    }

    @Test func `as JSON, one document a look`() async throws {
        let desk = try Desk()
        _ = try await desk.queue().enqueue()
        let json = try await desk.run("dash --once --json").json()
        #expect(json["kind"] == "Dash" && json.items.count == 1)
        #expect(json.items[0]["queue"] == "emails" && json.items[0]["ready"] == .number(1))
        #expect(json.items[0]["arrivals_per_second"] == .number(0) && json["fleet"] == .null)
    }

    @Test func `a server that is not there, and a fleet that is not there, are told`() async throws {
        let away = try await Desk(url: "unix:///tmp/no-such-redis.sock").run("dash --once")
        #expect(away.code == 6 && away.output.isEmpty)
        let run = try await Desk().run("dash --once --fleet nobody")
        #expect(run.code == 3 && run.error.contains("there is no fleet nobody"))
        #expect(try await Desk().run("dash --every 1ms").code == 2)
    }

    @Test func `with no queue the line says how one begins`() async throws {
        let run = try await Desk().run("dash --once")
        #expect(run.code == 0 && run.output.hasPrefix("No queue is known yet"))
    }
}
