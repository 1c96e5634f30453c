package import PondCore
import PondRedis

/// A place of a queue that jobs are read from, in the order in which an export visits them.
///
/// The held come first: a job that comes due meanwhile lands behind the end of its stream, where it is not read again.
package enum ExportPlace: String, Sendable, CaseIterable {
    case held, front, high, normal, low, dead

    /// The name of the place for `pond_export`.
    package var code: String {
        switch self {
        case .held: "d"
        case .dead: "x"
        case .front: ReadyStream.front.rawValue
        case .high: ReadyStream.high.rawValue
        case .normal: ReadyStream.normal.rawValue
        case .low: ReadyStream.low.rawValue
        }
    }

    /// The stream; nil for what is kept in a hash.
    package var stream: ReadyStream? {
        ReadyStream(rawValue: code)
    }
}

/// A job as it was found.
package struct ExportedJob: Sendable {
    /// Where it is in its place; a page can begin behind it.
    package let position: String
    /// The job.
    package let id: JobID
    /// The stream that it waits in or goes to.
    package let priority: Priority
    /// When a held job is due, or when a dead one died.
    package let time: ServerTime?
    /// Why it is dead.
    package let cause: String?
    /// The error that made it dead.
    package let error: String?
    /// The job itself, or why no worker could run it.
    package let job: Result<Job, Malformation>
}

/// Some jobs of one place.
package struct ExportPage: Sendable {
    /// The jobs, in order.
    package let jobs: [ExportedJob]
    /// Behind which the next page begins.
    package let position: String
    /// Whether there may be more.
    package let hasMore: Bool
    /// How many of the entries looked at some worker has.
    package let inFlight: Int
}

extension Queue {
    /// How many jobs one page looks at; Redis does nothing else meanwhile.
    package static let exportPageMax = 200

    /// Reads jobs without changing anything.
    ///
    /// - Parameters:
    ///   - position: where to begin, behind it; empty for the start.
    ///   - last: the last position to read, empty for none.
    package func export(
        _ place: ExportPlace,
        after position: String,
        upTo last: String
    ) async throws(QueueError) -> ExportPage {
        let reply = try await pond.call(
            "pond_export",
            keys,
            [.text(place.code), .text(position), .text(last), .integer(Int64(Queue.exportPageMax))],
            readOnly: true
        )
        var reader = try ReplyReader("pond_export", reply)
        let hasMore = try reader.number() == 1
        let end = try reader.text()
        let inFlight = Int(try reader.number())
        var jobs: [ExportedJob] = []
        while !reader.isAtEnd { jobs.append(try exportedJob(&reader)) }
        return ExportPage(jobs: jobs, position: end, hasMore: hasMore, inFlight: inFlight)
    }

    /// The last position that is there now in every place that grows while it is read.
    ///
    /// What is added later is not part of an export, or it might never end.
    package func exportEnds() async throws(QueueError) -> [ExportPlace: String] {
        var ends: [ExportPlace: String] = [:]
        for place in ExportPlace.allCases {
            guard let stream = place.stream else { continue }
            ends[place] = try await lastEntry(of: stream)
        }
        ends[.dead] = String(try await depth().now.milliseconds)
        return ends
    }

    private func lastEntry(of stream: ReadyStream) async throws(QueueError) -> String {
        do throws(QueueError) {
            let reply = try await pond.run(
                RedisCommand("XINFO", "STREAM", .text(keys.stream(stream))),
                doing: "looking at the end of \(name)"
            )
            let facts = reply.array ?? []
            guard let place = facts.firstIndex(where: { $0.string == "last-generated-id" }),
                facts.indices.contains(place + 1), let last = facts[place + 1].string
            else { throw QueueError(.unexpectedReply, "XINFO STREAM answered without last-generated-id") }
            return last
        } catch {
            guard error.redis?.message.contains("no such key") == true else { throw error }
            return "0-0"
        }
    }

    private func exportedJob(_ reader: inout ReplyReader) throws(QueueError) -> ExportedJob {
        let position = try reader.text()
        let id = JobID(try reader.text())
        let code = try reader.text()
        let time = try reader.timeIfAny()
        let cause = try reader.text()
        let error = try reader.text()
        let count = try reader.number()
        guard count >= 0 else { throw QueueError(.unexpectedReply, "pond_export answered \(count) fields") }
        var flat: [[UInt8]] = []
        for _ in 0..<2 * count { flat.append(try reader.bytes()) }
        let job = Result { () throws(Malformation) in
            // The library cut what was too large for a job, and says so in a field without a name.
            if flat.count > 1, flat[0].isEmpty { throw Malformation(String(decoding: flat[1], as: UTF8.self)) }
            // An id field may be a producer's own; the library knows which id is right.
            let own = Envelope(flat: flat.withoutField(.id))
            return try own.job(queue: name, ownID: id, entryTime: ServerTime(milliseconds: id.milliseconds))
        }
        return ExportedJob(
            position: position,
            id: id,
            priority: code == "h" ? .high : code == "l" ? .low : .normal,
            time: time,
            cause: cause.isEmpty ? nil : cause,
            error: error.isEmpty ? nil : error,
            job: job
        )
    }
}

extension JobID {
    /// The time that an id begins with; 0 when it begins with none.
    fileprivate var milliseconds: Int64 {
        Int64(text.prefix { $0 != "-" }) ?? 0
    }
}

extension [[UInt8]] {
    fileprivate func withoutField(_ field: WireField) -> [[UInt8]] {
        let name = [UInt8](field.rawValue.utf8)
        var kept: [[UInt8]] = []
        for index in stride(from: 0, to: count - 1, by: 2) where self[index] != name {
            kept += [self[index], self[index + 1]]
        }
        return kept
    }
}
