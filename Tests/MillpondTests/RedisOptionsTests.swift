import ArgumentParser
import Glibc
import Millpond
import PondCore
import PondRedis
import Testing

@Suite struct RedisOptionsTests {
    /// A file of a test's own that is gone afterwards.
    private func withFile(_ text: String, _ body: (String) throws -> Void) throws {
        let template = "/tmp/millpond-test-XXXXXX"
        var path = template.utf8CString.map { $0 }
        let descriptor = mkstemp(&path)
        try #require(descriptor >= 0)
        let name = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unlink(name) }
        try #require(write(descriptor, text, text.utf8.count) == text.utf8.count)
        close(descriptor)
        try body(name)
    }

    private func configuration(
        _ arguments: [String] = [],
        _ environment: [String: String] = [:]
    ) throws -> RedisConfiguration {
        try RedisOptions.parse(arguments).configuration { environment[$0] }
    }

    @Test func `the option goes before the environment, and the environment before the default`() throws {
        let environment = ["MILLPOND_REDIS_URL": "redis://b:2"]
        #expect(try configuration(["--redis", "redis://a:1"], environment).address == .tcp(host: "a", port: 1))
        #expect(try configuration([], environment).address == .tcp(host: "b", port: 2))
        #expect(try configuration().address == .tcp(host: "127.0.0.1", port: 6_379))
    }

    @Test func `the timeout bounds calls and connecting, and is 5 seconds unless said otherwise`() throws {
        #expect(try configuration().commandTimeout == .seconds(5))
        let configuration = try configuration(["--timeout", "500ms"])
        #expect(configuration.commandTimeout == .milliseconds(500))
        #expect(configuration.connectTimeout == .milliseconds(500))
    }

    @Test func `the password comes from its file, for a user in the URL too`() throws {
        try withFile("s3cret\n") { path in
            let environment = ["MILLPOND_REDIS_PASSWORD_FILE": path]
            #expect(try configuration([], environment).password == "s3cret")
            let named = try configuration(["--redis", "rediss://worker@h:1/2"], environment)
            #expect(named.user == "worker" && named.password == "s3cret" && named.database == 2)
            #expect(try configuration(["--redis", "unix://w@/run/r.sock"], environment).user == "w")
            #expect(!"\(named)".contains("s3cret"))
        }
    }

    @Test func `a password keeps its spaces and loses one line end`() throws {
        try withFile(" a b \r\n") { path in
            let configuration = try configuration([], ["MILLPOND_REDIS_PASSWORD_FILE": path])
            #expect(configuration.password == " a b ")
        }
    }

    @Test(arguments: ["", "\n", String(repeating: "x", count: 5_000)])
    func `a password file that is empty or too long is refused`(text: String) throws {
        try withFile(text) { path in
            let error = #expect(throws: CommandFailure.self) {
                try configuration([], ["MILLPOND_REDIS_PASSWORD_FILE": path])
            }
            #expect(error?.exitCode == .usage)
        }
    }

    @Test func `a password file that is missing is named`() throws {
        let error = #expect(throws: CommandFailure.self) {
            try configuration([], ["MILLPOND_REDIS_PASSWORD_FILE": "/nowhere/at/all"])
        }
        #expect(error?.message.contains("/nowhere/at/all") == true)
        #expect(error?.message.contains("No such file") == true)
    }

    @Test func `a malformed URL names where it came from and shows no password`() throws {
        let error = #expect(throws: CommandFailure.self) {
            try configuration([], ["MILLPOND_REDIS_URL": "http://:hush@h"])
        }
        #expect(error?.exitCode == .usage)
        #expect(error?.message.hasPrefix("MILLPOND_REDIS_URL: ") == true)
        #expect(error?.message.contains("hush") == false)
    }

    @Test func `the prefix is checked before any key is made of it`() throws {
        #expect(try RedisOptions.parse([]).resolvedPrefix { _ in nil } == "mp")
        #expect(try RedisOptions.parse([]).resolvedPrefix { $0 == "MILLPOND_PREFIX" ? "x" : nil } == "x")
        #expect(try RedisOptions.parse(["--prefix", "y"]).resolvedPrefix { _ in "x" } == "y")
        for prefix in ["", "a b", "a{b", "a}", "ä", "a\n", String(repeating: "x", count: 65)] {
            #expect(throws: CommandFailure.self) {
                try RedisOptions.parse(["--prefix", prefix]).resolvedPrefix { _ in nil }
            }
        }
    }
}
