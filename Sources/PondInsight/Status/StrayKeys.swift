package import PondCore
package import PondQueue
import PondRedis

/// Streams that look like a queue's ready ones, and that no worker of a known queue reads.
package struct StrayKeys: Sendable, Hashable {
    /// Queues that nobody has registered: their names are right, so a worker of them would read what is there.
    package var queues: [QueueName] = []
    /// Keys that no worker can read, whatever it is called.
    package var unreadable: [UnreadableKey] = []
    /// Members of the list of queues that are no queue's name, so that nobody serves them.
    package var notNames: [String] = []
    /// Whether there were more keys than were looked at.
    package var isCut = false

    /// Nothing.
    package init() {}

    /// Each round looks at so many keys.
    private static let roundKeys = 1_000
    /// So many keys are looked at more closely.
    private static let candidatesMax = 500

    /// Walks through the keys, a bounded way.
    ///
    /// - Parameter rounds: how far; each round looks at a thousand keys of the server. Defaults to a hundred.
    package static func read(_ pond: Pond, rounds: Int = 100) async throws -> StrayKeys {
        var found = StrayKeys()
        let listed = try await pond.listedQueues()
        found.notNames = listed.filter { Self.name($0) == nil }.sorted()
        let keys: Set<String>
        (keys, found.isCut) = try await pond.server.streams(
            named: pattern(pond.prefix),
            rounds: rounds,
            keysARound: roundKeys
        )
        let candidates = keys.sorted().prefix(candidatesMax).compactMap { key in
            KeyShape(key, prefix: pond.prefix).map { (key, $0) }
        }.filter { !$0.1.isServed(among: listed) }
        found.isCut = found.isCut || keys.count > candidatesMax
        guard !candidates.isEmpty else { return found }
        let lengths = try await pond.server.lengths(ofStreams: candidates.map(\.0))
        var queues: Set<QueueName> = []
        for ((key, shape), jobs) in zip(candidates, lengths) {
            // A stream without an entry has nothing that waits.
            guard let jobs, jobs > 0 else { continue }
            switch shape {
            case .queue(let name): queues.insert(name)
            case .unreadable(let why): found.unreadable.append(UnreadableKey(key: key, jobs: jobs, why))
            }
        }
        found.queues = queues.sorted()
        return found
    }

    /// The same; nothing for a user who may not look.
    package static func readIfAllowed(_ pond: Pond, rounds: Int = 100) async throws -> StrayKeys {
        do {
            return try await read(pond, rounds: rounds)
        } catch let error as RedisError where error.prefix == "NOPERM" {
            return StrayKeys()
        } catch let error as QueueError where error.redis?.prefix == "NOPERM" {
            return StrayKeys()
        }
    }

    private static func pattern(_ prefix: String) -> String {
        prefix.map { "*?[]\\".contains($0) ? "\\\($0)" : "\($0)" }.joined() + ":*:ready*"
    }

    /// The queue's name that a text is; nil when it is none.
    fileprivate static func name(_ text: some StringProtocol) -> QueueName? {
        do throws(PondError) { return try QueueName(String(text)) } catch { return nil }
    }
}

/// A stream with jobs in it that no worker can read.
package struct UnreadableKey: Sendable, Hashable, Codable {
    /// The key.
    package var key: String
    /// How many entries it has.
    package var jobs: Int
    /// Why no worker reads it.
    package var reason: String
    /// Where they should have been written.
    package var right: String?

    fileprivate init(key: String, jobs: Int, _ why: KeyShape.Fault) {
        (self.key, self.jobs) = (key, jobs)
        (reason, right) = (why.reason, why.right)
    }

    /// What to do about it.
    package var advice: String {
        guard let right else { return "let the producer use a name that is allowed, and move what waits there" }
        return
            "let the producer write to \(right); RENAMENX \(key) \(right) moves what waits, when that key is not there yet"
    }
}

/// What a key that ends in `:ready…` is, by its name alone.
enum KeyShape: Hashable {
    /// A ready stream of a queue.
    case queue(QueueName)
    case unreadable(Fault)

    struct Fault: Hashable {
        var reason: String
        var right: String?
    }

    private static let suffixes = ReadyStream.allCases.map(\.suffix)

    /// Nil for a key of another deployment, whose prefix begins with this one's.
    init?(_ key: String, prefix: String) {
        let rest = key.dropFirst(prefix.count + 1)
        guard rest.first == "{" || !rest.contains("{") else { return nil }
        guard let ready = rest.firstRange(of: ":ready") else { return nil }
        let (place, suffix) = (rest[..<ready.lowerBound], String(rest[ready.lowerBound...]))
        let bare = place.filter { !"{}".contains($0) }
        let isPlain = place == "{\(bare)}"
        guard let name = StrayKeys.name(bare) else {
            self = .unreadable(
                Fault(
                    reason: "\"\(bare.prefix(64))\" is no queue's name: [a-z0-9][a-z0-9._-]{0,62}, as in emails",
                    right: nil
                )
            )
            return
        }
        let isStream = Self.suffixes.contains(suffix)
        if isPlain, isStream {
            self = .queue(name)
        } else {
            let right = "\(prefix):{\(name)}" + (isStream ? suffix : ":ready")
            self = .unreadable(Fault(reason: Self.reason(place, suffix, name), right: right))
        }
    }

    /// Why a key of a queue whose name is right is none all the same.
    private static func reason(_ place: Substring, _ suffix: String, _ name: QueueName) -> String {
        if !place.contains("{") { return "the name has no braces round it, so it is no key of queue \(name)" }
        if place != "{\(name)}" {
            return "the name has other braces than one pair round it, so it is no key of queue \(name)"
        }
        return "a queue has no stream \(suffix): its priorities are :ready:high, :ready and :ready:low"
    }

    /// Whether it is a stream of a queue in the list.
    func isServed(among listed: Set<String>) -> Bool {
        if case .queue(let name) = self { listed.contains(name.text) } else { false }
    }
}
