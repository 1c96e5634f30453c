import Glibc
import PondCore
import PondInsight
import PondQueue
import PondRedis
import PondTestKit
import Testing

extension Desk {
    /// What the doctor says of a check.
    fileprivate func doctor(
        _ check: String
    ) async throws -> (code: Int32?, level: String?, text: String, advice: String) {
        let run = try await run("doctor --json")
        let item = try run.json().items.first { $0["check"]?.text == check }
        return (run.code, item?["level"]?.text, item?["text"]?.text ?? "none", item?["advice"]?.text ?? "")
    }
}

@Suite(.redis(.init(appendOnly: true))) struct DoctorTests {
    @Test func `a healthy deployment passes`() async throws {
        let desk = try Desk()
        _ = try await desk.queue().livingWorker()
        let run = try await desk.run("doctor")
        #expect(run.code == 0, "\(run.output)")
        #expect(run.output.contains("✓ persistence: append-only file, fsync every second"))
        #expect(run.output.contains("✓ library") && run.output.contains("✓ queue emails"))
        #expect(!run.output.contains("✗"))
    }

    @Test func `jobs that nobody serves fail the check`() async throws {
        let desk = try Desk()
        _ = try await desk.queue().enqueue()
        let found = try await desk.doctor("queue emails")
        #expect(found.code == 8 && found.level == "failure")
        #expect(found.text.hasPrefix("1 job waits"))
    }

    @Test func `a paused queue is a warning with its reason`() async throws {
        let desk = try Desk()
        try await desk.queue().pause(reason: "because")
        let found = try await desk.doctor("queue emails")
        #expect(found.code == 0 && found.level == "warning")
        #expect(found.text.hasSuffix(": because") && found.advice.contains("pond queue resume emails"))
    }

    @Test(arguments: [
        ":ready", ":ready:low", ":bell", ":held", ":due", ":dead", ":dead:at", ":beats", ":meta", ":journal",
        ":load", ":started", ":spent", ":keys:live", ":keys", ":results",
    ])
    func `a key of another type is named`(suffix: String) async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        let key = queue.keys.base + suffix
        try await desk.command("DEL", .text(key))
        try await desk.command("SET", .text(key), "oops")
        let found = try await desk.doctor("queue emails")
        #expect(found.code == 8 && found.level == "failure")
        #expect(found.text.hasPrefix("the key \(key) holds a string"))
    }

    @Test func `a consumer without a beat is a failure when nobody can take over, else a warning`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        _ = try await queue.enqueue()
        _ = try await queue.fetch(as: Consumer("ghost"), atMost: 1)
        #expect(try await desk.doctor("queue emails").level == "failure")
        _ = try await queue.livingWorker()
        let found = try await desk.doctor("queue emails")
        #expect(found.level == "warning" && found.text.contains("1 job in flight (ghost)"))
    }

    @Test func `an id of the far future is noticed`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        _ = try await queue.livingWorker()
        for id in ["99999999999999-1", "18446744073709551615-18446744073709551615"] {
            try await desk.command("XADD", .text(queue.keys.ready(.normal)), .text(id), "kind", "a")
            let found = try await desk.doctor("queue emails")
            #expect(found.level == "warning" && found.text.contains("the newest id of"))
        }
    }

    @Test func `a queue that only a producer knows is named`() async throws {
        let desk = try Desk()
        try await desk.command("XADD", .text("\(desk.prefix):{orphan}:ready"), "*", "kind", "a")
        let found = try await desk.doctor("unknown queues")
        #expect(found.code == 8 && found.level == "failure" && found.text.contains("orphan"))
        #expect(found.advice.contains("`pond worker --queue orphan --exec COMMAND`"))
    }

    @Test func `many queues that nobody knows are all named, or counted`() async throws {
        let desk = try Desk()
        for number in 10..<32 {
            try await desk.command("XADD", .text("\(desk.prefix):{user_\(number)}:ready"), "*", "kind", "a")
        }
        let text = try await desk.doctor("unknown queues").text
        #expect(text.contains("user_10, user_11") && text.contains("user_29 and 2 more"), "\(text)")
    }

    @Test(arguments: [
        ("orders:ready", "the name has no braces round it", "{orders}:ready"),
        ("orders:ready:high", "the name has no braces round it", "{orders}:ready:high"),
        ("{{orders}}:ready", "other braces than one pair", "{orders}:ready"),
        ("{orders}:ready:urgent", "a queue has no stream :ready:urgent", "{orders}:ready"),
        ("{orders}:Ready", "a queue has no stream :Ready", "{orders}:ready"),
        ("{orders}", "nothing follows the braces", "{orders}:ready"),
        ("{orders}ready", "no colon between the braces and ready", "{orders}:ready"),
        ("{Orders}:ready", "\"Orders\" is no queue's name", nil), ("{acme/mail}:ready", "is no queue's name", nil),
    ])
    func `a key that no worker can read is named with the reason`(key: String, why: String, right: String?) async throws
    {
        let desk = try Desk()
        // Also beside a queue of the right name that is served.
        _ = try await desk.queue("orders").livingWorker()
        try await desk.command("XADD", .text("\(desk.prefix):\(key)"), "*", "kind", "a", "data", "1")
        let found = try await desk.doctor("unreadable")
        #expect(found.code == 8 && found.level == "failure")
        #expect(found.text.hasPrefix("1 job lies in \(desk.prefix):\(key), where no worker looks"), "\(found.text)")
        #expect(found.text.contains(why), "\(found.text)")
        if let right { #expect(found.advice.contains("write to \(desk.prefix):\(right);"), "\(found.advice)") }
    }

    @Test func `a prefix in other letters or without its colon is named, a deployment of its own is not`() async throws
    {
        let desk = try Desk()
        _ = try await desk.queue("orders").livingWorker()
        let (capitals, list) = (desk.prefix.uppercased(), Keys.queues(prefix: desk.prefix.uppercased()))
        try await desk.command("XADD", .text("\(capitals):{orders}:ready"), "*", "kind", "a")
        #expect(try await desk.doctor("unreadable").text.contains("\(capitals) is another one"))
        try await desk.command("XADD", .text("\(desk.prefix){orders}:ready"), "*", "kind", "a")
        // Each cause is told of with a key that has it.
        let verdict = try await desk.run("status --json").json()["verdict"]?.text ?? ""
        #expect(verdict.contains("\(capitals) is another one") && verdict.contains("no colon behind the prefix"))
        try await desk.command("SADD", .text(list), "orders")
        let text = try await desk.doctor("unreadable").text
        #expect(text.hasPrefix("1 job lies in \(desk.prefix){orders}:ready"), "\(text)")
    }

    @Test func `keys of another deployment, and streams without an entry, are no matter`() async throws {
        let desk = try Desk()
        _ = try await desk.queue().livingWorker()
        try await desk.command("XADD", .text("\(desk.prefix):test:{orders}:ready"), "*", "kind", "a")
        let empty = "\(desk.prefix):{other}:ready"
        let id = try await desk.command("XADD", .text(empty), "*", "kind", "a")
        try await desk.command("XDEL", .text(empty), .text(id.string ?? ""))
        let run = try await desk.run("doctor")
        #expect(run.code == 0 && !run.output.contains("where no worker looks"), "\(run.output)")
        #expect(!run.output.contains("unknown queues"))
    }

    @Test func `a member of the list of queues that is no name is told of`() async throws {
        let desk = try Desk()
        try await desk.command("SADD", .text(Keys.queues(prefix: desk.prefix)), "Orders")
        let found = try await desk.doctor("queues")
        #expect(found.level == "warning" && found.text.contains("Orders") && found.advice.contains("SREM"))
    }

    @Test func `dead jobs that were thrown away fail the check`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        _ = try await queue.livingWorker()
        try await desk.command("HSET", .text(queue.keys.meta), "dropped", "501")
        let found = try await desk.doctor("queue emails")
        #expect(found.code == 8 && found.level == "failure")
        #expect(found.text.hasPrefix("501 dead jobs were thrown away"))
    }

    @Test func `the set of queues of another type is a failure`() async throws {
        let desk = try Desk()
        try await desk.command("SET", .text(Keys.queues(prefix: desk.prefix)), "oops")
        #expect(try await desk.doctor("queues").level == "failure")
        let status = try await desk.run("status")
        #expect(status.code == 1 && status.error.contains("WRONGTYPE"))
    }
}

/// Servers that are not as they should be; each test has its own.
@Suite struct DoctorServerTests {
    @Test(arguments: ["redis_mode", "server_mode"])
    func `the mode is read as redis and as valkey call it`(name: String) {
        #expect(ServerFacts("# Server\r\n\(name):cluster\r\n").mode == "cluster")
    }

    @Test func `a server that writes nothing to disk is a warning`() async throws {
        try await RedisServer.withServer { server in
            let desk = try Desk(server)
            let found = try await desk.doctor("persistence")
            #expect(found.level == "warning" && found.text.hasPrefix("nothing is written to disk"))
            try await desk.command("CONFIG", "SET", "save", "3600 1")
            #expect(try await desk.doctor("persistence").text.hasPrefix("snapshots only (save 3600 1"))
        }
    }

    @Test func `a policy that deletes jobs is a failure once memory is bounded`() async throws {
        try await RedisServer.withServer { server in
            let desk = try Desk(server)
            try await desk.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            #expect(try await desk.doctor("eviction").level == "warning")
            try await desk.command("CONFIG", "SET", "maxmemory", "1gb")
            #expect(try await desk.doctor("eviction").level == "failure")
            try await desk.command("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
            #expect(try await desk.doctor("eviction").level == "warning")
        }
    }

    @Test func `memory that is full is a failure`() async throws {
        try await RedisServer.withServer { server in
            let desk = try Desk(server)
            let queue = try await desk.queue()
            try await queue.pause()
            let text = String(repeating: "x", count: 100_000)
            try await desk.command(
                "XADD",
                .text(queue.keys.journal),
                "*",
                "by",
                "",
                "progress",
                .text("1-1 -\n\(text)")
            )
            try await desk.command("CONFIG", "SET", "maxmemory", "500kb")
            let found = try await desk.doctor("memory")
            #expect(found.code == 8 && found.level == "failure")
            let keys = try await desk.doctor("largest keys")
            #expect(keys.text.contains("the largest: \(queue.keys.journal) 1"), "\(keys.text)")
            #expect(keys.advice.contains("XTRIM \(queue.keys.journal)"))
            let status = try await desk.run("status --json").json()
            #expect(status["health"] == "full" && status["verdict"]?.text?.contains("`pond doctor`") == true)
        }
    }

    @Test func `a snapshot that failed is a failure`() async throws {
        try await RedisServer.withServer { server in
            let desk = try Desk(server)
            // A directory stands where the snapshot belongs.
            try #require(mkdir(server.directory + "/dump.rdb", 0o700) == 0)
            try await desk.command("BGSAVE")
            while try await desk.command("INFO", "persistence").string?.contains("rdb_bgsave_in_progress:1") == true {}
            let found = try await desk.doctor("disk")
            #expect(found.code == 8 && found.text.hasPrefix("the last snapshot failed"))
        }
    }

    @Test func `a server that takes no writes ends no check, and nobody is called lost for it`() async throws {
        try await RedisServer.withServer { server in
            let desk = try Desk(server)
            let queue = try await desk.queue()
            let running = try await queue.enqueue()
            _ = try await queue.fetch(as: Consumer("silent"), atMost: 1)
            let waiting = try await queue.enqueue()
            try #require(mkdir(server.directory + "/dump.rdb", 0o700) == 0)
            // Only a server that is to write snapshots refuses writes when it cannot.
            try await desk.command("CONFIG", "SET", "save", "3600 1")
            try await desk.command("BGSAVE")
            while try await desk.command("INFO", "persistence").string?.contains("rdb_bgsave_in_progress:1") == true {}
            let found = try await desk.doctor("writes")
            #expect(found.code == 8 && found.level == "failure" && found.text.contains("takes no writes"))
            #expect(found.advice.contains("free space on the disk"))
            #expect(try await desk.doctor("version").level == "ok")
            let status = try await desk.run("status --json").json()
            #expect(status["health"] == "no_writes")
            let verdict = status["verdict"]?.text ?? ""
            #expect(verdict.hasPrefix("Redis takes no writes: ") && !verdict.contains("no worker"), "\(verdict)")
            for (id, reason) in [(running, "running_silent"), (waiting, "no_writes")] {
                let why = try await desk.run("why emails/\(id)").output
                #expect(why.contains(reason) && why.contains("Redis takes no writes: "), "\(why)")
            }
        }
    }

    @Test func `what a server says of its disk is cut to one sentence`() {
        let append = RedisError.reply("MISCONF Errors writing to the AOF file: No space left on device")
        #expect(PondServer.writeRefusal(append) == "Errors writing to the AOF file: No space left on device")
        let snapshot = RedisError.reply("MISCONF It cannot persist to disk. Commands are disabled. Please check")
        #expect(PondServer.writeRefusal(snapshot) == "It cannot persist to disk")
        #expect(PondServer.writeRefusal(.reply("OOM command not allowed")) == nil)
    }

    @Test func `the function library is missing, older, newer or somebody else's`() async throws {
        try await RedisServer.withServer { server in
            let desk = try Desk(server)
            #expect(try await desk.doctor("library").level == "warning")
            func load(_ answer: String) async throws {
                let body =
                    "#!lua name=millpond\nredis.register_function{function_name='pond_version',"
                    + "flags={'no-writes'},callback=function() return \(answer) end}"
                try await desk.command("FUNCTION", "LOAD", "REPLACE", .text(body))
            }
            try await load("{'millpond','\(LuaLibrary.format)','0'}")
            #expect(try await desk.doctor("library").level == "warning")
            try await load("{'millpond','\(LuaLibrary.format)','99999'}")
            #expect(try await desk.doctor("library").level == "ok")
            try await load("{'millpond','99','1'}")
            try await desk.command("SADD", .text(Keys.queues(prefix: desk.prefix)), "emails")
            let newer = try await desk.doctor("library")
            #expect(newer.code == 8 && newer.level == "failure" && newer.text.contains("format 99"))
            #expect(try await desk.doctor("queues").level == "unchecked")
            #expect(try await desk.run("status").code == 1)
            try await load("'hello'")
            #expect(try await desk.doctor("library").level == "failure")
        }
    }

    @Test func `a replica is a failure`() async throws {
        try await RedisServer.withServer { server in
            let desk = try Desk(server)
            try await desk.command("REPLICAOF", "127.0.0.1", "1")
            let found = try await desk.doctor("role")
            #expect(found.code == 8 && found.level == "failure")
        }
    }

    @Test func `what this user may not ask is not called well`() async throws {
        let users = ["user default on nopass ~* &* +@all", "user weak on >pw ~* +ping +smembers"]
        try await RedisServer.withServer(.init(aclUsers: users)) { server in
            let desk = try Desk(server, url: server.url.replacing("unix://", with: "unix://weak:pw@"))
            let run = try await desk.run("doctor --json")
            let items = try run.json().items
            for check in ["version", "persistence", "eviction", "memory", "clock", "library", "unknown queues"] {
                let item = items.first { $0["check"]?.text == check }
                #expect(item?["level"] == "unchecked", "\(check)")
                #expect(item?["text"]?.text?.contains("NOPERM") == true, "\(check)")
            }
            #expect(run.code == 4)
        }
    }

    @Test func `a user who may read nothing is no healthy deployment, and each check is told of once`() async throws {
        let users = ["user default on nopass ~* &* +@all", "user blind on >pw resetkeys resetchannels -@all"]
        try await RedisServer.withServer(.init(aclUsers: users)) { server in
            let desk = try Desk(server, url: server.url.replacing("unix://", with: "unix://blind:pw@"))
            let run = try await desk.run("doctor --production --json --file /nonexistent/history.sqlite")
            let report = try run.json()
            #expect(run.code == 4 && report["healthy"] == .bool(false), "\(run.output)")
            let checks = report.items.compactMap { $0["check"]?.text }
            #expect(Set(checks).count == checks.count, "\(checks)")
            #expect(report["verdict"]?.text?.hasPrefix("This user may not make the checks that matter") == true)
        }
    }

    @Test func `no server is exit code 6, a wrong password 4, a silent server no later than the timeout`() async throws
    {
        try await RedisServer.withServer(.init(password: "right")) { server in
            let desk = try Desk(server)
            let port = server.port
            for command in ["status", "doctor"] {
                let wrong = try await desk.run("\(command) --redis redis://:wrong@127.0.0.1:\(port)")
                #expect(wrong.code == 4 && wrong.error.contains("WRONGPASS"))
                let none = try await desk.run("\(command) --redis redis://127.0.0.1:1 --timeout 300ms")
                #expect(none.code == 6 && none.error.contains("127.0.0.1:1"))
                #expect(none.output.isEmpty)
                server.pause()
                let clock = LocalClock.system
                let start = clock.now()
                let silent = try await desk.run("\(command) --timeout 300ms")
                server.resume()
                #expect(silent.code == 6 || silent.code == 7)
                // The time of a call is 300 ms; without it the command would hang for ever. The rest is for a busy machine.
                #expect(clock.now() - start < .seconds(60))
            }
        }
    }
}
