import Glibc
import Logging
import Millpond
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
import Testing

/// What `/healthz` and `/readyz` say, with a real worker on a real Redis.
@Suite(.timeLimit(.minutes(2))) struct HealthTests {
    private struct Answer: Sendable {
        let code: String
        let text: String
    }

    private struct Probe: Sendable {
        let port: Int
        let worker: Worker

        func ask(_ path: String) async throws -> Answer {
            let answer = try await HTTPProbe.ask(port, "GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
            let words = answer.split(separator: " ", maxSplits: 2)
            return Answer(code: words.count > 1 ? String(words[1]) : "", text: answer)
        }

        /// Waits until a probe answers so; the process itself is alive all the time.
        func eventually(_ path: String, _ code: String, _ words: String...) async throws {
            var last: Answer?
            let isSo = try await Waiting.until(within: .seconds(40), every: .milliseconds(50)) {
                let answer = try await ask(path)
                last = answer
                return answer.code == code && words.allSatisfy { answer.text.contains($0) }
            }
            #expect(isSo, "waited for \(path) to answer \(code) with \(words), last \(last?.text ?? "nothing")")
        }
    }

    private struct Nothing: JobHandler {
        static let kind = "nothing"
        func run(_ payload: RawPayload, _ job: JobContext) async throws {}
    }

    private func withWorker(at url: String, _ body: @escaping @Sendable (Probe) async throws -> Void) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let pond = Pond(try RedisConfiguration(url: url), logger: logger)
        let health = WorkerHealth()
        var configuration = WorkerConfiguration(queues: [RedisServer.uniqueName()])
        configuration.gracePeriod = .seconds(1)
        let worker = try Worker(pond, jobs: JobList { Nothing() }, configuration: configuration) { health.serves() }
        health.watch(worker)
        try await MetricsServer(health: health.health) { "" }.serving(on: "127.0.0.1", port: 0) { address in
            let port = try #require(address.split(separator: ":").last.flatMap { Int($0) })
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await worker.run() }
                try await body(Probe(port: port, worker: worker))
                worker.hurry()
                try await group.waitForAll()
            }
        }
        await pond.close()
    }

    @Test func `a worker is ready with Redis, not while it is away, again afterwards, not while it stops`() async throws
    {
        try await RedisServer.withServer { server in
            try await withWorker(at: server.url) { probe in
                try await probe.eventually("/readyz", "200", #"{"status":"ok","causes":[]}"#)
                server.kill()
                try await probe.eventually("/readyz", "503", #""check":"redis""#, "heartbeat")
                #expect(try await probe.ask("/healthz").code == "200")
                try await server.start()
                try await probe.eventually("/readyz", "200")
                probe.worker.drain()
                try await probe.eventually("/readyz", "503", #""check":"stopping""#)
            }
        }
    }

    @Test func `a worker on a replica is alive and not ready, and says READONLY`() async throws {
        try await RedisServer.withServer { primary in
            try await withWorker(at: primary.url) { try await $0.eventually("/readyz", "200") }
            try await RedisServer.withServer { replica in
                let pond = try Pond(redis: replica.url)
                _ = try await pond.redis.send(RedisCommand("REPLICAOF", "127.0.0.1", .text("\(primary.port)")))
                await pond.close()
                try await withWorker(at: replica.url) { probe in
                    try await probe.eventually("/readyz", "503", "READONLY")
                    #expect(try await probe.ask("/healthz").code == "200")
                }
            }
        }
    }

    @Test func `a worker that never reached Redis is alive and not ready`() async throws {
        try await withWorker(at: "redis://127.0.0.1:1") { probe in
            try await probe.eventually("/readyz", "503", #""check":"redis""#, "no heartbeat", "succeeded yet")
            #expect(try await probe.ask("/healthz").code == "200")
        }
    }
}
