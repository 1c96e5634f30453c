import PondCore
import PondQueue
import PondTestKit
import Testing

/// `pond tail` and `pond corr`, run as programs.
@Suite(.redis) struct TailTests {
    @Test func `a death is a line with its cause and its error, made safe`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        let id = try await queue.enqueue()
        try await queue.buryAll(cause: "failed", error: "no route\u{1b}[31m\nsecond line")
        let run = try await desk.run("tail --event dead")
        #expect(run.code == 0)
        let line = try #require(run.output.split(separator: "\n").first)
        #expect(line.contains("emails  dead") && line.contains(id.text) && line.contains("failed"))
        #expect(line.contains("no route") && !run.output.contains("\u{1b}") && !run.output.contains("second line"))
        let json = try await desk.run("tail --json --limit 1")
        #expect(try json.json()["event"]?.text == "dead")
        #expect(try json.json()["id"]?.text == id.text)
    }

    @Test func `a queue that is not there is an error`() async throws {
        let desk = try Desk()
        _ = try await desk.queue("emails")
        let run = try await desk.run("tail --queue emials")
        #expect(run.code == 3 && run.error.contains("there is no queue emials"))
        #expect(try await desk.run("tail --queue emails").code == 0)
    }

    @Test func `an event that is none is a wrong command line`() async throws {
        #expect(try await Desk().run("tail --event exploded").code == 2)
        #expect(try await Desk().run("tail --limit -1").code == 2)
    }

    @Test func `without a history the tree has the one job that Redis knows`() async throws {
        let desk = try Desk()
        let id = try await desk.queue().enqueue()
        let run = try await desk.run("corr \(id) --file /nowhere/history.sqlite --ascii")
        #expect(run.code == 0)
        #expect(run.output.contains("email.send") && run.output.contains("emails/\(id)") && run.output.contains("...."))
        #expect(run.error.contains("there is no history at /nowhere/history.sqlite"))
        let json = try await desk.run("corr \(id) --file /nowhere/history.sqlite --json")
        #expect(try json.json().items.first?["state"]?.text == "ready")
        #expect(try await desk.run("corr 1-1 --file /nowhere/history.sqlite").code == 3)
    }
}
