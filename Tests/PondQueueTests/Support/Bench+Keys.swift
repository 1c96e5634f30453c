import PondCore
import PondQueue
import PondRedis

extension Bench {
    /// Puts something of another type in the place of a key.
    func breakKey(_ name: String) async throws {
        if try await redis("EXISTS", key(name)).int == 1 { try await redis("RENAME", key(name), key("away")) }
        try await redis("SET", key(name), "something else")
    }

    /// Puts the key back that was there before.
    func mendKey(_ name: String) async throws {
        try await redis("DEL", key(name))
        if try await redis("EXISTS", key("away")).int == 1 { try await redis("RENAME", key("away"), key(name)) }
    }

    /// Those of the jobs that are in some place.
    func stillThere(_ ids: [JobID]) async throws -> [JobID] {
        let places = try await census().places
        return ids.filter { places[$0] != nil }
    }
}
