import Glibc
import PondCore
import PondQueue
import PondSQLite
import PondTestKit
import Testing

@Suite(.redis) struct RelayTests {
    /// A file with an outbox in a folder of the test's own.
    private func withOutbox(_ body: (Outbox, String) async throws -> Void) async throws {
        var template = Array("/tmp/pond-relay-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let path = "\(folder)/app.sqlite"
        defer {
            for end in ["", "-wal", "-shm", ".relay.lock"] { unlink(path + end) }
            rmdir(folder)
        }
        let outbox = Outbox(path: path)
        try await body(outbox, path)
        try await outbox.close()
    }

    private func add(_ outbox: Outbox, _ queues: [String]) async throws {
        try await outbox.write { db in
            for queue in queues { try outbox.enqueue(NewJob(kind: try JobKind("mail.send")), to: queue, in: db) }
        }
    }

    /// Marks a lane as a relay does that had a row refused.
    private func park(_ lane: String, _ outbox: Outbox) async throws {
        struct Refusing: JobSink {
            let queue: String

            func ship(_ jobs: [(queue: String, job: NewJob)]) async throws -> [ShipAnswer] {
                jobs.map { $0.queue == queue ? .refused("key \u{1b}[31m is not its own") : .later("not now") }
            }
        }
        _ = try await OutboxRelay(outbox, to: Refusing(queue: lane)).shipOnce()
    }

    @Test func `a file that is not there is not made`() async throws {
        let run = try await Desk().run("relay --db /tmp/none.sqlite --status")
        #expect(run.code == 3 && run.error.contains("there is no file /tmp/none.sqlite"))
        #expect(access("/tmp/none.sqlite", F_OK) != 0)
    }

    @Test func `a file without an outbox is named`() async throws {
        try await withOutbox { _, path async throws in
            let file = try #require(fopen(path, "w"))
            fclose(file)
            let run = try await Desk().run("relay --db \(path) --once")
            #expect(run.code == 3 && run.error.contains("holds no outbox"))
        }
    }

    @Test func `the status of an outbox where nothing waits is one line`() async throws {
        try await withOutbox { outbox, path async throws in
            try await add(outbox, [])
            let run = try await Desk().run("relay --db \(path) --status")
            #expect(run.code == 0 && run.output == "Nothing waits, and no relay runs.\n")
        }
    }

    @Test func `the status is a table of the lanes, and a document for programs`() async throws {
        try await withOutbox { outbox, path async throws in
            try await add(outbox, ["bills", "mails", "mails"])
            try await park("mails", outbox)
            let run = try await Desk().run("relay --db \(path) --status")
            #expect(run.code == 0)
            #expect(run.output.contains("3 rows wait") && run.output.contains("no relay runs; 1 lane is parked."))
            #expect(run.output.contains("parked by row 2: key") && !run.output.contains("\u{1b}"))
            let json = try await Desk().run("relay --db \(path) --status --json").json()
            #expect(json["kind"]?.text == "Relay" && json["unsent"] == .number(3) && json["relayed"] == .bool(false))
            #expect(json.items.map { $0["state"]?.text } == ["waiting", "parked"])
            #expect(json.items[1]["parked_row"] == .number(2) && json.items[1]["unsent"] == .number(2))
        }
    }

    @Test func `a parked lane goes on after unpark`() async throws {
        try await withOutbox { outbox, path async throws in
            try await add(outbox, ["mails"])
            try await park("mails", outbox)
            let once = try await Desk().run("relay --db \(path) --once")
            #expect(once.code == 4 && once.error.contains("1 lane is parked"))
            #expect(try await Desk().run("relay --db \(path) --unpark mails").code == 0)
            #expect(try await outbox.status().parked.isEmpty)
            let again = try await Desk().run("relay --db \(path) --unpark mails --json")
            #expect(again.code == 5 && again.error.contains("lane mails is not parked"))
        }
    }

    @Test func `a row is discarded only after a yes`() async throws {
        try await withOutbox { outbox, path async throws in
            try await add(outbox, ["mails", "mails"])
            #expect(try await Desk().run("relay --db \(path) --discard 1").code == 2)
            #expect(try await outbox.status().unsent == 2)
            let run = try await Desk().run("relay --db \(path) --discard 1 --yes")
            #expect(run.code == 0 && run.output == "discarded row 1\n")
            #expect(try await outbox.status().unsent == 1)
            #expect(try await Desk().run("relay --db \(path) --discard 1 --yes").code == 3)
        }
    }

    @Test func `modes exclude each other`() async throws {
        let run = try await Desk().run("relay --db a --once --status")
        #expect(run.code == 2 && run.error.contains("exclude each other"))
    }

    @Test func `nothing to ship is no failure`() async throws {
        try await withOutbox { outbox, path async throws in
            try await add(outbox, [])
            let run = try await Desk().run("relay --db \(path) --once")
            #expect(run.code == 0 && run.output == "shipped 0 jobs\n")
        }
    }

    @Test func `what there is goes to Redis once`() async throws {
        try await withOutbox { outbox, path async throws in
            let desk = try Desk()
            try await add(outbox, ["mails", "bills", "mails"])
            let json = try await desk.run("relay --db \(path) --once --json").json()
            #expect(json["shipped"] == .number(3) && json["unsent"] == .number(0))
            #expect(try await desk.pond.queue("mails").depth().ready == 2)
            #expect(try await desk.pond.queue("bills").depth().ready == 1)
        }
    }

    @Test func `a Redis that is not there is named, and nothing is lost`() async throws {
        try await withOutbox { outbox, path async throws in
            try await add(outbox, ["mails"])
            let run = try await Desk(url: "redis://127.0.0.1:1").run("relay --db \(path) --once --timeout 1s")
            #expect(run.code == 6)
            #expect(try await outbox.status().unsent == 1)
        }
    }
}
