import Glibc
import PondCore
import PondRedis
import PondTestKit
import Synchronization
import Testing

@Suite struct BusyPollTests {
    /// A clock that moves a microsecond with every look, and counts them.
    private final class Looks: Sendable {
        private let count = Atomic(0)
        private let start = LocalClock.system.now()

        /// How often somebody looked since the last time that this was asked.
        func taken() -> Int { count.exchange(0, ordering: .relaxed) }

        var clock: LocalClock {
            LocalClock(now: { [self] in
                start + .microseconds(count.add(1, ordering: .relaxed).newValue)
            }) { _ in }
        }
    }

    private struct Pair: ~Copyable {
        let near, far: CInt

        init() throws {
            var ends: [CInt] = [-1, -1]
            try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
            (near, far) = (ends[0], ends[1])
        }

        deinit {
            for end in [near, far] { close(end) }
        }

        func send(_ text: String) {
            #expect(write(far, text, text.utf8.count) == text.utf8.count)
        }
    }

    private func read(_ poll: inout BusyPoll, _ pair: borrowing Pair) -> String? {
        var text: String?
        poll.read(pair.near) { text = String(decoding: $0, as: UTF8.self) }
        return text
    }

    @Test func `what has come is read, and what has not is waited for no longer than the time`() throws {
        let pair = try Pair()
        let looks = Looks()
        var poll = BusyPoll(.microseconds(50), clock: looks.clock)
        pair.send("+OK")
        #expect(read(&poll, pair) == "+OK")
        #expect(looks.taken() == 1)
        #expect(read(&poll, pair) == nil)
        #expect(looks.taken() == 51)
    }

    @Test func `what comes while it polls is read at once`() async throws {
        let pair = try Pair()
        let far = pair.far
        let elsewhere = EventLoopExecutor()
        elsewhere.schedule(after: .milliseconds(20)) { _ = write(far, "+OK", 3) }
        var poll = BusyPoll(.seconds(60))
        #expect(read(&poll, pair) == "+OK")
    }

    @Test func `after polls in vain fewer and fewer calls are polled for, and after one that is not, all are again`()
        throws
    {
        let pair = try Pair()
        let looks = Looks()
        var poll = BusyPoll(.microseconds(9), clock: looks.clock)
        for _ in 0..<10_000 { #expect(read(&poll, pair) == nil) }
        let polls = looks.taken() / 10
        #expect((11...20).contains(polls), "\(polls) of 10,000 calls were polled for")
        pair.send("+OK")
        let calls = (1...2_000).first { _ in read(&poll, pair) == "+OK" }
        #expect(calls != nil)
        pair.send("+OK")
        #expect(read(&poll, pair) == "+OK")
    }

    @Test func `now and then the event loop's sockets have a turn`() throws {
        let pair = try Pair()
        let looks = Looks()
        var poll = BusyPoll(.microseconds(9), clock: looks.clock)
        var unpolled = 0
        for _ in 0..<1_000 {
            pair.send("+OK")
            if read(&poll, pair) == nil { unpolled += 1 }
        }
        #expect((10...20).contains(unpolled), "\(unpolled)")
    }

    @Test func `nothing is polled for when the time is zero, or the other end is closed`() throws {
        let pair = try Pair()
        let looks = Looks()
        var poll = BusyPoll(.zero, clock: looks.clock)
        pair.send("+OK")
        #expect(read(&poll, pair) == nil)
        #expect(looks.taken() == 0)
        var other = BusyPoll(.microseconds(9), clock: looks.clock)
        #expect(read(&other, pair) == "+OK")
        shutdown(pair.far, Int32(SHUT_RDWR))
        #expect(read(&other, pair) == nil)
    }
}

/// The same with a server, whose replies are polled for because the tasks run on the client's executor.
@Suite(.redis) struct PolledRepliesTests {
    let server = RedisServer.current
    let key = RedisServer.uniqueName("key")

    private func onExecutor<R: Sendable>(
        _ url: String,
        _ body: @Sendable @escaping (RedisClient) async throws -> R
    ) async throws -> R {
        // Long, so that a starved server does not leave replies to the event loop.
        try await withClient(url, change: { $0.busyPoll = .milliseconds(20) }) { client in
            try await Task(executorPreference: client.executor) { try await body(client) }.value
        }
    }

    @Test func `replies of every kind and size come back whole and in order`() async throws {
        for url in [server.url, server.tcpURL] {
            let key = key
            try await onExecutor(url) { client in
                for number in 1...100 {
                    #expect(try await client.run("INCR", key).int == Int64(number))
                    let bytes = [UInt8](repeating: UInt8(number % 251), count: number * 2_000)
                    _ = try await client.send(RedisCommand("SET", .text(key + "v"), .bytes(bytes)))
                    #expect(try await client.run("GET", key + "v") == .bulk(bytes[...]))
                }
                #expect(try await redisError { try await client.run("LPUSH", key, "a") }.code == .reply("WRONGTYPE"))
                _ = try await client.run("DEL", key)
            }
        }
    }

    @Test func `tasks elsewhere and timers go on while one calls without end`() async throws {
        let key = key
        try await withClient(server.url, change: { $0.busyPoll = .milliseconds(20) }) { client in
            let caller = Task(executorPreference: client.executor) {
                while !Task.isCancelled { try await client.run("INCR", key) }
            }
            for _ in 0..<50 { try await client.run("PING") }
            // A timer is what is tested.
            try await client.executor.clock.sleep(.milliseconds(20))
            caller.cancel()
            // It may have been cancelled within a call.
            _ = try? await caller.value
        }
    }

    @Test func `a server that dies under it is told of, and used again when it is back`() async throws {
        try await RedisServer.withServer { server in
            try await onExecutor(server.url) { client in
                _ = try await client.run("PING")
                server.kill()
                #expect(await (try? client.run("PING", timeout: .milliseconds(200))) == nil)
                try await server.start()
                #expect(try await client.run("PING", timeout: .seconds(30)) == .simple("PONG"))
            }
        }
    }
}
