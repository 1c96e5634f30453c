public import PondCore
import PondRedis

/// How much a queue holds.
public struct Depth: Sendable, Hashable {
    /// Runnable jobs that nobody has fetched.
    public let ready: Int
    /// Jobs that a worker has.
    public let inFlight: Int
    /// Scheduled and retrying jobs.
    public let held: Int
    /// Jobs that ended badly.
    public let dead: Int
    /// Sagas that wait without a slot, or are paused.
    public let waiting: Int
    /// Jobs that a limit holds back, in no slot; they are not among the ready.
    public let limited: Int
    /// How long the oldest runnable job has been runnable.
    public let oldestReady: Duration
    /// When the next held job is due.
    public let nextDue: ServerTime?
    /// Entries ever added to the ready streams, retries included.
    public let added: Int
    /// Workers whose beat is fresh.
    public let workers: Int
    /// Whether workers may not fetch.
    public let isPaused: Bool
    /// Jobs ever done.
    public let done: Int
    /// Dead jobs that ended as dropped, because there were too many.
    public let dropped: Int
    /// Jobs that ended without running because another had their key.
    public let duplicates: Int
    /// Those of them whose key belonged to a dead job, which nobody works on until somebody looks after the dead.
    public let duplicatesOfDead: Int
    /// Redis' clock.
    public let now: ServerTime
    /// What is wrong with a key of the queue, nil when all is well.
    public let fault: String?
}

/// What is wrong with a key, read from the words of a function's answer.
package struct KeyFault: Sendable, Hashable {
    /// The key.
    package let key: String
    /// The word that the server's error begins with, as in `WRONGTYPE`; nil when it has none.
    package let code: String?

    /// Nil for a text that names no key.
    init?(_ text: String) {
        guard let mark = text.firstRange(of: ": ") else { return nil }
        key = String(text[..<mark.lowerBound])
        code = RedisError.reply(String(text[mark.upperBound...])).prefix
    }
}

extension Depth {
    /// The key that is at fault, and how; nil when none is.
    package var keyFault: KeyFault? { fault.flatMap { KeyFault($0) } }
}

extension Queue {
    /// How much the queue holds, in one read.
    public func depth() async throws(QueueError) -> Depth {
        var reader = try ReplyReader("pond_depth", try await pond.call("pond_depth", keys, readOnly: true))
        let facts = try reader.namedTexts()
        func number(_ name: String) -> Int { facts[name].flatMap { Int($0) } ?? 0 }
        func time(_ name: String) -> ServerTime { ServerTime(milliseconds: Int64(number(name))) }
        return Depth(
            ready: number("ready"),
            inFlight: number("in_flight"),
            held: number("held"),
            dead: number("dead"),
            waiting: number("waiting"),
            limited: number("limited"),
            oldestReady: .milliseconds(number("oldest_ready_ms")),
            nextDue: number("next_due_ms") == 0 ? nil : time("next_due_ms"),
            added: number("added"),
            workers: number("workers"),
            isPaused: number("paused") == 1,
            done: number("done"),
            dropped: number("dropped"),
            duplicates: number("duplicates"),
            duplicatesOfDead: number("duplicates_of_dead"),
            now: time("now_ms"),
            fault: facts["fault"].flatMap { $0.isEmpty ? nil : $0 }
        )
    }

    /// Stops workers from fetching; jobs in flight go on.
    ///
    /// Workers hear it within two seconds.
    ///
    /// - Parameter reason: for people, at most 1 KiB.
    public func pause(reason: String = "") async throws(QueueError) {
        _ = try await pond.call("pond_pause", keys, ["pause", .text(reason)])
    }

    /// Lets workers fetch again; they hear it within a second.
    public func resume() async throws(QueueError) {
        _ = try await pond.call("pond_pause", keys, ["resume"])
    }

    /// Why the queue is paused; nil when nobody said.
    public func pauseReason() async throws(QueueError) -> String? {
        let reply = try await pond.run(
            RedisCommand("HGET", .text(keys.meta), "paused_reason"),
            doing: "reading \(name)"
        )
        return reply.string.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// What each worker said of itself at its last beat, as JSON, and when that was.
    package func workers() async throws(QueueError) -> [(consumer: Consumer, lastBeat: ServerTime?, about: String)] {
        let about = try await pond.run(
            RedisCommand("HGETALL", .text(keys.workers)),
            doing: "listing workers of \(name)"
        )
        let beats = try await pond.run(
            RedisCommand("ZRANGE", .text(keys.beats), 0, -1, "WITHSCORES"),
            doing: "listing beats of \(name)"
        )
        var beatReader = try ReplyReader("ZRANGE", beats)
        let times = try beatReader.namedTexts()
        var reader = try ReplyReader("HGETALL", about)
        return try reader.namedTexts().sorted { $0.key < $1.key }.map { name, text in
            (Consumer(name), times[name].flatMap { Int64($0) }.map { ServerTime(milliseconds: $0) }, text)
        }
    }
}
