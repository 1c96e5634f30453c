import Logging
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct RedisClientTests {
    let server = RedisServer.current
    let key = RedisServer.uniqueName("key")

    @Test func `commands go over a unix socket and over TCP`() async throws {
        for url in [server.url, server.tcpURL] {
            try await withClient(url) { client in
                #expect(!client.isConnected)
                let answers = [try await client.run("SET", key, "a"), try await client.run("GET", key)]
                #expect(answers == [.simple("OK"), .bulk([0x61])])
                #expect(client.isConnected)
            }
        }
    }

    @Test func `any bytes come back as they were sent`() async throws {
        let bytes = pattern(70_000)
        try await withClient(server.url) { client in
            _ = try await client.send(RedisCommand("SET", .text(key), .bytes(bytes)))
            #expect(try await client.run("GET", key) == .bulk(bytes[...]))
        }
    }

    @Test func `a value of 20 MB comes back whole`() async throws {
        let bytes = pattern(20_000_000)
        try await withClient(server.url) { client in
            _ = try await client.send(RedisCommand("SET", .text(key), .bytes(bytes)), timeout: .seconds(30))
            #expect(try await client.run("GET", key, timeout: .seconds(30)) == .bulk(bytes[...]))
        }
    }

    @Test func `an error reply is thrown with its prefix and its text`() async throws {
        try await withClient(server.url) { client in
            try await client.run("SET", key, "a")
            let error = try await redisError { try await client.run("LPUSH", key, "a") }
            #expect(error.code == .reply("WRONGTYPE"))
            #expect(error.message.contains("wrong kind of value"))
            #expect(!error.outcomeUnknown)
            #expect(try await client.run("GET", key).string == "a")
        }
    }

    @Test func `each command of a pipeline has its own result`() async throws {
        try await withClient(server.url) { client in
            let results = try await client.pipeline([
                RedisCommand("SET", .text(key), 1), RedisCommand("LPUSH", .text(key), 1),
                RedisCommand("INCR", .text(key)),
            ])
            #expect(results.count == 3)
            #expect(try results[0].get() == .simple("OK"))
            #expect(throws: RedisError.self) { try results[1].get() }
            #expect(try results[2].get().int == 2)
            #expect(try await client.pipeline([]).isEmpty)
        }
    }

    @Test func `64 tasks get their own replies over one connection`() async throws {
        try await withClient(server.url) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<64 {
                    group.addTask {
                        for number in 0..<100 {
                            let word = "\(task)-\(number)"
                            let echo = try await client.run("ECHO", word).string
                            #expect(echo == word)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `commands of many tasks share the writes`() async throws {
        try await RedisServer.withServer { server in
            try await withClient(server.url) { client in
                try await client.run("PING")
                let before = try #require(Int(try await client.info("stats", "total_reads_processed")))
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<2_000 { group.addTask { _ = try? await client.run("PING") } }
                }
                let after = try #require(Int(try await client.info("stats", "total_reads_processed")))
                #expect(after - before < 1_000, "2000 commands of 2000 tasks took \(after - before) reads")
            }
        }
    }

    @Test func `tasks on the connection's own thread send in one write what one turn of it brings`() async throws {
        try await RedisServer.withServer { server in
            try await withClient(server.url) { client in
                let before = try #require(Int(try await client.info("stats", "total_reads_processed")))
                try await withTaskExecutorPreference(client.executor) {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for task in 0..<64 {
                            group.addTask {
                                for number in 0..<50 {
                                    let word = "\(task)-\(number)"
                                    let echo = try await client.run("ECHO", word).string
                                    #expect(echo == word)
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                let after = try #require(Int(try await client.info("stats", "total_reads_processed")))
                #expect(after - before < 500, "3200 commands of 64 tasks took \(after - before) reads")
            }
        }
    }

    @Test func `a task that is always ready stops no other on the connection's own thread`() async throws {
        try await withClient(server.url) { client in
            try await withTaskExecutorPreference(client.executor) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { while !Task.isCancelled { await Task.yield() } }
                    for _ in 0..<10 { try await expectPong(client) }
                    group.cancelAll()
                }
            }
        }
    }

    @Test func `large calls and small ones get their own replies`() async throws {
        try await withClient(server.url) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<32 {
                    group.addTask {
                        for size in [1, 300_000, 10_000] {
                            let word = String(repeating: "\(task % 10)", count: size + task)
                            let echo = try await client.run("ECHO", word).string
                            #expect(echo == word)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `database and name are set on the connection`() async throws {
        try await withClient(server.url + "?db=5", change: { $0.clientName = "mill" }) { client in
            let line = try await client.run("CLIENT", "INFO").string ?? ""
            #expect(line.contains("db=5 "))
            #expect(line.contains("name=mill "))
        }
    }

    @Test func `a database that does not exist is an error at once`() async throws {
        try await withClient(server.url + "?db=99") { client in
            let error = try await redisError { try await client.run("PING") }
            #expect(error.code == .reply("ERR"))
            #expect(error.message.contains("DB index"))
        }
    }

    @Test func `the connection's number is known while a command blocks`() async throws {
        try await withClient(server.url) { reader in
            let id = try await reader.connectionID()
            #expect(try await reader.run("CLIENT", "ID").int == id)
            async let reply = reader.run("BLPOP", key, "30", timeout: .seconds(32))
            try await withClient(server.url) { other in
                try await eventually {
                    try await other.run("CLIENT", "LIST", "ID", "\(id)").string?.contains("blpop") == true
                }
                #expect(try await reader.connectionID() == id)
                #expect(try await other.run("CLIENT", "UNBLOCK", "\(id)").int == 1)
            }
            #expect(try await reply == .null)
        }
    }

    @Test func `a reply larger than allowed closes the connection, the next call makes another`() async throws {
        try await withClient(server.url, change: { $0.replyBytesMax = 1_000 }) { client in
            try await client.run("SET", key, String(repeating: "x", count: 1_001))
            let id = try await client.connectionID()
            let error = try await redisError { try await client.run("GET", key) }
            #expect(error.code == .protocolViolation)
            #expect(error.outcomeUnknown)
            try await expectPong(client)
            #expect(try await client.connectionID() != id)
        }
    }

    @Test func `a subscription ends with a clear error instead of wrong replies`() async throws {
        try await withClient(server.url) { client in
            try await client.run("SUBSCRIBE", key)
            try await withClient(server.url) { _ = try await $0.run("PUBLISH", key, "a") }
            try await eventually { !client.isConnected }
            try await expectPong(client)
        }
    }

    @Test func `more commands than the limit are refused, the others are answered`() async throws {
        try await withClient(server.url, change: { $0.pipelineLimit = 2 }) { client in
            let commands = Array(repeating: RedisCommand("PING"), count: 3)
            let error = try await redisError { _ = try await client.pipeline(commands) }
            #expect(error.code == .tooLarge)
            let limits = RedisCommand("X", Array(repeating: "a", count: 1 << 20))
            #expect(try await redisError { _ = try await client.send(limits) }.code == .tooLarge)
            let large = Array(repeating: RedisArgument.bytes(pattern(1 << 20)), count: 1_024)
            #expect(try await redisError { _ = try await client.send(RedisCommand("X", large)) }.code == .tooLarge)
            let halves = Array(repeating: RedisCommand("X", Array(large.prefix(600))), count: 2)
            #expect(try await redisError { _ = try await client.pipeline(halves) }.code == .tooLarge)
            #expect(try await client.pipeline(Array(commands.prefix(2))).count == 2)
        }
    }

    @Test func `closing fails calls under way and later ones, and can be done twice`() async throws {
        try await withClient(server.url) { client in
            let blocked = Task { try await client.run("BLPOP", key, "30", timeout: .seconds(32)) }
            let id = try await client.connectionID()
            try await withClient(server.url) { other in
                try await eventually {
                    try await other.run("CLIENT", "LIST", "ID", "\(id)").string?.contains("blpop") == true
                }
                await client.close()
                await client.close()
                #expect(try await redisError { _ = try await blocked.value }.code == .closed)
                #expect(try await redisError { try await client.run("PING") }.code == .closed)
                #expect(!client.isConnected)
                try await eventually { try await other.run("CLIENT", "LIST", "ID", "\(id)").string == "" }
            }
        }
    }

    @Test func `a client that nobody holds closes its connection`() async throws {
        try await withClient(server.url) { other in
            let id = try await RedisClient(try RedisConfiguration(url: server.url), logger: .init(label: "t"))
                .connectionID()
            try await eventually { try await other.run("CLIENT", "LIST", "ID", "\(id)").string == "" }
        }
    }
}
