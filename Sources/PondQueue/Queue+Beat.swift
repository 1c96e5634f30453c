package import PondCore
import PondRedis

/// What a worker hears when it beats.
package struct BeatAnswer: Sendable, Hashable {
    /// Redis' clock.
    package let now: ServerTime
    /// When the next held job is due.
    package let nextDue: ServerTime?
    /// Whether the queue is paused.
    package let isPaused: Bool
    /// Whether Redis did not know this consumer: its first beat, or it was declared lost meanwhile.
    package let isNew: Bool
    /// When the next other beat runs out that has not yet: beat again then, to take over without delay.
    package let nextExpiry: ServerTime?
    /// Consumers whose beat has run out.
    package let lost: [Consumer]
    /// Jobs of this consumer that somebody cancelled.
    package let cancelled: [JobID]
}

extension Queue {
    /// Says that a worker lives, and hears what it must know.
    ///
    /// - Parameters:
    ///   - lease: how old a beat may get before its worker is lost. Defaults to 4 seconds.
    ///   - census: whether to look for owners that never beat as well.
    ///   - about: what the worker is and does, as JSON of at most 8 KiB, for people.
    ///   - load: what the worker has to do, for whoever sizes its fleet. Defaults to nothing.
    ///   - news: what the journal is told of running jobs. Defaults to nothing.
    ///   - spent: the money that running jobs have reported over all their tries, so that whoever takes over from this
    ///     worker knows of it. Defaults to none.
    package func beat(
        as consumer: Consumer,
        lease: Duration = Limits.lease,
        census: Bool = false,
        about: String,
        load: WorkerLoad? = nil,
        news: [RunEvent] = [],
        spent: [JobID: USD] = [:]
    ) async throws(QueueError) -> BeatAnswer {
        var arguments: [RedisArgument] = [
            .text(consumer.name), .integer(lease.wholeMilliseconds), .text(census ? "1" : ""), .text(about),
        ]
        if let load { arguments.append(.text("load:\(load.text)")) }
        arguments += RunEvent.arguments(news).map { .text($0) }
        for (id, amount) in spent { arguments += [.text(id.text), .integer(min(amount, Limits.moneyMax).micros)] }
        let reply = try await pond.call("pond_beat", keys, arguments)
        var reader = try ReplyReader("pond_beat", reply)
        return BeatAnswer(
            now: try reader.time(),
            nextDue: try reader.timeIfAny(),
            isPaused: try reader.number() == 1,
            isNew: try reader.text() == "new",
            nextExpiry: try reader.timeIfAny(),
            lost: try reader.counted().map { Consumer($0) },
            cancelled: try reader.counted().map { JobID($0) }
        )
    }

    /// Takes over what a lost consumer had in flight, a bounded batch: back to the front, or dead when its workers
    /// died too often.
    ///
    /// - Returns: how many jobs moved, how many died, and whether more is left.
    package func reclaim(
        from lost: Consumer,
        by consumer: Consumer,
        lease: Duration = Limits.lease
    ) async throws(QueueError) -> (moved: Int, buried: Int, more: Bool) {
        let reply = try await pond.call(
            "pond_reclaim",
            keys,
            [
                .text(lost.name), .text(consumer.name), .integer(lease.wholeMilliseconds),
                .integer(Int64(Limits.recoveriesMax)),
            ]
        )
        var reader = try ReplyReader("pond_reclaim", reply)
        return (Int(try reader.number()), Int(try reader.number()), try reader.number() == 1)
    }

    /// Says goodbye, so that nobody waits for this consumer's beat.
    ///
    /// - Returns: false when it still owns entries; then its lease runs out and others take them over.
    package func leave(as consumer: Consumer, wakeUp: String? = nil) async throws(QueueError) -> Bool {
        try await pond.call("pond_leave", keys, [.text(consumer.name), .text(wakeUp ?? "")]).string == "left"
    }

    /// Moves held jobs whose time has come to their ready streams, a bounded batch.
    package func promote(
        as consumer: Consumer
    ) async throws(QueueError) -> (now: ServerTime, nextDue: ServerTime?, promoted: Int) {
        var reader = try ReplyReader("pond_promote", try await pond.call("pond_promote", keys, [.text(consumer.name)]))
        return (try reader.time(), try reader.timeIfAny(), Int(try reader.number()))
    }
}
