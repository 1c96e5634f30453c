import Millpond
import PondScaling
import PondSupervisor
import Testing

@testable import pond

/// What a fleet's file may say, and what it is told when it does not fit.
@Suite struct FleetFileTests {
    private func parse(_ text: String) throws -> ScaledFleetConfiguration {
        let own = PoolConfiguration(
            queue: "default",
            command: WorkerCommand(
                executable: "/bin/pond",
                arguments: ["worker"],
                environment: ["MILLPOND_REDIS_URL": "redis://here"]
            )
        )
        return try FleetFile.parse(text, named: "millpond.yaml", own: own).configuration
    }

    private func refusal(_ text: String) throws -> CommandFailure {
        try #require(throws: CommandFailure.self) { try parse(text) }
    }

    @Test func `limits and the kinds that need them are read with the rest`() throws {
        let text = """
            limits:
              openai: 60/m burst 10, 8 at a time
              tenant:{tenant}: 5/s
            queues:
              agents:
                limited_by: { llm.complete: "openai, tenant:{tenant}" }
            """
        let own = PoolConfiguration(queue: "default", command: WorkerCommand(executable: "/bin/pond"))
        let file = try FleetFile.parse(text, named: "millpond.yaml", own: own)
        #expect(file.limits.map { "\($0.name) \($0.spec)" } == ["openai 60/m burst 10, 8 at a time", "tenant:* 5/s"])
        #expect(file.configuration.pools[0].limitedBy == ["llm.complete": "openai,tenant:{tenant}"])
        #expect(
            try refusal("limits: { openai: 60/w }").message.contains("millpond.yaml:1: limits.openai: limit \"60/w\"")
        )
        let wrong = "queues: { a: { limited_by: { b: a b } } }"
        #expect(try refusal(wrong).message.contains("queues.a.limited_by.b: limit name \"a b\" is not allowed"))
    }

    @Test func `a whole file means what it says`() throws {
        let fleet = try parse(
            """
            fleet: main
            max_workers: 16
            command: [mailer, worker]
            interval: 1s
            lease: 8s
            lead: false
            host: { max_workers: 8, workers_per_core: 4, memory_reserve: 512MB, cpu_pressure_max: 0.5 }
            queues:
              emails:
                wait_target: 10s
                min: 1
                max: 8
                reserve: 2
                slots: 5
                service_time: 1s500ms
                idle_to_zero: 5m
                worker_memory: 1GB
                worker_jobs: 1000
              reports:
                wait_target: 10m
                command: python3 -m reports
              thumbs:
            """
        )
        #expect((fleet.name, fleet.workersMax, fleet.mayLead) == ("main", 16, false))
        #expect((fleet.interval, fleet.lease) == (.seconds(1), .seconds(8)))
        #expect((fleet.host.workersMax, fleet.host.workersPerCore, fleet.host.memoryReserve) == (8, 4, 512 << 20))
        #expect(fleet.pools.map(\.queue) == ["emails", "reports", "thumbs"])
        let emails = fleet.pools[0]
        #expect(emails.policy.waitTarget == .seconds(10))
        #expect((emails.policy.workersMin, emails.policy.workersMax, emails.policy.reserve) == (1, 8, 2))
        #expect((emails.policy.slots, emails.policy.weight) == (5, 4))
        #expect(emails.policy.serviceTimeGuess == .milliseconds(1_500))
        #expect((emails.memoryMax, emails.jobsMax) == (1 << 30, 1_000))
        #expect((emails.command.executable, emails.command.arguments) == ("mailer", ["worker"]))
        #expect(fleet.pools.allSatisfy { $0.command.environment == ["MILLPOND_REDIS_URL": "redis://here"] })
        #expect(fleet.pools[1].command.arguments == ["-m", "reports"])
        #expect(fleet.pools[1].policy.weight == 1)
        // What a queue does not say, its fleet says; what the fleet does not say is usual.
        #expect((fleet.pools[2].policy.workersMax, fleet.pools[2].policy.weight) == (16, 2))
        #expect(fleet.pools[2].policy.waitTarget == .seconds(60))
    }

    @Test func `the file in the docs is one that can be read`() throws {
        let page = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/docs/autoscaling.md"
        let text = String(decoding: try BoundedFile.read(page, atMost: 1 << 20), as: UTF8.self)
        let rest = try #require(text.split(separator: "\n```yaml\n").dropFirst().first)
        let block = try #require(rest.split(separator: "\n```\n").first)
        let fleet = try parse(String(block))
        #expect(fleet.pools.map(\.queue) == ["emails", "reports"])
    }

    @Test func `a misspelt name is refused with the one that was meant`() throws {
        let failure = try refusal("max_workers: 3\nqueues:\n  emails:\n    wait_taget: 10s\n")
        #expect(failure.message == "millpond.yaml:4: queues.emails.wait_taget is not known")
        #expect(failure.hint == "did you mean queues.emails.wait_target?")
        #expect(failure.exitCode == .usage)
        #expect(try refusal("max_worker: 3\nqueues: { a: {} }").hint == "did you mean max_workers?")
        #expect(try refusal("something_else_entirely: 3").hint?.hasPrefix("known are fleet, max_workers") == true)
    }

    @Test(arguments: [
        ("max_workers: many\nqueues: { a: {} }", "max_workers is \"many\", expected a whole number"),
        ("max_workers: -1\nqueues: { a: {} }", "max_workers is \"-1\", expected a whole number"),
        ("queues: { a: { wait_target: soon } }", "queues.a.wait_target is \"soon\", expected a duration"),
        ("queues: { a: { wait_target: 0s } }", "queue a: "),
        ("queues: { a: { min: 5, max: 2 } }", "queue a: "),
        ("queues: { a: { worker_memory: 5 parsecs } }", "expected a size, as in 512MB"),
        ("host: { cpu_pressure_max: 60 }\nqueues: { a: {} }", "expected a share from 0 to 1"),
        ("lead: maybe\nqueues: { a: {} }", "lead is \"maybe\", expected true or false"),
        ("queues: [a, b]", "queues must be queue names"),
        ("queues: {}", "the fleet has no queue"),
        ("max_workers: 3", "the fleet has no queue"),
        ("max_workers: 0\nqueues: { a: {} }", "max_workers is 0"),
        ("max_workers: 3\nqueues: { a: { min: 2 }, b: { min: 2 } }", "add up to 4 workers"),
        ("command: []\nqueues: { a: {} }", "command must be a program and its arguments"),
        ("command: [a, [b]]\nqueues: { a: {} }", "command must be a program and its arguments"),
        ("interval: 1s\nlease: 2s\nqueues: { a: {} }", "lease is"),
        ("just a text", "the file is no list of names and values"),
        ("", "it is empty"),
        ("queues: { a: { min: 1", "millpond.yaml:2:1: did not find"),
        ("queues:\n  a: {}\n\tb: {}\n", "millpond.yaml:3:1: found character"),
        ("queues:\n  a: {}\n  a: {}\n", "given twice"),
    ])
    func `what does not fit is refused by its name and its line`(text: String, expected: String) throws {
        let failure = try refusal(text)
        #expect(failure.message.contains(expected), "\(failure.message)")
        #expect(failure.message.hasPrefix("millpond.yaml"))
        #expect(!failure.message.contains("\n"))
        #expect(failure.exitCode == .usage)
    }

    @Test func `a document of aliases that would grow without end is no trouble`() throws {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            let items = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(items)]\n"
        }
        let start = ContinuousClock.now
        #expect(try refusal(text).message.contains("a0 is not known"))
        // Nine to the ninth values would take hours.
        #expect(start.duration(to: .now) < .seconds(60))
    }

    @Test(arguments: [
        ("wait_taget", "wait_target", 1), ("", "abc", 3), ("abc", "abc", 0), ("ab", "ba", 1), ("mni", "min", 1),
    ])
    func `words are as far apart as there are slips between them`(first: String, second: String, distance: Int) {
        #expect(NearMiss.distance(first, second) == distance)
    }

    @Test(arguments: [("512MB", 512 << 20), ("1gb", 1 << 30), ("64KiB", 64 << 10), ("7", 7), ("9B", 9)])
    func `sizes are read as people write them`(text: String, bytes: Int) {
        #expect(ByteSize(text)?.bytes == Int64(bytes))
    }

    @Test(arguments: ["", "MB", "1.5GB", "-1MB", "1TB", "99999999999999MB", "1 MB"])
    func `what is no size is none`(text: String) {
        #expect(ByteSize(text) == nil)
    }
}
