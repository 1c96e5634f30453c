public import PondCore

/// One queue: its verbs, a file each. A value, cheap to copy; all state is in Redis.
public struct Queue: Sendable {
    public let name: QueueName
    public let keys: Keys
    package let pond: Pond

    package init(_ name: QueueName, on pond: Pond) {
        self.name = name
        self.pond = pond
        keys = Keys(queue: name, prefix: pond.prefix)
    }
}

/// A worker's name in the group: host, process and a nonce, so that no two workers ever share one.
public struct Consumer: Sendable, Hashable, CustomStringConvertible {
    public let name: String

    public init(_ name: String) {
        self.name = name
    }

    public var description: String { name }
}
