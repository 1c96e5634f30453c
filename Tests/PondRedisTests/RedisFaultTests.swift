import Glibc
import PondRedis
import PondTestKit
import Testing

/// What happens to calls when the server or the connection fails; every test stops or kills a server of its own.
@Suite struct RedisFaultTests {
    let key = RedisServer.uniqueName("key")

    @Test func `without a server a call fails at its deadline, and says why`() async throws {
        try await withClient("redis://127.0.0.1:1") { client in
            var error: RedisError?
            let time = try await elapsed {
                error = try await redisError { try await client.run("PING", timeout: .milliseconds(300)) }
            }
            #expect(error?.code == .connectFailed)
            #expect(error?.outcomeUnknown == false)
            #expect(error?.message.contains("127.0.0.1:1") == true)
            #expect(error?.message.contains("refused") == true, "\(error?.message ?? "")")
            #expect(time >= .milliseconds(300) && time < .seconds(5))
        }
    }

    @Test func `a missing socket and an unknown host are named`() async throws {
        for (url, word) in [("unix:///nowhere/redis.sock", "No such file"), ("redis://mill.invalid", "mill.invalid")] {
            try await withClient(url) { client in
                let error = try await redisError { try await client.run("PING", timeout: .seconds(1)) }
                #expect(error.code == .connectFailed || error.code == .timedOut)
                #expect(error.message.contains(word), "\(error.message)")
            }
        }
    }

    @Test func `a call waits for a server that starts late`() async throws {
        try await RedisServer.withServer { server in
            server.kill()
            try await withClient(server.url) { client in
                async let reply = client.run("PING")
                try await server.start()
                #expect(try await reply == .simple("PONG"))
            }
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a server killed and started 20 times under load is used again within 3 seconds`() async throws {
        try await RedisServer.withServer(.init(appendOnly: true)) { server in
            try await withClient(server.url) { client in
                try await withThrowingTaskGroup(of: Set<RedisError.Code>.self) { group in
                    for _ in 0..<32 {
                        group.addTask {
                            var codes: Set<RedisError.Code> = []
                            while !Task.isCancelled {
                                do {
                                    try await client.run("INCR", key, timeout: .seconds(3))
                                } catch let error as RedisError {
                                    codes.insert(error.code)
                                }
                            }
                            return codes
                        }
                    }
                    var slowest = Duration.zero
                    for _ in 0..<20 {
                        try await server.restart()
                        let back = try await elapsed {
                            try await eventually { (try? await client.run("PING")) == .simple("PONG") }
                        }
                        slowest = max(slowest, back)
                    }
                    #expect(slowest < .seconds(3))
                    group.cancelAll()
                    for try await codes in group {
                        #expect(codes.isSubset(of: [.connectionLost, .cancelled, .connectFailed]), "\(codes)")
                    }
                }
            }
        }
    }

    @Test func `calls wait while the server loads its data`() async throws {
        try await RedisServer.withServer(.init(appendOnly: true, arguments: ["--key-load-delay", "200"])) { server in
            try await withClient(server.url) { client in
                _ = try await client.pipeline((0..<5_000).map { RedisCommand("SET", "key-\($0)", .number($0)) })
                try await server.restart(until: .accepting)
                try await eventually { !client.isConnected }
                let early = try await redisError { try await client.run("GET", "key-1", timeout: .milliseconds(300)) }
                #expect([.connectFailed, .timedOut].contains(early.code), "\(early)")
                #expect(early.advice == .wait)
                #expect(try await client.run("GET", "key-4999").int == 4_999)
            }
        }
    }

    @Test func `a killed connection fails its call, and the next call has another`() async throws {
        try await RedisServer.withServer { server in
            try await withClient(server.url) { client in
                let id = try await client.connectionID()
                let blocked = Task { try await client.run("BLPOP", key, "30", timeout: .seconds(32)) }
                try await withClient(server.url) { other in
                    try await eventually { try await other.info("clients", "blocked_clients") == "1" }
                    try await other.run("CLIENT", "KILL", "ID", "\(id)")
                }
                let error = try await redisError { _ = try await blocked.value }
                #expect(error.code == .connectionLost)
                #expect(error.outcomeUnknown)
                #expect(error.advice == .reconnect)
                try await expectPong(client)
                #expect(try await client.connectionID() != id)
            }
        }
    }

    @Test func `an idle connection that is killed costs the next call nothing`() async throws {
        try await RedisServer.withServer { server in
            try await withClient(server.url) { client in
                let id = try await client.connectionID()
                try await withClient(server.url) { _ = try await $0.run("CLIENT", "KILL", "ID", "\(id)") }
                try await eventually { !client.isConnected }
                try await expectPong(client)
            }
        }
    }

    /// Makes the server silent for some seconds, in three ways.
    enum Silence: CaseIterable {
        case clientPause, debugSleep, stoppedProcess
    }

    @Test(arguments: Silence.allCases)
    func `a silent server is given up at the deadline, not later`(silence: Silence) async throws {
        try await RedisServer.withServer { server in
            try await withClient(server.url) { client in
                try await client.run("PING")
                try await withClient(server.url) { other in
                    try await expectPong(other)
                    switch silence {
                    case .clientPause: try await other.run("CLIENT", "PAUSE", "4000")
                    case .stoppedProcess: server.pause()
                    case .debugSleep:
                        await #expect(throws: RedisError.self) {
                            try await other.run("DEBUG", "SLEEP", "4", timeout: .milliseconds(500))
                        }
                    }
                }
                var error: RedisError?
                let time = try await elapsed {
                    error = try await redisError { try await client.run("INCR", key, timeout: .milliseconds(200)) }
                }
                #expect(error?.code == .timedOut)
                #expect(error?.outcomeUnknown == true)
                #expect(time >= .milliseconds(200) && time < .seconds(3), "\(time)")
                server.resume()
                try await expectPong(client)
            }
        }
    }

    @Test func `a late call fails its neighbours with connectionLost`() async throws {
        try await RedisServer.withServer { server in
            try await withClient(server.url) { client in
                let blocking = [RedisCommand("PING"), RedisCommand("BLPOP", .text(key), 30)]
                let neighbour = Task { try await client.pipeline(blocking, timeout: .seconds(32)) }
                try await withClient(server.url) { other in
                    try await eventually { try await other.info("clients", "blocked_clients") == "1" }
                }
                let late = try await redisError { try await client.run("GET", key, timeout: .milliseconds(100)) }
                #expect(late.code == .timedOut)
                let results = try await neighbour.value
                #expect(try results[0].get() == .simple("PONG"))
                let lost = #expect(throws: RedisError.self) { try results[1].get() }
                #expect(lost?.code == .connectionLost)
            }
        }
    }

    @Test func `a pipeline cut in the middle keeps the replies it got`() async throws {
        try await RedisServer.withServer { server in
            try await withClient(server.url) { client in
                let results = try await client.pipeline([
                    RedisCommand("SET", .text(key), 1),
                    RedisCommand("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"),
                    RedisCommand("INCR", .text(key)),
                ])
                #expect(results.count == 3)
                #expect(try results[0].get() == .simple("OK"))
                let last = #expect(throws: RedisError.self) { try results[2].get() }
                #expect(last?.code == .connectionLost)
            }
        }
    }

    @Test func `cancelling a blocking read ends it at once, here and on the server`() async throws {
        try await RedisServer.withServer { server in
            try await withClient(server.url) { reader in
                let id = try await reader.connectionID()
                let task = Task {
                    try await reader.run("XREAD", "BLOCK", "30000", "STREAMS", key, "$", timeout: .seconds(32))
                }
                try await withClient(server.url) { other in
                    try await eventually { try await other.info("clients", "blocked_clients") == "1" }
                    task.cancel()
                    let error = try await redisError { _ = try await task.value }
                    #expect(error.code == .cancelled)
                    #expect(error.outcomeUnknown)
                    try await eventually { try await other.run("CLIENT", "LIST", "ID", "\(id)").string == "" }
                }
                #expect(try await reader.run("PING") == .simple("PONG"))
            }
        }
    }

    @Test func `a call that waits for a connection is cancelled without having been sent`() async throws {
        try await withClient("redis://127.0.0.1:1") { client in
            let task = Task { try await client.run("PING", timeout: .seconds(60)) }
            task.cancel()
            let error = try await redisError { _ = try await task.value }
            #expect(error.code == .cancelled)
            #expect(!error.outcomeUnknown)
        }
    }

    @Test func `a thousand cancelled calls leave nothing behind`() async throws {
        try await RedisServer.withServer { server in
            try await withClient(server.url) { client in
                await withTaskGroup(of: Void.self) { group in
                    for number in 0..<1_000 {
                        group.addTask { _ = try? await client.run("PING", timeout: .milliseconds(5 + number % 50)) }
                        if number % 10 == 0 { group.cancelAll() }
                    }
                }
                try await expectPong(client)
            }
        }
    }

    @Test func `a reader cut off by the server's output limit is a lost connection`() async throws {
        try await RedisServer.withServer { server in
            try await withClient(server.url) { client in
                try await client.run("SET", key, String(repeating: "x", count: 8 << 20))
                try await client.run("CONFIG", "SET", "client-output-buffer-limit", "normal 1mb 1mb 0")
                let gets = Array(repeating: RedisCommand("GET", .text(key)), count: 8)
                let results = try await client.pipeline(gets, timeout: .seconds(20))
                let last = #expect(throws: RedisError.self) { try results[7].get() }
                #expect(last?.code == .connectionLost)
                try await expectPong(client)
            }
        }
    }

    @Test func `a server that takes no more clients is waited for`() async throws {
        try await RedisServer.withServer { server in
            try await withClient(server.url) { first in
                try await first.run("CONFIG", "SET", "maxclients", "1")
                try await withClient(server.url) { second in
                    let error = try await redisError { try await second.run("PING", timeout: .seconds(2)) }
                    #expect(error.code == .connectFailed)
                    #expect(error.message.contains("max number of clients"), "\(error.message)")
                    async let reply = second.run("PING")
                    try await first.run("CONFIG", "SET", "maxclients", "10")
                    #expect(try await reply == .simple("PONG"))
                }
            }
        }
    }

    @Test func `a stopped server holds back what does not fit in the send buffer`() async throws {
        try await RedisServer.withServer { server in
            try await withClient(server.url) { client in
                try await client.run("PING")
                server.pause()
                let megabyte = [UInt8](repeating: 1, count: 1 << 20)
                let name = key
                let unsent = await withTaskGroup(of: Bool.self) { group in
                    for _ in 0..<64 {
                        group.addTask {
                            let command = RedisCommand("SET", .text(name), .bytes(megabyte))
                            do throws(RedisError) {
                                _ = try await client.send(command, timeout: .milliseconds(500))
                                return false
                            } catch {
                                return !error.outcomeUnknown
                            }
                        }
                    }
                    return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                #expect(unsent > 32)
                server.resume()
                try await expectPong(client)
            }
        }
    }

    @Test func `a client without calls uses no processor time, server or not`() async throws {
        try await RedisServer.withServer { server in
            try await withClient(server.url) { client in
                try await client.run("PING")
                server.kill()
                try await eventually { !client.isConnected }
                #expect(
                    try await redisError { try await client.run("PING", timeout: .milliseconds(300)) }.advice == .wait
                )
                // Nothing tries to connect on its own: a listener in the server's place sees nobody.
                try await server.start()
                try await withClient(server.url) { other in
                    // That nobody comes shows in time only.
                    try await Task.sleep(for: .seconds(1.5))
                    #expect(try await other.info("stats", "total_connections_received") <= "3")
                    #expect(!client.isConnected)
                }
            }
        }
    }
}
