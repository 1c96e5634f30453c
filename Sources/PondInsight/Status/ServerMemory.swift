package import PondQueue
import PondRedis

/// How full the server's memory is.
package struct ServerMemory: Sendable, Hashable, Codable {
    /// Bytes in use.
    package var used: Int
    /// The most that it may use: its own limit, or what the machine has; 0 when neither is known.
    package var limit: Int

    /// A reading of the server.
    package init(used: Int, limit: Int) { (self.used, self.limit) = (used, limit) }

    /// How much of the limit is in use; 0 without a limit.
    package var percent: Int { limit > 0 ? Int(Double(used) / Double(limit) * 100) : 0 }

    /// From here on memory is short, and from there on it is full.
    package static let (shortPercent, fullPercent) = (75, 95)

    /// What a person has to be told; nil while there is room.
    var concern: Concern.Kind? { percent < Self.shortPercent ? nil : percent < Self.fullPercent ? .memory : .full }

    /// Nil when the server does not say it, or not to this user.
    package static func read(_ pond: Pond) async throws -> ServerMemory? {
        do throws(RedisError) {
            let facts = ServerFacts(try await pond.server.info("memory"))
            guard let used = facts.number("used_memory") else { return nil }
            let own = facts.number("maxmemory") ?? 0
            return ServerMemory(used: used, limit: own > 0 ? own : facts.number("total_system_memory") ?? 0)
        } catch {
            guard error.prefix == nil else { return nil }
            throw error
        }
    }
}
