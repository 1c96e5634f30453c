import ChaosKit
import Glibc
import Logging
import Millpond

/// The orchestrator's own way to Redis: for faults, for the census, and for looking on.
struct Admin: Sendable {
    let pond: Pond
    let queue: Queue
    /// A connection of its own, for what no user of a queue does.
    let raw: RedisClient
    private let clock = LocalClock.system

    init(_ url: String) throws {
        var configuration = try RedisConfiguration(url: url)
        // Longer than the longest pause that is played.
        configuration.commandTimeout = .seconds(20)
        configuration.clientName = "chaos-admin"
        var logger = Logger(label: "chaos")
        logger.logLevel = .critical
        pond = Pond(configuration, logger: logger)
        queue = try pond.queue(ChaosApp.queue)
        raw = pond.makeReader()
    }

    @discardableResult
    func redis(_ words: String...) async throws -> RESPValue {
        try await raw.send(RedisCommand(words[0], words.dropFirst().map { .text($0) }))
    }

    /// Waits until the server has loaded its data.
    func waitUntilReady(within limit: Duration = .seconds(60)) async throws {
        let deadline = clock.now() + limit
        while true {
            do {
                _ = try await redis("PING")
                return
            } catch {
                guard clock.now() < deadline else { throw ChaosError("redis-server is not ready: \(error)") }
                try await clock.sleep(.milliseconds(20))
            }
        }
    }

    /// A line of `INFO`.
    func info(_ section: String, _ name: String) async throws -> String? {
        let text = try await redis("INFO", section).string ?? ""
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name):") }
        return line.map { String($0.dropFirst(name.count + 1)) }
    }

    func key(_ name: String) -> String { "\(queue.keys.base):\(name)" }
}
