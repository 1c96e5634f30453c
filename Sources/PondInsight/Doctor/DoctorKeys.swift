import PondCore
import PondQueue
import PondRedis

/// The check of a queue's keys: each of its type.
struct DoctorKeys {
    private let queue: Queue

    init(_ queue: Queue) {
        self.queue = queue
    }

    /// Every key of a queue and its type.
    private var expected: [(key: String, type: String)] {
        let base = queue.keys.base
        let streams = ReadyStream.allCases.map { (queue.keys.stream($0), "stream") }
        return streams + [
            (queue.keys.wakeUp, "stream"), (queue.keys.journal, "stream"),
            (base + ":held", "hash"), (base + ":due", "zset"), (queue.keys.dead, "hash"), (base + ":dead:at", "zset"),
            (queue.keys.causes, "hash"), (queue.keys.groups, "hash"), (queue.keys.groups + ":empty", "zset"),
            (queue.keys.audit, "stream"), (queue.keys.beats, "zset"), (queue.keys.workers, "hash"),
            (queue.keys.meta, "hash"), (base + ":moved", "hash"), (base + ":cancel", "hash"),
            (base + ":waiting", "hash"), (base + ":waits", "zset"), (base + ":sagas", "zset"),
            (base + ":limited", "hash"), (base + ":blocked", "zset"), (base + ":granted", "hash"),
            (queue.keys.load, "hash"), (base + ":started", "hash"), (base + ":spent", "hash"),
            (base + ":keys:live", "hash"), (base + ":keys", "zset"), (base + ":results", "zset"),
        ]
    }

    /// Every key of the queue.
    var names: [String] { expected.map(\.key) }

    /// The first key of another type than it must be; nil when there is none, or when this user may not ask.
    func wrong() async throws(RedisError) -> (key: String, found: String, type: String)? {
        let expected = expected
        for (entry, reply) in zip(expected, try await queue.pond.server.types(of: expected.map(\.key))) {
            guard case .success(let found) = reply, found != "none", found != entry.type else { continue }
            return (entry.key, found, entry.type)
        }
        return nil
    }

    /// A finding a key of the wrong type; none when all is well.
    func findings(_ check: String) async -> [DoctorFinding] {
        let expected = expected
        let types: [Result<String, RedisError>]
        do {
            types = try await queue.pond.server.types(of: expected.map(\.key))
        } catch {
            return [.unchecked(check, error.message)]
        }
        var findings: [DoctorFinding] = []
        for ((key, type), reply) in zip(expected, types) {
            switch reply {
            case .success(let found):
                guard found != type, found != "none" else { continue }
                findings.append(
                    .failure(
                        check,
                        "the key \(key) holds a \(found), expected is a \(type): what needs it does not work",
                        advice: "another program writes it; save what it holds, then RENAME or DEL it"
                    )
                )
            case .failure(let error):
                return [.unchecked(check, "\(key): \(error.message)")]
            }
        }
        return findings
    }
}
