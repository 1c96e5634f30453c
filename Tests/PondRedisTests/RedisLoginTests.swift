import PondRedis
import PondTestKit
import Testing

@Suite struct RedisLoginTests {
    @Test func `a password is sent, a wrong or missing one is an error at once`() async throws {
        try await RedisServer.withServer(.init(password: "se:c/r@t")) { server in
            for url in ["redis://:se%3Ac%2Fr%40t@127.0.0.1:\(server.port)", server.url] {
                try await withClient(url) { try await expectPong($0) }
            }
            for url in ["redis://:wrong@127.0.0.1:\(server.port)", "redis://127.0.0.1:\(server.port)"] {
                try await withClient(url) { client in
                    var error: RedisError?
                    let time = try await elapsed { error = try await redisError { try await client.run("PING") } }
                    #expect(error?.code == .authentication)
                    #expect(error?.advice == .giveUp)
                    #expect(error?.message.contains("wrong@") == false)
                    #expect(time < .seconds(3))
                }
            }
        }
    }

    @Test func `an ACL user may do what the rules allow`() async throws {
        let rules = ["user default off", "user worker on >secret ~mp:* +@all -ping -client"]
        try await RedisServer.withServer(.init(aclUsers: rules)) { server in
            try await withClient("unix://worker:secret@\(server.socketPath)", change: { $0.clientName = "w" }) {
                client in
                try await client.run("SET", "mp:a", "1")
                let refused = try await redisError { try await client.run("SET", "a", "1") }
                #expect(refused.code == .reply("NOPERM"))
                let unknown = try await redisError { _ = try await client.connectionID() }
                #expect(unknown.code == .reply("NOPERM"))
            }
            try await withClient("unix://worker:wrong@\(server.socketPath)") { client in
                let refused = try await redisError { try await client.run("SET", "mp:a", "1") }
                #expect(refused.code == .authentication)
            }
        }
    }

    @Test func `TLS is verified against the given authority`() async throws {
        try await RedisServer.withServer(.init(tls: true)) { server in
            let stranger = try server.makeStrangerAuthority()
            let host = "rediss://localhost:\(server.tlsPort)"
            for url in [
                server.tlsURL, "\(host)?verify=none", "\(host)?ca=\(stranger)&verify=none",
                "rediss://127.0.0.1:\(server.tlsPort)/3?ca=\(server.caFile)&servername=localhost",
            ] {
                try await withClient(url) { try await expectPong($0, "\(url)") }
            }
            for (url, word) in [
                ("\(host)?ca=\(stranger)", "signed by no authority that is trusted here"),
                (host, "signed by no authority that is trusted here"),
                ("\(host)?ca=\(server.caFile)&servername=mill", "servername="),
                ("rediss://127.0.0.1:\(server.tlsPort)?ca=\(server.caFile)", "servername="),
                ("\(host)?ca=/nowhere.pem", "/nowhere.pem"),
                ("\(server.tlsURL)&cert=/nowhere.crt", "/nowhere.crt holds no certificate"),
                (
                    "\(server.tlsURL)&cert=\(server.caFile)",
                    "holds no private key (PEM) to read; name its file with key="
                ),
            ] {
                try await withClient(url) { client in
                    let error = try await redisError { try await client.run("PING") }
                    #expect(error.code == .tls, "\(url): \(error)")
                    #expect(error.message.contains(word), "\(url): \(error)")
                }
            }
        }
    }

    @Test func `a server that asks for a certificate is shown one, and says in words that it wants one`() async throws {
        try await RedisServer.withServer(.init(tls: true, arguments: ["--tls-auth-clients", "yes"])) { server in
            // The authority of the server signed this one, too.
            let own = "\(server.tlsURL)&cert=\(server.directory)/server.crt&key=\(server.directory)/server.key"
            try await withClient(own) { try await expectPong($0) }
            try await withClient(server.tlsURL) { client in
                let error = try await redisError { try await client.run("PING") }
                #expect(error.code == .tls, "\(error)")
                #expect(error.message.contains("name it with cert="), "\(error)")
                #expect(!error.message.contains("OPENSSL_internal"), "\(error)")
            }
        }
    }

    @Test func `a large value crosses TLS whole`() async throws {
        try await RedisServer.withServer(.init(tls: true)) { server in
            let bytes = pattern(3_000_000)
            try await withClient(server.tlsURL) { client in
                _ = try await client.send(RedisCommand("SET", "k", .bytes(bytes)))
                #expect(try await client.run("GET", "k") == .bulk(bytes[...]))
            }
        }
    }

    @Test func `TLS towards a plain port is a clear error`() async throws {
        try await RedisServer.withServer { server in
            try await withClient(
                "rediss://localhost:\(server.port)?verify=none",
                change: { $0.connectTimeout = .seconds(1) }
            ) { client in
                let error = try await redisError { try await client.run("PING", timeout: .seconds(3)) }
                #expect(error.code == .connectFailed, "\(error)")
                #expect(error.message.contains("does the port speak TLS?"), "\(error)")
            }
        }
    }

    @Test func `plain text towards a TLS port is a clear error`() async throws {
        try await RedisServer.withServer(.init(tls: true)) { server in
            try await withClient("redis://localhost:\(server.tlsPort)") { client in
                let error = try await redisError { try await client.run("PING", timeout: .seconds(3)) }
                #expect(error.code == .connectFailed, "\(error)")
                let words = ["closed the connection", "reset by peer"]
                #expect(words.contains { error.message.contains($0) }, "\(error)")
            }
        }
    }
}
