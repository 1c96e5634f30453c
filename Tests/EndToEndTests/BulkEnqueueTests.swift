import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// `pond enqueue` with many jobs from tables and arrays.
@Suite(.serialized, .redis) struct BulkEnqueueTests {
    private func enqueue(_ place: Place, _ arguments: [String], input: String) async throws -> Child.Ended {
        try await Child.run(["enqueue", "a.b"] + arguments + place.options, input: Array(input.utf8))
    }

    private func jobs(_ place: Place) async throws -> [Job] {
        var jobs: [Job] = []
        while true {
            let fetched = try await place.queue.fetch(as: Consumer("reader"), atMost: 100).deliveries
            if fetched.isEmpty { return jobs }
            for delivery in fetched { jobs.append(try delivery.job.get()) }
        }
    }

    private func payloads(_ place: Place) async throws -> [String] {
        try await jobs(place).map { String(decoding: $0.data, as: UTF8.self) }
    }

    @Test func `rows of a table become jobs with strings`() async throws {
        let place = try Place()
        let ended = try await enqueue(
            place,
            ["--csv", "--delimiter", ";", "--json"],
            input: "order;note\r\n0042;\"a; \"\"b\"\"\"\r\n\r\n43;\r\n"
        )
        #expect(ended.code == 0, "\(ended.error)")
        #expect(ended.output.first?.contains(#""enqueued":2,"ready":2,"held":0,"duplicate":0,"skipped":1"#) == true)
        #expect(
            try await payloads(place)
                == [#"{"order":"0042","note":"a; \"b\""}"#, #"{"order":"43","note":""}"#]
        )
    }

    @Test(
        arguments: [
            (["--csv"], "a,b\r", "only a header"), (["--csv"], "order;cents\n1;2\n", "did you mean --delimiter ';'?"),
            (["--json-array"], "[ ]", "the array is empty"), (["--lines"], "\n \n", "only 2 empty lines"),
            (["--lines", "--raw"], "one\rtwo", "holds a carriage return (CR)"),
        ]
    )
    func `nothing that was given is enqueued as nothing, or as garbage, with exit code 0`(
        mode: [String],
        input: String,
        text: String
    ) async throws {
        let place = try Place()
        let ended = try await enqueue(place, mode, input: input)
        #expect(ended.code == 2)
        #expect(ended.error.contains { $0.contains(text) }, "\(ended.error)")
        #expect(try await place.queue.depth().added == 0)
    }

    @Test func `an empty input may be meant, and no input at all is none`() async throws {
        let place = try Place()
        #expect(try await enqueue(place, ["--csv", "--allow-empty"], input: "a,b\n").code == 0)
        #expect(try await enqueue(place, ["--lines"], input: "").code == 0)
    }

    @Test func `keys of dead jobs are counted apart, and end with 5`() async throws {
        let place = try Place()
        let lines = "{\"o\":1}\n{\"o\":2}\n"
        #expect(try await enqueue(place, ["--lines", "--key-field", "o"], input: lines).code == 0)
        let first = try #require(try await place.queue.fetch(as: Consumer("reader"), atMost: 1).deliveries.first)
        let outcome = Outcome.dead(cause: Cause("failed"), error: "no")
        let settlement = Settlement(receipt: first.receipt, id: try first.job.get().id, outcome: outcome)
        _ = try await place.queue.settle([settlement], as: Consumer("reader"))
        let again = try await enqueue(place, ["--lines", "--key-field", "o", "--json"], input: lines + "{\"o\":3}\n")
        #expect(again.code == 5)
        #expect(again.output.first?.contains(#""enqueued":1,"ready":1,"held":0,"duplicate":2"#) == true)
        #expect(again.output.first?.contains(#""duplicate_dead":1"#) == true)
        #expect(again.error.contains { $0.contains("1 key belongs to a dead job") }, "\(again.error)")
        let single = try await Child.run(
            ["enqueue", "a.b", "--key", "1", "--data", "{\"o\":1}"] + place.options
        )
        let id = try first.job.get().id.text
        #expect(single.code == 5 && single.output == [id])
        #expect(single.error.contains { $0.contains("which is dead") }, "\(single.error)")
        #expect(single.error.contains { $0.contains("`pond dead retry ") })
    }

    @Test func `elements of an array become jobs, their bytes as they stand`() async throws {
        let place = try Place()
        let ended = try await enqueue(place, ["--json-array"], input: "[ {\"a\": 1.0} ,\n\"x\" , [ ] ]")
        #expect(ended.code == 0, "\(ended.error)")
        #expect(try await payloads(place) == [#"{"a": 1.0}"#, "\"x\"", "[ ]"])
    }

    @Test(
        arguments: [
            ("--lines", "{\"o\":1,\"c\":\"x\"}\n{\"o\":\"b\\u0062\",\"c\":\"y\"}\n"),
            ("--csv", "o,c\n1,x\nbb,y\n"),
            ("--json-array", #"[{"o":1,"c":"x"},{"p":{"o":3},"o":"bb","c":"y"}]"#),
        ]
    )
    func `keys and correlation ids come from the payload, and a second run adds nothing`(
        mode: String,
        input: String
    ) async throws {
        let place = try Place()
        let arguments = [mode, "--key-field", "o", "--correlation-field", "c", "--json"]
        let first = try await enqueue(place, arguments, input: input)
        #expect(first.code == 0, "\(first.error)")
        let second = try await enqueue(place, arguments, input: input)
        #expect(second.output.first?.contains(#""enqueued":0,"ready":0,"held":0,"duplicate":2"#) == true)
        let jobs = try await jobs(place)
        #expect(jobs.map { $0.key?.text } == ["1", "bb"])
        #expect(jobs.map(\.correlationID) == ["x", "y"])
    }

    @Test(
        arguments: [
            ("--lines", "{\"o\":1}\n{\"p\":1}\n", "line 2 has no \"o\" at its top level"),
            ("--lines", "{\"o\":1}\n[1]\n", "line 2 is no object"),
            ("--lines", "{\"o\":1}\n{\"o\":1.5}\n", "line 2 has in \"o\" neither a string nor a whole number"),
            ("--lines", "{\"o\":1}\n{\"o\":2,\"o\":3}\n", "line 2 has \"o\" twice"),
            ("--lines", "{\"o\":1}\n{\"o\":\"\"}\n", "line 2: key has 0 bytes"),
            ("--lines", "{\"o\":1}\n{\"o\":1,\"x\":2}\n", "another kind or payload"),
            ("--csv", "o,p\n1,x\n2\n", "row 3 (line 3) has 1 cell"),
            ("--json-array", "[{\"o\":1},{\"o\":2]", "element 2 is not JSON"),
        ]
    )
    func `the first bad piece stops it, and it is said how to go on`(
        mode: String,
        input: String,
        text: String
    ) async throws {
        let place = try Place()
        let ended = try await enqueue(place, [mode, "--key-field", "o"], input: input)
        #expect(ended.code == 2 || ended.code == 5)
        #expect(ended.error.contains { $0.contains(text) && $0.contains("1 job enqueued before") }, "\(ended.error)")
        // A piece whose key is another job's is enqueued by itself, and passed over.
        let skipped = text == "another kind or payload" ? 2 : 1
        #expect(ended.error.contains { $0.contains("--skip \(skipped)") }, "\(ended.error)")
        #expect(try await place.queue.depth().ready == 1)
    }

    @Test(
        arguments: [
            ("--lines", "1\n2\n3\n"), ("--csv", "a\n1\n2\n3\n"), ("--json-array", "[1,2,3]"),
        ]
    )
    func `skipped pieces are passed over`(mode: String, input: String) async throws {
        let place = try Place()
        #expect(try await enqueue(place, [mode, "--skip", "2"], input: input).code == 0)
        #expect(try await payloads(place).count == 1)
    }

    @Test func `an array much larger than memory would be good for is never held`() async throws {
        let place = try Place()
        let element = "{\"text\":\"" + String(repeating: "x", count: 50_000) + "\"}"
        let input = "[" + [String](repeating: element, count: 1_000).joined(separator: ",") + "]"
        let most = Guarded(0)
        let ended = try await Child.run(
            ["enqueue", "a.b", "--json-array"] + place.options,
            input: Array(input.utf8)
        ) { child in
            _ = try await Waiting.until(within: .seconds(120)) {
                // The process may end between the two looks at it.
                if let bytes = try? Processes.residentBytes(child.pid) { most.change { $0 = max($0, bytes) } }
                return !child.isAlive
            }
        }
        #expect(ended.code == 0, "\(ended.error)")
        #expect(try await place.queue.depth().ready == 1_000)
        // The input alone has 50 MB; the program without any takes 30 to 40, in debug.
        #expect(most.value < 64_000_000, "\(most.value) bytes")
    }

    @Test(
        arguments: [
            (["--lines", "--csv"], "exclude each other"), (["--csv", "--json-array"], "exclude each other"),
            (["--csv", "--data", "1"], "leave --data out"), (["--delimiter", ";"], "goes with --csv"),
            (["--csv", "--delimiter", ":"], "no delimiter"), (["--key-field", "a"], "goes with --lines"),
            (["--lines", "--key-field", "a", "--key", "b"], "exclude each other"),
            (["--csv", "--raw"], "--raw"), (["--skip", "1"], "goes with --lines"),
        ]
    )
    func `what does not go together is refused`(arguments: [String], text: String) async throws {
        let ended = try await Child.run(["enqueue", "a.b"] + arguments)
        #expect(ended.code == 2)
        #expect(ended.error.contains { $0.contains(text) }, "\(ended.error)")
    }
}
