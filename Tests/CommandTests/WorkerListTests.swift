import PondTestKit
import Testing

/// `pond worker list`, which `pond why` recommends.
@Suite(.redis) struct WorkerListTests {
    @Test func `the workers of a queue are listed with what they do`() async throws {
        let desk = try Desk()
        let about = #"{"state":"working","slots":4,"running":1,"kinds":["email.send","*"],"kindsTotal":3}"#
        _ = try await desk.queue("emails").livingWorker("host-1", about: about)
        _ = try await desk.queue("other").livingWorker("host-2")
        let run = try await desk.run("worker list emails")
        #expect(run.code == 0)
        #expect(run.output.contains("LAST HEARTBEAT"))
        let row = run.output.split(separator: "\n").last?.split(separator: " ").joined(separator: " ")
        #expect(row?.hasPrefix("emails host-1 ") == true && !run.output.contains("host-2"))
        #expect(row?.hasSuffix("working 1 4 email.send, every kind and 1 more") == true, "\(run.output)")
        let all = try await desk.run("worker list --json").json()
        #expect(all["kind"] == .string("WorkerList"))
        #expect(all.items.map { $0["queue"]?.text } == ["emails", "other"])
        #expect(all.items.first?["alive"] == .bool(true))
    }

    @Test func `a queue that is not there is an error, and one without workers is none`() async throws {
        let desk = try Desk()
        _ = try await desk.queue("idle")
        #expect(try await desk.run("worker list nosuch").code == 3)
        let idle = try await desk.run("worker list idle")
        #expect(idle.code == 0 && idle.error.contains("no worker serves queue idle"))
    }

    @Test func `without a word behind it the command runs a worker, and its help is that of the run`() async throws {
        let help = try await Desk().run("worker --help")
        #expect(help.code == 0 && help.output.contains("--exec-once"))
        let wrong = try await Desk().run("worker --slots 0")
        #expect(wrong.code == 2 && wrong.error.contains("slots is 0"))
    }
}
