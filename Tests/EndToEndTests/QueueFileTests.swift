import FoundationEssentials
import Glibc
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// `pond queue export` and `pond queue import`.
@Suite(.serialized, .redis) struct QueueFileTests {
    private func export(_ place: Place, _ arguments: [String] = []) async throws -> Child.Ended {
        try await Child.run(["queue", "export", place.queue.name.text, "--redis", place.url] + arguments)
    }

    private func load(_ place: Place, _ arguments: [String] = [], input: [String] = []) async throws -> Child.Ended {
        try await Child.run(
            ["queue", "import", place.queue.name.text, "--redis", place.url] + arguments,
            input: Array(input.map { $0 + "\n" }.joined().utf8)
        )
    }

    private func fill(_ place: Place, _ count: Int) async throws {
        let jobs = try (1...count).map { NewJob(kind: try JobKind("a.b"), data: Array("{\"n\":\($0)}".utf8)) }
        _ = try await place.queue.enqueue(jobs)
        try await place.queue.register()
    }

    /// The jobs of a queue as they are: everything but what a queue gives them itself.
    private func contents(_ place: Place) async throws -> [String] {
        var found: [String] = []
        for from in ExportPlace.allCases {
            var position = ""
            while true {
                let page = try await place.queue.export(from, after: position, upTo: "")
                for entry in page.jobs {
                    let job = try entry.job.get()
                    let due = from == .held ? entry.time?.milliseconds : nil
                    let parts: [Any?] = [
                        from == .held ? "held" : "ready", entry.priority, due, job.kind, job.data, job.key?.text,
                        job.correlationID, job.causationID, job.traceparent, job.tracestate, job.jobClass,
                        job.attemptsMax, job.timeout, job.expires?.milliseconds, job.budget,
                        job.headers.sorted { $0.key < $1.key }.map { "\($0)" },
                    ]
                    found.append(parts.map { $0.map { "\($0)" } ?? "-" }.joined(separator: "|"))
                }
                position = page.position
                if !page.hasMore { break }
            }
        }
        return found.sorted()
    }

    /// One job of each sort, with everything that a job can have.
    private func fillWithAll(_ place: Place) async throws {
        let now = try await place.now()
        var number = 0
        for payload in [Array("{\"ä\":\"\u{202e}\\n\"}".utf8), [0, 255, 10, 13], [], Array("\u{1}\u{2}\u{3}".utf8)] {
            for priority in Priority.allCases {
                for isHeld in [false, true] {
                    number += 1
                    var options = EnqueueOptions()
                    options.priority = priority
                    options.correlationID = "intent \(number)"
                    options.causationID = "elsewhere/1-0"
                    options.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                    options.tracestate = "a=b"
                    options.jobClass = .c
                    options.attemptsMax = 3
                    options.timeout = .milliseconds(1_234)
                    options.expires = ServerTime(milliseconds: now + 9_999_999)
                    options.budget = Budget(wall: .seconds(9), cpu: .seconds(8), usd: USD(micros: 7))
                    options.headers = ["tenant": "ü\n\u{7f}", "x": ""]
                    if number.isMultiple(of: 2) { options.key = try IdempotencyKey("key \(number)") }
                    if isHeld { options.runAt = ServerTime(milliseconds: now + 600_000 + Int64(number)) }
                    _ = try await place.queue.enqueue(
                        NewJob(kind: try JobKind("k:\(number)"), data: payload, options: options)
                    )
                }
            }
        }
        try await place.queue.register()
    }

    @Test func `a queue that was moved to another Redis has the same jobs`() async throws {
        let place = try Place()
        try await fillWithAll(place)
        try await RedisServer.withServer { other in
            let target = try Place(other)
            let exported = try await export(place)
            #expect(exported.code == 0, "\(exported.error)")
            #expect(exported.error.contains("exported 24 jobs: 12 ready, 12 held"), "\(exported.error)")
            let imported = try await load(target, ["--json"], input: exported.output)
            #expect(imported.code == 0, "\(imported.error)")
            #expect(imported.output.first?.contains(#""added":24,"ready":12,"held":12"#) == true, "\(imported.output)")
            let (before, after) = (try await contents(place), try await contents(target))
            #expect(before == after)
            #expect(before.count == 24)
        }
    }

    @Test func `a job without a correlation id keeps its old id as one`() async throws {
        let (place, target) = (try Place(), try Place())
        let id = try await place.queue.enqueue(NewJob(kind: try JobKind("a.b"))).id
        try await place.queue.register()
        _ = try await load(target, input: try await export(place).output)
        let job = try #require(try await target.queue.export(.normal, after: "", upTo: "").jobs.first)
        #expect(try job.job.get().correlationID == id.text)
    }

    @Test func `the dead are exported when asked for, and run again where they are imported`() async throws {
        let (place, target) = (try Place(), try Place())
        try await fill(place, 2)
        let delivery = try #require(try await place.queue.fetch(as: Consumer("w"), atMost: 1).deliveries.first)
        let settlement = Settlement(
            receipt: delivery.receipt,
            id: try delivery.job.get().id,
            outcome: .dead(cause: Cause("no_route"), error: "no way")
        )
        _ = try await place.queue.settle([settlement], as: Consumer("w"))
        #expect(try await export(place).output.count == 3)
        let dead = try await export(place, ["--state", "dead"])
        #expect(dead.output.count == 3)
        #expect(dead.output[1].contains(#""state":"dead""#) && dead.output[1].contains(#""cause":"no_route""#))
        #expect(try await load(target, input: dead.output).code == 0)
        let job = try #require(try await target.queue.fetch(as: Consumer("w"), atMost: 9).deliveries.first?.job.get())
        #expect(job.attempt == 1)
        #expect(job.data == Array("{\"n\":1}".utf8))
    }

    @Test func `what is in flight or no job is left out and told`() async throws {
        let place = try Place()
        try await fill(place, 3)
        _ = try await place.queue.fetch(as: Consumer("w"), atMost: 1)
        _ = try await place.pond.redis.send(
            RedisCommand("XADD", .text(place.queue.keys.ready(.normal)), "*", "what", "nothing")
        )
        let ended = try await export(place)
        #expect(ended.code == 0)
        #expect(ended.output.count == 4)
        #expect(ended.output.last == #"{"end":true,"jobs":2,"in_flight":1,"malformed":1,"sagas":0}"#)
        #expect(ended.error.contains("1 job is in flight and not in it"), "\(ended.error)")
        #expect(ended.error.contains { $0.hasPrefix("1 entry is left out") }, "\(ended.error)")
    }

    @Test func `the summary for programs goes where the jobs do not`() async throws {
        let place = try Place()
        try await fill(place, 2)
        try await withDirectory { directory in
            let file = try await export(place, ["--json", "--to", "\(directory)/f"])
            #expect(file.output.count == 1 && file.output[0].contains(#""kind":"QueueExport""#))
            let streamed = try await export(place, ["--json"])
            #expect(streamed.output.count == 4)
            #expect(streamed.error.last?.contains(#""kind":"QueueExport""#) == true)
            let again = try await export(place, ["--to", "\(directory)/f"])
            #expect(again.code == 5 && again.error.contains { $0.contains("--resume") })
        }
    }

    @Test func `an export goes on after the last whole line of a file that was cut anywhere`() async throws {
        let place = try Place()
        try await fill(place, 450)
        _ = try await place.queue.enqueue(NewJob(kind: try JobKind("late"), options: .after(.seconds(600))))
        try await withDirectory { directory in
            let path = "\(directory)/jobs"
            #expect(try await export(place, ["--to", path]).code == 0)
            let whole = try String(contentsOfFile: path, encoding: .utf8)
            let count = whole.utf8.count
            for cut in [0, 10, 200, 700, count / 2, count - 20, count - 1, count] {
                try Text.write(String(decoding: whole.utf8.prefix(cut), as: UTF8.self), to: path)
                // What comes later is not in it.
                try await fill(place, 1)
                let ended = try await export(place, ["--to", path, "--resume"])
                #expect(ended.code == 0, "cut at \(cut): \(ended.error)")
                let found = try String(contentsOfFile: path, encoding: .utf8)
                guard cut >= 700 else {
                    #expect(found.split(separator: "\n").count >= 453)
                    continue
                }
                #expect(lines(found) == lines(whole), "cut at \(cut)")
            }
        }
    }

    private func lines(_ text: String) -> [Substring] {
        text.split(separator: "\n")
    }

    @Test func `a held job that moved between two runs is in the file once`() async throws {
        let place = try Place()
        for _ in 1...5 {
            _ = try await place.queue.enqueue(NewJob(kind: try JobKind("late"), options: .after(.seconds(60))))
        }
        try await place.queue.register()
        try await withDirectory { directory in
            let path = "\(directory)/jobs"
            #expect(try await export(place, ["--to", path]).code == 0)
            let whole = lines(try String(contentsOfFile: path, encoding: .utf8))
            try Text.write(whole[..<4].joined(separator: "\n") + "\n{\"n\":4,", to: path)
            // It ran, failed, and is to be tried again behind all others.
            let first = try #require(try await place.queue.export(.held, after: "", upTo: "").jobs.first)
            let due = place.queue.keys.base + ":due"
            _ = try await place.pond.redis.send(
                RedisCommand("ZADD", .text(due), "XX", "9999999999999", .text(first.id.text))
            )
            #expect(try await export(place, ["--to", path, "--resume"]).code == 0)
            #expect(lines(try String(contentsOfFile: path, encoding: .utf8)) == whole)
        }
    }

    @Test func `a cursor goes on behind a line`() async throws {
        let place = try Place()
        try await fill(place, 5)
        let lines = try await export(place).output
        let at = try #require(lines[3].split(separator: "\"").first { $0.hasPrefix("normal:") })
        let rest = try await export(place, ["--after", String(at)])
        #expect(rest.output.count == 4)
        #expect(rest.output[1].contains(#"{\"n\":4}"#))
        #expect(try await export(place, ["--after", "nowhere"]).code == 2)
    }

    @Test func `an import twice adds nothing twice`() async throws {
        let (place, target) = (try Place(), try Place())
        try await fill(place, 300)
        let lines = try await export(place).output
        #expect(try await load(target, input: lines).code == 0)
        let again = try await load(target, ["--json"], input: lines)
        #expect(again.code == 0)
        #expect(again.output.first?.contains(#""added":0"#) == true)
        #expect(again.output.first?.contains(#""before":300"#) == true)
        #expect(try await target.queue.depth().ready == 300)
    }

    @Test func `an import that is killed in the middle goes on, each job once`() async throws {
        let (place, target) = (try Place(), try Place())
        try await fill(place, 20_000)
        try await withDirectory { directory in
            let path = "\(directory)/jobs"
            #expect(try await export(place, ["--to", path]).code == 0)
            var kills = 0
            for wanted in [200, 3_000, 9_000] {
                let ended = try await Child.run(
                    ["queue", "import", target.queue.name.text, path, "--redis", target.url]
                ) { child in
                    try await target.eventually("jobs arrive") { $0.ready >= wanted || !child.isAlive }
                    child.send(SIGKILL)
                    try await child.exit()
                }
                if ended.signal == SIGKILL { kills += 1 }
            }
            #expect(kills == 3)
            let ready = try await target.queue.depth().ready
            #expect((9_000..<20_000).contains(ready))
            #expect(try await load(target, [path]).code == 0)
            #expect(try await contents(place).count == 20_000)
            #expect(try await contents(target) == contents(place))
        }
    }

    @Test func `a cut file is noticed, and taken with a word`() async throws {
        let (place, target) = (try Place(), try Place())
        try await fill(place, 5)
        let lines = try await export(place).output
        let cut = try await load(target, input: Array(lines.dropLast(2)))
        #expect(cut.code == 8)
        #expect(cut.error.contains { $0.contains("was cut: its last line is missing") }, "\(cut.error)")
        #expect(try await target.queue.depth().ready == 4)
        let taken = try await load(target, ["--partial"], input: Array(lines.dropLast(1)))
        #expect(taken.code == 0)
        #expect(try await target.queue.depth().ready == 5)
        let gap = try await load(try Place(), input: [lines[0], lines[1]] + lines[3...])
        #expect(gap.code == 8)
        #expect(gap.error.contains { $0.contains("has 4 jobs, its last line counts 5") }, "\(gap.error)")
    }

    @Test func `a malformed line is named, and neither it nor what follows is written`() async throws {
        let place = try Place()
        try await fill(place, 3)
        let lines = try await export(place).output
        for (bad, text) in [
            ("{\"n\":2", "it is not JSON"), ("{\"n\":2,\"id\":\"1-0\"}", "kind is missing"),
            (lines[2].replacing("a.b", with: "a b"), "kind \"a b\" is not allowed"),
            (lines[2].replacing("\"normal\"", with: "\"urgent\""), "has the priority \"urgent\""),
            (lines[2].replacing("\"data\"", with: "\"data_base64\""), "has no base64"),
            (lines[2].replacing("\"kind\"", with: "\"data_base64\":\"\",\"kind\""), "has both data and data_base64"),
            (lines[2].replacing("\"kind\"", with: "\"timeout_ms\":0,\"kind\""), "timeout_ms is 0"),
            (lines[1], "it has the number 1 after 1"), ("", "it is not JSON"),
        ] {
            let target = try Place()
            let ended = try await load(target, input: [lines[0], lines[1], bad, lines[3], lines[4]])
            #expect(ended.code == 2, "\(bad)")
            #expect(
                ended.error.contains {
                    $0.contains("stopped at line 3") && $0.contains(text) && $0.contains("1 job added before")
                },
                "\(bad): \(ended.error)"
            )
            #expect(try await target.queue.depth().ready == 1)
        }
    }

    @Test(
        arguments: [
            ([], "is empty"), (["{\"n\":1}"], "begins with no header"),
            ([#"{"format":"other","version":1}"#], "is no export of a queue"),
            ([#"{"format":"millpond-jobs","version":2,"new":true}"#], "has version 2"),
            ([#"{"format":"millpond-jobs","version":1}"#], "its header is malformed: export is missing"),
        ]
    )
    func `a file without a header that can be read is refused`(lines: [String], text: String) async throws {
        let target = try Place()
        let ended = try await load(target, input: lines)
        #expect(ended.code == 2)
        #expect(ended.error.contains { $0.contains(text) }, "\(ended.error)")
    }

    @Test func `a hundred thousand jobs move in bounded memory`() async throws {
        let (place, target) = (try Place(), try Place())
        try await fill(place, 100_000)
        try await withDirectory { directory in
            let path = "\(directory)/jobs"
            let queues = ["export": place, "import": target]
            for (verb, arguments) in [("export", ["--to", path]), ("import", [path])] {
                guard let place = queues[verb] else { continue }
                let most = Guarded(0)
                let words = ["queue", verb, place.queue.name.text] + arguments + ["--redis", place.url]
                let ended = try await Child.run(words) { child in
                    try await eventually("\(verb) ends", within: .seconds(120)) {
                        // The process may end between the two looks at it.
                        if let bytes = try? Processes.residentBytes(child.pid) { most.change { $0 = max($0, bytes) } }
                        return !child.isAlive
                    }
                }
                #expect(ended.code == 0, "\(ended.error)")
                // Far below the 25 MB of the file on top of what the program takes anyway.
                #expect(most.value < 60_000_000, "\(most.value) bytes")
            }
            #expect(try await target.queue.depth().ready == 100_000)
        }
    }
}
