package import PondCore
package import PondQueue
import PondRedis

/// A fleet: hosts that share a number of workers through Redis, one of which leads.
///
/// A value, cheap to copy; all state is in Redis. The fleet's keys have a hash tag of their own.
package struct FleetStore: Sendable {
    /// The fleet's name.
    package let name: String
    /// The longest name of a host, in bytes.
    package static let hostBytesMax = 128
    let pond: Pond
    let keys: FleetKeys

    init(_ name: String, on pond: Pond) {
        self.name = name
        self.pond = pond
        keys = FleetKeys(fleet: name, prefix: pond.prefix)
    }

    func call(
        _ function: String,
        _ arguments: [RedisArgument] = [],
        readOnly: Bool = false
    ) async throws(QueueError) -> RESPValue {
        try await pond.call(function, base: keys.base, arguments, readOnly: readOnly)
    }
}

/// The Redis keys of a fleet.
struct FleetKeys: Sendable, Hashable {
    /// What every function is given as its one key: `mp:fleet:{name}`.
    let base: String

    init(fleet name: String, prefix: String) {
        base = "\(prefix):fleet:{\(name)}"
    }

    /// Decisions that are worth keeping, oldest first, capped.
    var decisions: String { base + ":decisions" }
}

extension Pond {
    /// A fleet of this Redis; it exists as soon as a host joins it.
    ///
    /// - Throws: `PondError.invalidConfiguration`, when the name is not made of `[a-z0-9._-]`.
    package func fleet(_ name: String) throws(PondError) -> FleetStore {
        do throws(PondError) { _ = try queue(name) } catch {
            guard error.code == .invalidQueueName else { throw error }
            throw PondError(
                .invalidConfiguration,
                "fleet name \"\(name.prefix(100))\" is not allowed; use 1 to \(Limits.queueNameBytesMax) of a-z, 0-9, "
                    + "dot, underscore and hyphen, with a letter or digit first"
            )
        }
        return FleetStore(name, on: self)
    }
}
