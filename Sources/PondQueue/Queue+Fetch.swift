package import PondCore
package import PondRedis

/// What one fetch brought.
package struct Fetched: Sendable {
    /// Redis' clock when the fetch ran; nil for a blocking read, which does not tell.
    package var now: ServerTime?
    /// When the next held job is due.
    package var nextDue: ServerTime?
    /// Whether the queue is paused; then nothing was delivered.
    package var isPaused = false
    /// What is now in flight here.
    package var deliveries: [Delivery] = []
    /// A wake-up that rang: the next fetch puts it away.
    package var wakeUp: String?
    /// Streams that could not be read, and why.
    package var faults: [ReadyStream: String] = [:]
    /// What the function said of limits; nil from a queue whose jobs need none.
    package var limits: FetchedLimits?

    /// Mostly one stream has jobs, and then nothing is copied.
    fileprivate mutating func add(_ more: [Delivery]) {
        if deliveries.isEmpty { deliveries = more } else { deliveries += more }
    }
}

/// That jobs of a queue need limits.
package enum FetchedLimits: String, Sendable {
    /// All that waits has been looked at.
    case known = "1"
    /// More has to be looked at.
    case hasMore = "2"
}

extension Queue {
    /// Makes the queue's streams and groups where they are missing.
    ///
    /// - Parameter keyWindow: how long the key of a done job answers for it from now on, zero when another store
    ///   remembers keys; nil leaves it as it is, 24 hours at first.
    /// - Returns: the streams that cannot be used, and why (a key of another type sits in their place).
    package func open(keyWindow: Duration? = nil) async throws(QueueError) -> [ReadyStream: String] {
        let window = keyWindow.map { String($0.wholeMilliseconds) } ?? ""
        var reader = try ReplyReader("pond_open", try await pond.call("pond_open", keys, [.text(window)]))
        var faults: [ReadyStream: String] = [:]
        while !reader.isAtEnd {
            let code = try reader.text()
            let text = try reader.text()
            if let stream = ReadyStream(rawValue: code) { faults[stream] = text }
        }
        return faults
    }

    /// Takes up to `limit` runnable jobs, front before high before normal before low, after promoting what is due.
    ///
    /// When the answer is lost, what was delivered belongs to the consumer without its knowledge; `owned(by:)` finds it.
    ///
    /// - Parameter limited: how many of them may be jobs that need a limit, because they can begin at once; nil for all.
    package func fetch(
        as consumer: Consumer,
        atMost limit: Int,
        limited: Int? = nil,
        wakeUp: String? = nil
    ) async throws(QueueError) -> Fetched {
        try read(try await pond.call("pond_fetch", keys, fetchArguments(consumer, limit, wakeUp, "", limited)))
    }

    /// The same where normal jobs alone are expected: a plain read beside the function brings them, because what goes
    /// through the function costs Redis more than twice as much.
    ///
    /// The two are not one step. So it may bring more than `limit` when there are front or high jobs after all, and normal
    /// ones although the queue is paused; whatever is too much, the caller hands back. Low jobs it never brings.
    ///
    /// When the answer is lost, what was delivered belongs to the consumer without its knowledge; `owned(by:)` finds it.
    package func fetchNormal(
        as consumer: Consumer,
        atMost limit: Int,
        limited: Int? = nil,
        wakeUp: String? = nil
    ) async throws(QueueError) -> Fetched {
        let function = Pond.command("pond_fetch", keys, fetchArguments(consumer, limit, wakeUp, "urgent", limited))
        let read = RedisCommand(
            "XREADGROUP",
            [
                "GROUP", "mp", .text(consumer.name), "COUNT", .integer(Int64(limit)), "STREAMS",
                .text(keys.stream(.normal)), ">",
            ]
        )
        let answers: (function: RESPValue, read: RESPValue)
        let asked = pond.onCall == nil ? nil : pond.clock.now()
        defer { if let asked { pond.onCall?("pond_fetch", asked.duration(to: pond.clock.now())) } }
        do throws(RedisError) {
            let replies = try await pond.redis.pipeline([function, read], isFlat: true)
            answers = (try replies[0].get(), try replies[1].get())
        } catch {
            throw QueueError(error, doing: "fetching jobs of \(name)")
        }
        var fetched = try self.read(answers.function)
        if case .flat(let reply) = answers.read { fetched.add(try Delivery.read(reply, queue: name, stream: .normal)) }
        return fetched
    }

    private func fetchArguments(
        _ consumer: Consumer,
        _ limit: Int,
        _ wakeUp: String?,
        _ scope: RedisArgument,
        _ limited: Int?
    ) -> [RedisArgument] {
        let words: [RedisArgument] = [.text(consumer.name), .integer(Int64(limit)), .text(wakeUp ?? ""), scope]
        return limited.map { words + [.integer(Int64($0))] } ?? words
    }

    private func read(_ reply: RESPValue) throws(QueueError) -> Fetched {
        var reader = try ReplyReader("pond_fetch", reply)
        var fetched = Fetched(now: try reader.time(), nextDue: try reader.timeIfAny())
        fetched.isPaused = try reader.number() == 1
        while !reader.isAtEnd {
            let word = try reader.text()
            guard let stream = ReadyStream(rawValue: word) else {
                if word == "limits" { fetched.limits = FetchedLimits(rawValue: try reader.text()) }
                continue
            }
            let value = try reader.value()
            if let entries = value.array {
                fetched.add(try Delivery.read(entries, queue: name, stream: stream))
            } else {
                fetched.faults[stream] = value.string ?? "cannot be read"
            }
        }
        return fetched
    }

    /// Waits until a job or a wakeUp arrives, at most `block`; brings at most one entry a stream.
    ///
    /// - Parameters:
    ///   - reader: a connection that nothing else uses; it is busy meanwhile.
    ///   - streams: what to listen to; one that cannot be read would fail the whole call.
    package func listen(
        as consumer: Consumer,
        on reader: RedisClient,
        to streams: [ReadyStream],
        block: Duration
    ) async throws(QueueError) -> Fetched {
        let names = streams.map { keys.stream($0) } + [keys.wakeUp]
        let command = RedisCommand(
            "XREADGROUP",
            [
                "GROUP", "mp", .text(consumer.name), "COUNT", 1, "BLOCK", .integer(max(1, block.wholeMilliseconds)),
                "STREAMS",
            ]
                + names.map { .text($0) } + names.map { _ in ">" }
        )
        let reply: RESPValue
        do {
            reply = try await reader.send(command, timeout: block + .seconds(2))
        } catch {
            throw QueueError(error, doing: "waiting for jobs of \(name)")
        }
        return try readListened(reply, streams)
    }

    private func readListened(_ reply: RESPValue, _ streams: [ReadyStream]) throws(QueueError) -> Fetched {
        var fetched = Fetched()
        for value in reply.array ?? [] {
            guard let pair = value.array, pair.count == 2, let key = pair[0].string, let entries = pair[1].array else {
                throw QueueError(.unexpectedReply, "XREADGROUP of \(name) answered \(value)")
            }
            if key == keys.wakeUp {
                fetched.wakeUp = entries.first?.array?.first?.string
            } else if let stream = streams.first(where: { keys.stream($0) == key }) {
                fetched.add(try Delivery.read(entries, queue: name, stream: stream))
            }
        }
        return fetched
    }

    /// Puts among the dead what this consumer was handed and cannot read: entries of more than `Limits.entryBytesMax`.
    ///
    /// For a worker whose reply was refused for its size: nobody can tell from here what was in it. Nothing of such an entry
    /// is sent; everything else that the consumer has is left as it is.
    ///
    /// - Returns: how many were buried, as malformed.
    package func buryOversized(as consumer: Consumer) async throws(QueueError) -> Int {
        var buried = 0
        var behind = (code: "", entry: "")
        repeat {
            let reply = try await pond.call(
                "pond_bury_oversized",
                keys,
                [.text(consumer.name), .text(behind.code), .text(behind.entry)]
            )
            var reader = try ReplyReader("pond_bury_oversized", reply)
            buried += Int(try reader.number())
            behind = (try reader.text(), try reader.text())
        } while !behind.code.isEmpty
        return buried
    }

    /// What a consumer has in flight by Redis' account, and the wake-ups that it holds.
    package func owned(by consumer: Consumer) async throws(QueueError) -> (receipts: [Receipt], wakeUps: [String]) {
        let reply = try await pond.call("pond_owned", keys, [.text(consumer.name)], readOnly: true)
        var reader = try ReplyReader("pond_owned", reply)
        var receipts: [Receipt] = []
        var wakeUps: [String] = []
        while !reader.isAtEnd {
            let code = try reader.text()
            let entry = try reader.text()
            if let stream = ReadyStream(rawValue: code) {
                receipts.append(Receipt(stream: stream, entry: entry))
            } else {
                wakeUps.append(entry)
            }
        }
        return (receipts, wakeUps)
    }
}
