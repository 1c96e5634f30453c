public import PondCore
import PondRedis

extension Queue {
    /// Asks whether a fetched job may run under its key, and writes down that a job which outlived a worker is started.
    ///
    /// Safe to repeat.
    package func claim(_ receipt: Receipt, as consumer: Consumer) async throws(QueueError) -> KeyClaim {
        let reply = try await pond.call(
            "pond_claim",
            keys,
            [.text(consumer.name), .text(receipt.stream.rawValue), .text(receipt.entry)]
        )
        var reader = try ReplyReader("pond_claim", reply)
        let word = try reader.text()
        switch word {
        case "claimed": return .claimed
        case "lost": return .lost
        case "duplicate": return .duplicate(try reader.keyRecord())
        case "mismatch": return .mismatch(try reader.keyRecord())
        default:
            throw QueueError(.unexpectedReply, "pond_claim answered \"\(word)\", which this version does not know")
        }
    }

    /// Asks the same, in one call a stream, for jobs that wait for their turn and never outlived a worker.
    ///
    /// Safe to repeat. Takes up to `Limits.claimBatchMax` jobs; each stands for itself. A job whose key is its own already is
    /// claimed as surely as it was the consumer's when it was delivered: whether another took it over since is not looked up.
    ///
    /// - Returns: those that are not claimed, each with a word for it: `lost`, `duplicate`, `mismatch`, or `failed` and a
    ///   text. `claim` says more of it.
    package func claimAhead(
        _ jobs: [(receipt: Receipt, key: IdempotencyKey?)],
        as consumer: Consumer
    ) async throws(QueueError) -> [Receipt: String] {
        precondition(jobs.count <= Limits.claimBatchMax, "a claim of \(jobs.count) jobs is over the bound")
        var refused: [Receipt: String] = [:]
        for stream in ReadyStream.allCases {
            // Mostly all are of one stream.
            let isOnly = jobs.allSatisfy { $0.receipt.stream == stream }
            let own = isOnly ? jobs : jobs.filter { $0.receipt.stream == stream }
            guard !own.isEmpty else { continue }
            var command = Pond.command("pond_claim", keys, [.text(consumer.name), .text(stream.rawValue)])
            command.arguments.reserveCapacity(command.arguments.count + 2 * own.count)
            for job in own {
                command.arguments.append(.text(job.receipt.entry))
                command.arguments.append(.text(job.key?.text ?? ""))
            }
            var reader = try ReplyReader("pond_claim", try await pond.call("pond_claim", command))
            while !reader.isAtEnd {
                let entry = try reader.text()
                refused[Receipt(stream: stream, entry: entry)] = try reader.text()
            }
        }
        return refused
    }

    /// What is known of a key, nil when it is free.
    public func record(of key: IdempotencyKey) async throws(QueueError) -> KeyRecord? {
        let reply = try await pond.call("pond_key", keys, [.text(key.text)], readOnly: true)
        var reader = try ReplyReader("pond_key", reply)
        return reader.isAtEnd ? nil : try reader.keyRecord()
    }
}

extension ReplyReader {
    /// id, state, fence, fingerprint, checksum, ended_ms, and the result where it is given.
    fileprivate mutating func keyRecord() throws(QueueError) -> KeyRecord {
        let id = JobID(try text())
        let state = try keyState()
        let fence = try number()
        let fingerprint = try text()
        let checksum = try text()
        let endedAt = try timeIfAny()
        let result = isAtEnd ? nil : try bytes()
        return KeyRecord(
            id: id,
            state: state,
            fence: fence,
            fingerprint: fingerprint,
            checksum: checksum.isEmpty ? nil : checksum,
            result: result,
            endedAt: endedAt
        )
    }
}
