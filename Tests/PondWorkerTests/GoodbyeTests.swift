import ChaosKit
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
import Testing

/// What a worker leaves behind whose last heartbeat is slow on its way.
@Suite(.redis) struct GoodbyeTests {
    @Test func `a heartbeat that is under way when the worker stops does not arrive after its goodbye`() async throws {
        let wire = try Wire()
        defer { wire.proxy.stop() }
        try await wire.withSlowHeartbeat({ $0.delayUp = .milliseconds(300) }) { worker in
            // What is sent from now on is quick, and could overtake it.
            wire.proxy.set(.init())
            worker.drain()
        }
        let isCounted = try await Waiting.until(within: .milliseconds(500)) { try await wire.beats() > 0 }
        #expect(!isCounted)
    }

    @Test func `a heartbeat that is never answered holds up the stop for a second at most`() async throws {
        let wire = try Wire()
        defer { wire.proxy.stop() }
        var stopped = LocalInstant.now
        try await wire.withSlowHeartbeat({ $0.blackHoleUp = true }) { worker in
            stopped = .now
            worker.drain()
        }
        #expect(LocalInstant.now - stopped < .seconds(4))
    }
}

/// A worker of a paused queue, which sends nothing but heartbeats, behind a network that can be slow.
private struct Wire {
    let proxy: FaultProxy
    let near: Harness
    let far: Harness

    init() throws {
        let server = RedisServer.current
        proxy = try FaultProxy(upstream: UInt16(server.port))
        far = try Harness()
        let port = Int(proxy.port)
        near = try Harness { $0.address = .tcp(host: "127.0.0.1", port: port) }
    }

    /// How many workers Redis knows.
    func beats() async throws -> Int {
        Int(try await far.redis.send(RedisCommand("ZCARD", .text(near.queue.keys.beats))).int ?? 0)
    }

    /// Calls `body` when a heartbeat is under way, and returns when the worker has ended.
    func withSlowHeartbeat(
        _ change: (inout FaultProxy.Weather) -> Void,
        _ body: (Worker) -> Void
    ) async throws {
        try await far.pond.queue(near.queue.name.text).pause()
        try await near.withWorker(
            JobList { JobRegistration(kind: "a") { _ in } },
            { $0.beatInterval = .milliseconds(20) }
        ) {
            worker in
            var weather = FaultProxy.Weather()
            change(&weather)
            proxy.set(weather)
            var last = (score: try await score(), count: 0)
            let isUnderWay = try await Waiting.until {
                let now = try await score()
                last = now == last.score ? (now, last.count + 1) : (now, 0)
                return last.count > 15
            }
            try #require(isUnderWay)
            body(worker)
        }
    }

    private func score() async throws -> String? {
        try await far.redis.send(RedisCommand("ZRANGE", .text(near.queue.keys.beats), "0", "-1", "WITHSCORES")).array?
            .last?.string
    }
}
