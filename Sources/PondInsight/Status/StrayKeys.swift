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
        let shaped = keys.sorted().compactMap { key in
            KeyShape(key, prefix: pond.prefix).map { (key, $0) }
        }.filter { !$0.1.isServed(among: listed) }
        found.isCut = found.isCut || shaped.count > candidatesMax
        let candidates = try await ours(Array(shaped.prefix(candidatesMax)), pond)
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

    /// Those that are no other deployment's: a prefix in other letters may be a deployment of its own.
    private static func ours(_ keys: [(String, KeyShape)], _ pond: Pond) async throws -> [(String, KeyShape)] {
        let others = Set(keys.map { String($0.0.prefix(pond.prefix.count)) }).subtracting([pond.prefix]).sorted()
        guard !others.isEmpty else { return keys }
        let types = try await pond.server.types(of: others.map { Keys.queues(prefix: $0) })
        var deployments: Set<String> = []
        for (prefix, type) in zip(others, types) {
            if case .success("none") = type { continue }
            // A list of queues is there, or may not be looked at: not ours to judge.
            deployments.insert(prefix)
        }
        return keys.filter { !deployments.contains(String($0.0.prefix(pond.prefix.count))) }
    }

    /// Every key that begins with the prefix, in capitals too.
    static func pattern(_ prefix: String) -> String {
        prefix.map { letter in
            let (small, large) = (letter.lowercased(), letter.uppercased())
            if small != large { return "[\(small)\(large)]" }
            return "*?[]\\".contains(letter) ? "\\\(letter)" : "\(letter)"
        }.joined() + "[:{]*"
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

    /// The reason without the names in it, to see which keys have the same.
    var cause: Substring { reason.prefix { $0 != "," && $0 != ":" && $0 != "\"" } }

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

    /// Nil for a key of another deployment, whose prefix begins with this one's, and for what is no ready stream.
    init?(_ key: String, prefix: String) {
        let written = key.prefix(prefix.count)
        let rest = key.dropFirst(prefix.count)
        guard written.lowercased() == prefix.lowercased(), let mark = rest.first, ":{".contains(mark) else {
            return nil
        }
        let tail = mark == ":" ? rest.dropFirst() : rest
        guard tail.first == "{" || !tail.contains("{") else { return nil }
        guard let parts = Self.parts(tail) else { return nil }
        let (place, suffix) = parts
        let bare = place.filter { !"{}".contains($0) }
        guard let name = StrayKeys.name(bare) else {
            // Without its ending a key of any name may be anything.
            guard suffix.hasPrefix(":ready") else { return nil }
            self = .unreadable(
                Fault(
                    reason: "\"\(bare.prefix(64))\" is no queue's name: [a-z0-9][a-z0-9._-]{0,62}, as in emails",
                    right: nil
                )
            )
            return
        }
        let isStream = Self.suffixes.contains(suffix)
        if written == prefix, mark == ":", place == "{\(name)}", isStream {
            self = .queue(name)
            return
        }
        let lowered = suffix.lowercased()
        let ending = Self.suffixes.first { $0 == lowered || $0.dropFirst() == lowered } ?? ":ready"
        let right = "\(prefix):{\(name)}\(ending)"
        let reason =
            written != prefix
            ? "the prefix is \(prefix), and \(written) is another one"
            : mark != ":"
                ? "there is no colon behind the prefix \(prefix)" : Self.reason(place, suffix, name)
        self = .unreadable(Fault(reason: reason, right: right))
    }

    /// A key behind its prefix as the queue's place and what follows it; nil for what nobody can have meant as a ready stream.
    private static func parts(_ tail: Substring) -> (place: Substring, suffix: String)? {
        if let ready = tail.firstRange(of: ":ready") {
            return (tail[..<ready.lowerBound], String(tail[ready.lowerBound...]))
        }
        guard tail.first == "{", let close = tail.firstIndex(of: "}") else { return nil }
        let (place, suffix) = (tail[...close], String(tail[tail.index(after: close)...]))
        let lowered = suffix.lowercased()
        guard suffix.isEmpty || lowered.hasPrefix("ready") || lowered.hasPrefix(":ready") else { return nil }
        return (place, suffix)
    }

    /// Why a key of a queue whose name is right is none all the same.
    private static func reason(_ place: Substring, _ suffix: String, _ name: QueueName) -> String {
        if !place.contains("{") { return "the name has no braces round it, so it is no key of queue \(name)" }
        if place != "{\(name)}" {
            return "the name has other braces than one pair round it, so it is no key of queue \(name)"
        }
        if suffix.isEmpty { return "nothing follows the braces: the stream of a queue ends in :ready" }
        if suffix.first != ":" { return "there is no colon between the braces and \(suffix)" }
        return "a queue has no stream \(suffix): its priorities are :ready:high, :ready and :ready:low"
    }

    /// Whether it is a stream of a queue in the list.
    func isServed(among listed: Set<String>) -> Bool {
        if case .queue(let name) = self { listed.contains(name.text) } else { false }
    }
}
