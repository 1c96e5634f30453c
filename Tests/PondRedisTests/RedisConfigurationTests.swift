import PondRedis
import Testing

@Suite struct RedisConfigurationTests {
    @Test(arguments: [
        ("redis://localhost", "redis://localhost:6379/0"),
        ("REDIS://Localhost:1/", "redis://Localhost:1/0"),
        ("redis://10.0.0.1:6380/15", "redis://10.0.0.1:6380/15"),
        ("redis://[::1]:6380/2", "redis://[::1]:6380/2"),
        ("redis://[fe80::1]", "redis://[fe80::1]:6379/0"),
        ("redis://:secret@mill/1", "redis://:***@mill:6379/1"),
        ("redis://worker:se%40cret@mill", "redis://worker:***@mill:6379/0"),
        ("redis://mill?db=7", "redis://mill:6379/7"),
        ("rediss://mill:6380", "rediss://mill:6380/0"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock?db=0"),
        ("redis+unix:///run/redis.sock?db=4", "unix:///run/redis.sock?db=4"),
        ("redis://mill/1\n", "redis://mill:6379/1"),
        (" redis://mill \r\n\n", "redis://mill:6379/0"),
        ("redis://worker:se@cr@et@mill", "redis://worker:***@mill:6379/0"),
        ("rediss://mill?ca=/etc/a@b.pem", "rediss://mill:6379/0"),
        ("unix://worker:secret@/run/my%20redis.sock", "unix://worker:***@/run/my redis.sock?db=0"),
    ])
    func `a URL is read, and shown without its password`(url: String, shown: String) throws {
        let configuration = try RedisConfiguration(url: url)
        #expect("\(configuration)" == shown)
        #expect(String(reflecting: configuration) == shown)
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!dumped.contains("cret"))
    }

    @Test func `user and password are decoded`() throws {
        let configuration = try RedisConfiguration(url: "redis://w%3Ao:p%2Fa%25s%C3%A9@mill")
        #expect(configuration.user == "w:o")
        #expect(configuration.password == "p/a%sé")
    }

    @Test func `of several @ the last ends the login`() throws {
        let configuration = try RedisConfiguration(url: "redis://w:p@ss@mill:1")
        #expect(configuration.user == "w" && configuration.password == "p@ss")
        #expect(configuration.address == .tcp(host: "mill", port: 1))
    }

    @Test func `a certificate of the client's own has a file, and its key one of its own or the same`() throws {
        let tls = try RedisConfiguration(url: "rediss://mill?cert=/etc/c.pem&key=/etc/c.key").tls
        #expect(tls?.certificateFile == "/etc/c.pem" && tls?.keyFile == "/etc/c.key")
        #expect(try RedisConfiguration(url: "rediss://mill?cert=/etc/c.pem").tls?.keyFile == nil)
    }

    @Test func `TLS is verified unless told otherwise`() throws {
        let plain = try RedisConfiguration(url: "rediss://mill")
        #expect(plain.tls == RedisConfiguration.TLS())
        #expect(plain.tls?.isVerified == true)
        let open = try RedisConfiguration(url: "rediss://mill?verify=none&ca=/etc/ca%20.pem&servername=x.y&db=2")
        #expect(open.tls == RedisConfiguration.TLS(caFile: "/etc/ca .pem", isVerified: false, serverName: "x.y"))
        #expect(open.database == 2)
        #expect(try RedisConfiguration(url: "redis://mill").tls == nil)
    }

    @Test(arguments: [
        ("", "scheme"), ("mill:6379", "scheme"), ("http://mill", "scheme"), ("redis:/mill", "scheme"),
        ("redis://", "host"), ("redis://:6379", "host"), ("redis://mi%6cl", "host"), ("redis://mi ll", "0x20"),
        ("redis://mill\\x", "0x5c"), ("redis://müll", "0xc3"), ("redis://mill\r\nFLUSHALL", "0xd"),
        ("redis://mill:", "port"), ("redis://mill:0", "port"), ("redis://mill:65536", "port"),
        ("redis://mill:+1", "port"), ("redis://mill:6379:1", "port"), ("redis://mill:999999999999999999999", "port"),
        ("redis://[::1", "bracket"), ("redis://[::1]x", "port"), ("redis://[mill]", "IPv6"), ("redis://[]", "IPv6"),
        ("redis://mill/x", "database"), ("redis://mill/-1", "database"), ("redis://mill/1/2", "database"),
        ("redis://mill/70000", "database"), ("redis://mill/1?db=1", "twice"), ("redis://mill?db=", "database"),
        ("redis://mill?ca=/x", "unknown"), ("rediss://mill?verify=maybe", "verify"), ("rediss://mill?x=1", "unknown"),
        ("rediss://mill?ca=", "empty"), ("rediss://mill?verify=none&verify=full", "twice"), ("redis://mill?", "value"),
        ("redis://mill#x", "fragment"), ("redis://a:b#c@mill", "%23"), ("redis://secret@mill", "write :PASSWORD@"),
        ("redis://:a/b@mill", "write %2F"), ("redis://w:a?b@mill", "write %3F"), ("redis://w:1/b@mill", "write %2F"),
        ("rediss://mill?key=/x", "needs cert"), ("redis://mill\n/1", "line end"),
        ("redis://:@mill", "empty"), ("redis://a:%zz@mill", "hexadecimal"), ("redis://a:%e9@mill", "UTF-8"),
        ("redis://a:b%4@mill", "hexadecimal"), ("unix://host/run/x", "slash"), ("unix://", "slash"),
        ("unix:///", "empty"), ("unix:///a%00b", "NUL"), ("unix:///" + String(repeating: "x", count: 107), "107"),
        ("redis://" + String(repeating: "x", count: 254), "host"),
        ("redis://" + String(repeating: "x", count: 5_000), "bytes"),
    ])
    func `a malformed URL is refused by the part`(url: String, part: String) {
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: url) }
        #expect(error?.code == .invalidURL)
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "no error")")
        #expect(error?.message.contains("secret") == false)
    }
}
