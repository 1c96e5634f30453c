import PondCore
import PondQueue
import PondTelemetry
import PondTestKit
import Testing

/// `pond slo`, run as a program.
@Suite(.redis) struct SLOCommandTests {
    @Test func `without jobs it says so, and misses nothing`() async throws {
        let desk = try Desk()
        _ = try await desk.queue()
        let run = try await desk.run("slo --check")
        #expect(run.code == 0)
        #expect(run.output == "No job of any class has ended in the last 30 days, and none is late.\n")
    }

    @Test func `a death shows as a missed objective, and as code 8 for a check`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        _ = try await queue.enqueue()
        try await queue.buryAll()
        let shown = try await desk.run("slo --queue emails --class b --window 1h")
        #expect(shown.code == 0)
        #expect(shown.output.contains("emails  B      success"))
        let checked = try await desk.run("slo --check")
        #expect(checked.code == 8)
        #expect(checked.error == "missed in the last 1d00h: emails B (wait, success)\n")
        let json = try await desk.run("slo --json --check")
        #expect(json.code == 8 && json.error.isEmpty)
        let document = try json.json()
        #expect(document["kind"]?.text == "ServiceLevels" && document["met"] == .bool(false))
        let promises = try #require(document.items.first?["promises"])
        #expect(promises[2]?["promise"]?.text == "success" && promises[2]?["bad"] == .number(1))
        #expect(promises[2]?["budget_gone_in"] == .number(0))
    }

    @Test func `a promise is set in parts and shown`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        let run = try await desk.run("slo set --queue emails --class B --wait 30s --objective 99.9")
        #expect(run.code == 0)
        #expect(
            run.output
                == "emails B: 99.9% begin within 30s and end within 5m, 99.5% end well; jobs without a class are B\n"
        )
        _ = try await desk.run("slo set --queue emails --class B --success 90 --as-default")
        let promises = try await queue.serviceLevels(over: []).promises
        #expect(promises.target(of: .b).wait == .seconds(30) && promises.target(of: .b).success == 0.9)
        let back = try await desk.run("slo set --queue emails --class B --standard --json")
        #expect(try back.json()["wait"] == .number(60))
        #expect(try await queue.serviceLevels(over: []).promises.targets.isEmpty)
    }

    @Test(arguments: [
        "slo --window 31d", "slo --window 10s", "slo --class E", "slo set --queue emails --class B",
        "slo set --queue emails --class B --objective 100", "slo set --queue emails --class B --wait 8d",
    ])
    func `what cannot be promised is a wrong command line`(line: String) async throws {
        let run = try await Desk().run(line)
        #expect(run.code == 2 && run.output.isEmpty)
    }

    @Test func `an unknown queue is not found`() async throws {
        let run = try await Desk().run("slo --queue nowhere")
        #expect(run.code == 3)
    }
}
