import Glibc
import PondRedis
import PondTestKit
import Testing

/// The table of prefixes, and real servers that produce them.
@Suite(.redis) struct RedisErrorTests {
    let server = RedisServer.current
    let key = RedisServer.uniqueName("key")

    /// Runs one command and expects its error to have the prefix and the advice.
    func expect(
        _ prefix: String,
        _ advice: RedisError.Advice,
        at location: SourceLocation = #_sourceLocation,
        _ body: () async throws -> Void
    ) async throws {
        let error = try await redisError(sourceLocation: location, body)
        #expect(error.prefix == prefix, "\(error)", sourceLocation: location)
        #expect(error.advice == advice, "\(error)", sourceLocation: location)
    }

    @Test func `advice for what is no error reply`() {
        #expect(RedisError(.connectionLost, "").advice == .reconnect)
        #expect(RedisError(.protocolViolation, "").advice == .reconnect)
        #expect(RedisError(.timedOut, "").advice == .wait)
        #expect(RedisError(.connectFailed, "").advice == .wait)
        #expect(RedisError(.pipelineFull, "").advice == .wait)
        for code in [RedisError.Code.invalidURL, .authentication, .tooLarge, .closed, .cancelled] {
            #expect(RedisError(code, "").advice == .giveUp)
        }
    }

    @Test func `an unknown prefix means give up, and a full server means wait`() {
        #expect(RedisError(.reply("INVALID"), "INVALID kind").advice == .giveUp)
        #expect(RedisError(.reply("ERR"), "ERR max number of clients reached").advice == .wait)
    }

    @Test func `an error says whether the command may have run`() {
        #expect("\(RedisError(.connectionLost, "gone", outcomeUnknown: true))".contains("may have run"))
        #expect("\(RedisError(.reply("ERR"), "ERR no"))" == "error reply ERR: ERR no")
    }

    @Test func `a caller's mistakes`() async throws {
        try await withClient(server.url) { client in
            try await client.run("SET", key, "a")
            try await expect("WRONGTYPE", .giveUp) { try await client.run("LPUSH", key, "a") }
            try await expect("ERR", .giveUp) { try await client.run("NOSUCHCOMMAND") }
            try await expect("NOSCRIPT", .retryNow) {
                try await client.run("EVALSHA", String(repeating: "0", count: 40), "0")
            }
            try await expect("NOGROUP", .retryNow) {
                try await client.run("XREADGROUP", "GROUP", "g", "c", "STREAMS", "\(key)-s", ">")
            }
            try await client.run("XGROUP", "CREATE", "\(key)-s", "g", "0", "MKSTREAM")
            try await expect("BUSYGROUP", .giveUp) { try await client.run("XGROUP", "CREATE", "\(key)-s", "g", "0") }
            try await expect("WRONGPASS", .giveUp) { try await client.run("AUTH", "nobody", "wrong") }
            try await expect("NOPROTO", .giveUp) { try await client.run("HELLO", "9") }
            try await expect("NOTBUSY", .giveUp) { try await client.run("SCRIPT", "KILL") }
            let dump = try await client.run("DUMP", key).bytes ?? []
            try await expect("BUSYKEY", .giveUp) {
                _ = try await client.send(RedisCommand("RESTORE", .text(key), 0, .bytes(dump)))
            }
            try await expect("INVALID", .giveUp) {
                try await client.run("EVAL", "return redis.error_reply('INVALID field')", "0")
            }
            let results = try await client.pipeline([
                RedisCommand("MULTI"), RedisCommand("NOSUCHCOMMAND"), RedisCommand("EXEC"),
            ])
            try await expect("EXECABORT", .giveUp) { _ = try results[2].get() }
        }
    }

    @Test func `a user who may not, and a user who has not logged in`() async throws {
        try await RedisServer.withServer(.init(password: "secret")) { server in
            try await withClient(server.url) { client in
                try await client.run("ACL", "SETUSER", "reader", "on", ">secret", "~*", "+@all", "-set")
                try await client.run("AUTH", "reader", "secret")
                try await expect("NOPERM", .giveUp) { try await client.run("SET", key, "a") }
                try await client.run("RESET")
                try await expect("NOAUTH", .giveUp) { try await client.run("GET", key) }
            }
        }
    }

    @Test func `a full memory, a full disk and missing replicas are waited for`() async throws {
        try await RedisServer.withServer { server in
            try await withClient(server.url) { client in
                try await client.run("CONFIG", "SET", "maxmemory", "1")
                try await expect("OOM", .wait) { try await client.run("SET", key, "a") }
                try await client.run("CONFIG", "SET", "maxmemory", "0")
                try await client.run("CONFIG", "SET", "min-replicas-to-write", "1")
                try await expect("NOREPLICAS", .wait) { try await client.run("SET", key, "a") }
                try await client.run("CONFIG", "SET", "min-replicas-to-write", "0")
                // A snapshot cannot replace a directory.
                #expect(mkdir("\(server.directory)/dump.rdb", 0o700) == 0)
                try await client.run("CONFIG", "SET", "save", "3600 1000000")
                try await client.run("BGSAVE")
                try await eventually { try await client.info("persistence", "rdb_last_bgsave_status") == "err" }
                try await expect("MISCONF", .wait) { try await client.run("SET", key, "a") }
            }
        }
    }

    @Test func `a server busy with a script is waited for`() async throws {
        try await RedisServer.withServer(.init(arguments: ["--busy-reply-threshold", "10"])) { server in
            try await withClient(server.url) { client in
                try await withClient(server.url) { other in
                    try await other.run("PING")
                    let script = Task { try await client.run("EVAL", "while true do end", "0", timeout: .seconds(30)) }
                    try await eventually {
                        do {
                            try await other.run("GET", key)
                            return false
                        } catch let error as RedisError {
                            return error.prefix == "BUSY" && error.advice == .wait
                        }
                    }
                    try await other.run("SCRIPT", "KILL")
                    try await expect("ERR", .giveUp) { _ = try await script.value }
                }
            }
        }
    }

    @Test func `a reader that somebody wakes with an error reads again`() async throws {
        try await withClient(server.url) { reader in
            let id = try await reader.connectionID()
            let blocked = Task { try await reader.run("BLPOP", key, "30", timeout: .seconds(32)) }
            try await withClient(server.url) { other in
                try await eventually { try await other.run("CLIENT", "UNBLOCK", "\(id)", "ERROR").int == 1 }
            }
            try await expect("UNBLOCKED", .retryNow) { _ = try await blocked.value }
        }
    }

    @Test func `a replica is read only, and useless without its master`() async throws {
        try await RedisServer.withServer { server in
            try await withClient(server.url) { client in
                try await client.run("REPLICAOF", "127.0.0.1", "1")
                let id = try await client.connectionID()
                try await expect("READONLY", .reconnect) { try await client.run("SET", key, "a") }
                let next = try await client.connectionID()
                #expect(next != id)
                try await client.run("CONFIG", "SET", "replica-serve-stale-data", "no")
                try await expect("MASTERDOWN", .wait) { try await client.run("GET", key) }
                // The login asks PING, which such a replica does not answer.
                try await withClient(server.url) { late in
                    let error = try await redisError { try await late.run("GET", key, timeout: .seconds(2)) }
                    #expect(error.code == .connectFailed)
                    #expect((error.underlying as? RedisError)?.prefix == "MASTERDOWN")
                }
            }
        }
    }

    @Test func `a loading server is seen as such by a user who may not PING`() async throws {
        let rules = ["user default on nopass ~* +@all", "user w on >secret ~* +@all -ping"]
        let options = RedisServer.Options(appendOnly: true, aclUsers: rules, arguments: ["--key-load-delay", "300"])
        try await RedisServer.withServer(options) { server in
            try await withClient(server.url) { client in
                _ = try await client.pipeline((0..<5_000).map { RedisCommand("SET", "key-\($0)", .number($0)) })
            }
            try await server.restart(until: .accepting)
            try await withClient("unix://w:secret@\(server.socketPath)") { client in
                try await expect("LOADING", .wait) { try await client.run("GET", "key-1") }
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a cluster says where its slots are`() async throws {
        let options = RedisServer.Options(cluster: true, arguments: ["--cluster-node-timeout", "2000"])
        try await RedisServer.withServer(options) { server in
            try await withClient(server.url) { client in
                try await expect("CLUSTERDOWN", .wait) { try await client.run("GET", key) }
                try await RedisServer.withServer(options) { neighbour in
                    try await withClient(neighbour.url) { other in
                        let bus = "\(neighbour.clusterPort)"
                        try await client.run("CLUSTER", "MEET", "127.0.0.1", "\(neighbour.port)", bus)
                        try await client.run("CLUSTER", "ADDSLOTSRANGE", "0", "8191")
                        try await other.run("CLUSTER", "ADDSLOTSRANGE", "8192", "16383")
                        try await eventually(within: .seconds(40)) {
                            try await client.run("CLUSTER", "INFO").string?.contains("cluster_state:ok") == true
                        }
                        try await expectSlotErrors(
                            client,
                            neighbour: try await other.run("CLUSTER", "MYID").string ?? ""
                        )
                    }
                }
            }
        }
    }

    /// The first node has slots 0-8191: `bar` (5061) and `{bar}…` are its own, `foo` (12182) is the neighbour's.
    func expectSlotErrors(_ client: RedisClient, neighbour: String) async throws {
        try await expect("CROSSSLOT", .giveUp) { try await client.run("MGET", "foo", "bar") }
        try await expect("MOVED", .reconnect) { try await client.run("GET", "foo") }
        try await client.run("SET", "{bar}1", "a")
        try await client.run("CLUSTER", "SETSLOT", "5061", "MIGRATING", neighbour)
        try await expect("ASK", .reconnect) { try await client.run("GET", "{bar}2") }
        try await expect("TRYAGAIN", .wait) { try await client.run("MGET", "{bar}1", "{bar}2") }
    }

    @Test func `every prefix of the table is produced by a server here`() {
        let produced: Set = [
            "WRONGTYPE", "ERR", "NOSCRIPT", "NOGROUP", "BUSYGROUP", "WRONGPASS", "NOPROTO", "NOTBUSY", "BUSYKEY",
            "EXECABORT",
            "NOPERM", "NOAUTH", "OOM", "NOREPLICAS", "MISCONF", "BUSY", "UNBLOCKED", "READONLY", "MASTERDOWN",
            "LOADING",
            "CLUSTERDOWN", "CROSSSLOT", "MOVED", "ASK", "TRYAGAIN",
        ]
        // Not produced: a script that has written and never ends, a server without a password on a public address.
        #expect(Set(RedisError.prefixAdvice.keys) == produced.union(["UNKILLABLE", "DENIED"]))
    }
}
