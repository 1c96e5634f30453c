import ArgumentParser
import Logging
import Millpond
import PondCore
import PondSupervisor
import PondWorker
import Testing

@Suite struct ArgumentTests {
    @Test(
        arguments: [
            ("1763900000000", 1_763_900_000_000), ("2026-11-23T15:04:05Z", 1_795_446_245_000),
            ("2026-11-23T16:04:05.250+01:00", 1_795_446_245_250),
        ]
    )
    func `a time is ISO 8601 with a zone, or Unix milliseconds`(text: String, milliseconds: Int64) throws {
        #expect(try ServerTime.argument(text) == ServerTime(milliseconds: milliseconds))
    }

    @Test(arguments: ["", "now", "1763900000", "-1", "2026-11-23", "2026-11-23T15:04:05", "2026-02-30T00:00:00Z"])
    func `anything else is no time`(text: String) {
        #expect(throws: (any Error).self) { try ServerTime.argument(text) }
    }

    @Test(
        arguments: [
            ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64", "7.0"),
            ("Valkey server v=8.1.3 sha=00000000:0", "8.1"), ("Redis server v=10.2.0", "10.2"),
        ]
    )
    func `a server's version is read from what it says`(text: String, version: String) {
        #expect(RedisProgram.version(in: text)?.description == version)
    }

    @Test func `the limits of kinds are given as kind=names, and reach the worker and the workers of a fleet`() throws {
        let words = ["--limited-by", "llm.complete=openai, tenant:{tenant}", "--limited-by", "mail="]
        let options = try WorkerOptions.parse(words)
        let expected = [
            KindLimit(kind: "llm.complete", names: "openai,tenant:{tenant}"), KindLimit(kind: "mail", names: ""),
        ]
        #expect(options.limitedBy == expected)
    }

    @Test(arguments: [
        ("openai", "does not say which limits"), ("a b=openai", "kind \"a b\" is not allowed"),
        ("mail=a b", "limit name \"a b\" is not allowed"), ("mail=a,b,c,d,e", "names 5 limits"),
    ])
    func `limits of a kind that cannot be are refused where they are typed`(word: String, part: String) throws {
        let error = #expect(throws: (any Error).self) { try WorkerOptions.parse(["--limited-by", word]) }
        #expect(WorkerOptions.message(for: try #require(error)).contains(part))
    }

    @Test(arguments: [["--slots", "0"], ["--brake=-1"], ["--prefetch", "9999"], ["--key-window", "1s"]])
    func `what no worker can be given is refused by the option's name`(words: [String]) throws {
        let error = #expect(throws: (any Error).self) { try WorkerOptions.parse(words) }
        let option = words[0].split(separator: "=")[0]
        #expect(WorkerOptions.message(for: try #require(error)).hasPrefix("\(option) is "))
    }

    @Test func `a server that says nothing has no version`() {
        #expect(RedisProgram.version(in: "Redis server version seven") == nil)
    }

    private struct App: MillpondApp {
        struct Nothing: JobHandler {
            static let kind = "nothing"
            func run(_ payload: RawPayload, _ job: JobContext) async throws {}
        }

        static let queue = "own"
        static func configure(_ worker: inout WorkerConfiguration) {
            worker.slots = 7
            worker.gracePeriod = .seconds(90)
        }
        var jobs: some JobRegistry { Nothing() }
    }

    @Test func `options go before what the application says, which goes before the defaults`() throws {
        let plain = try WorkerOptions.parse([]).configuration(of: App.self)
        #expect(plain.queues == ["own"])
        #expect(plain.slots == 7)
        #expect(plain.gracePeriod == .seconds(90))
        #expect(plain.stuckGrace == .seconds(5))
        let given = try WorkerOptions.parse(["--queue", "a,b", "--queue", "c", "--slots", "3", "--grace", "1m30s"])
            .configuration(of: App.self)
        #expect(given.queues == ["a", "b", "c"])
        #expect(given.slots == 3)
        #expect(given.gracePeriod == .seconds(90))
    }

    @Test func `a fleet is as patient as its workers, and a little more`() throws {
        let fleet = try FleetOptions.parse(["--workers", "3"])
            .configuration(of: App.self, WorkerOptions.parse(["--log-level", "debug"]), RedisOptions.parse([]))
        #expect(fleet.workers == 3)
        #expect(fleet.gracePeriod == .seconds(100))
        #expect(fleet.command.arguments == ["worker", "--log-level", "debug"])
        #expect(fleet.command.environment.isEmpty)
    }

    @Test func `the window of keys is an option, which the workers of a fleet are given too`() throws {
        let options = try WorkerOptions.parse(["--key-window", "7d"])
        #expect(options.configuration(of: App.self).keyWindow == .seconds(7 * 86_400))
        #expect(try WorkerOptions.parse([]).configuration(of: App.self).keyWindow == .seconds(86_400))
        let fleet = try FleetOptions.parse([]).configuration(of: App.self, options, RedisOptions.parse([]))
        #expect(fleet.command.arguments == ["worker", "--key-window", "604800000ms"])
    }

    @Test func `the workers find Redis by their environment, not by their command line`() throws {
        let redis = try RedisOptions.parse(["--redis", "redis://u:secret@h:1/2", "--prefix", "p", "--timeout", "2s"])
        let fleet = try FleetOptions.parse([]).configuration(
            of: App.self,
            WorkerOptions.parse(["--slots", "2"]),
            redis
        )
        #expect(fleet.command.environment == ["MILLPOND_REDIS_URL": "redis://u:secret@h:1/2", "MILLPOND_PREFIX": "p"])
        #expect(fleet.command.arguments == ["worker", "--slots", "2", "--timeout", "2000ms"])
    }
}
