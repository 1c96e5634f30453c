public import PondCore

/// One queue: its verbs, a file each.
///
/// A value, cheap to copy; all state is in Redis.
public struct Queue: Sendable {
    /// The queue's name.
    public let name: QueueName
    /// Its Redis keys.
    package let keys: Keys
    /// The Redis that it is on.
    package let pond: Pond
    /// Whether this process has made it known.
    let registration: Registration

    /// A queue on a pond.
    package init(_ name: QueueName, on pond: Pond) {
        self.name = name
        self.pond = pond
        keys = Keys(queue: name, prefix: pond.prefix)
        registration = pond.registration(of: name)
    }
}

/// A worker's name in the group: host, process and a nonce, so that no two workers ever share one.
package struct Consumer: Sendable, Hashable, CustomStringConvertible {
    /// The name in the group.
    package let name: String

    package init(_ name: String) {
        self.name = name
    }

    package var description: String { name }

    /// Whose in flight are jobs that a limit holds back: nobody who sends heartbeats, or could be lost.
    package static let limited = Consumer("~limited")
}
