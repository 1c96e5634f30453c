import PondRedis
import Testing

@Suite struct LoginTests {
    func configuration(_ change: (inout RedisConfiguration) -> Void = { _ in }) -> RedisConfiguration {
        var configuration = RedisConfiguration(address: .unixSocket(path: "/run/redis.sock"))
        change(&configuration)
        return configuration
    }

    @Test func `everything asked for is sent in one go`() {
        let login = Login(
            configuration {
                $0.user = "worker"
                $0.password = "secret"
                $0.database = 3
                $0.clientName = "mill"
            }
        )
        #expect(
            login.commands == [
                RedisCommand("AUTH", "worker", "secret"), RedisCommand("SELECT", 3),
                RedisCommand("CLIENT", "SETNAME", "mill"), RedisCommand("CLIENT", "ID"), RedisCommand("PING"),
            ]
        )
    }

    @Test func `a password alone is the default user's`() {
        let login = Login(configuration { $0.password = "secret" })
        #expect(login.commands.first == RedisCommand("AUTH", "secret"))
    }

    @Test func `the connection's number is kept`() {
        var login = Login(configuration())
        #expect(login.received(.integer(42)) == .more)
        #expect(login.received(.simple("PONG")) == .done)
        #expect(login.connectionID == 42)
    }

    @Test func `a user who may run neither CLIENT nor PING is logged in all the same`() {
        var login = Login(configuration { $0.clientName = "mill" })
        #expect(login.received(.error("NOPERM no")) == .more)
        #expect(login.received(.error("NOPERM no")) == .more)
        #expect(login.received(.error("NOPERM no")) == .done)
        #expect(login.connectionID == nil)
    }

    @Test(arguments: [
        ("LOADING Redis is loading the dataset in memory", false),
        ("MASTERDOWN Link with MASTER is down", false),
        ("BUSY Redis is busy running a script", false),
        ("ERR max number of clients reached", false),
        ("WRONGPASS invalid username-password pair or user is disabled.", true),
        ("NOAUTH Authentication required.", true),
        ("ERR AUTH <password> called without any password configured", true),
    ])
    func `a refused login is final or not`(text: String, final: Bool) {
        var login = Login(configuration { $0.password = "secret" })
        guard case .failed(_, let isFinal) = login.received(.error(text)) else {
            Issue.record("\(text) was taken as a success")
            return
        }
        #expect(isFinal == final)
    }

    @Test func `a database that does not exist is final`() {
        var login = Login(configuration { $0.database = 99 })
        let error = RedisError(.reply("ERR"), "ERR DB index is out of range")
        #expect(login.received(.error("ERR DB index is out of range")) == .failed(error, isFinal: true))
    }

    @Test func `a name that the server refuses is final`() {
        var login = Login(configuration { $0.clientName = "a b" })
        let text = "ERR Client names cannot contain spaces, newlines or special characters."
        #expect(login.received(.error(text)) == .failed(RedisError(.reply("ERR"), text), isFinal: true))
    }

    @Test func `a server that cannot write to its disk is ready`() {
        var login = Login(configuration())
        #expect(login.received(.integer(1)) == .more)
        #expect(login.received(.error("MISCONF Redis is configured to save RDB snapshots")) == .done)
    }
}
