// Where every job of the queue is, read with plain commands when nothing moves any more. Only the fields of dead jobs
// are asked of the library, because they are packed.

import ChaosKit
import Millpond
import PondSQLite

/// Walks every key of the queue and writes down what is there.
struct CensusTaker: Sendable {
    let admin: Admin
    let recorder: Recorder
    let settings: RunSettings

    func take() async throws {
        let moved = try await hash("moved")
        var targets: Set<String> = []
        for stream in ReadyStream.allCases { targets.formUnion(try await count(stream, moved)) }
        for (id, target) in moved where !targets.contains(target) { fault("moved \(id) points to \(target)") }
        try await countHeld()
        try await countDead()
        try await readJournal()
        try await SagaCensus(taker: self).take()
        try await readServiceLevels()
        try await lookForLeaks()
    }

    func fault(_ text: String) {
        recorder.note(.censusFault) { $0.text = text }
    }

    // MARK: Streams

    private func count(_ stream: ReadyStream, _ moved: [String: String]) async throws -> Set<String> {
        let key = admin.queue.keys.stream(stream)
        guard try await admin.redis("EXISTS", key).int == 1 else { return [] }
        let lastDelivered = try await lastDelivered(in: key)
        try await lookForConsumers(of: key)
        var owners = try await pending(in: key)
        var targets: Set<String> = []
        for (entry, fields) in try await entries(of: key) {
            let target = stream.rawValue + entry
            targets.insert(target)
            let claimed = fields["id"].map { String(decoding: $0, as: UTF8.self) }
            let isMoved = claimed.map { moved[$0] == target } ?? false
            let id = isMoved ? claimed ?? "" : stream.ownID(entry: entry).text
            let owner = owners.removeValue(forKey: entry)
            let isPassed = owner == nil && (lastDelivered.map { !EntryID(entry).isAfter(EntryID($0)) } ?? false)
            place(id, owner != nil ? "running" : isPassed ? "passed" : "ready", owner ?? key, fields)
        }
        for (entry, owner) in owners { fault("\(owner) has \(entry) of \(key), whose body is gone") }
        return targets
    }

    private func lastDelivered(in key: String) async throws -> String? {
        let groups = (try await admin.redis("XINFO", "GROUPS", key).array ?? []).map {
            CensusTaker.pairs($0.array ?? [])
        }
        return groups.first { $0["name"]?.string == "mp" }?["last-delivered-id"]?.string
    }

    /// A worker that left, or was taken over from, is no consumer any more.
    private func lookForConsumers(of key: String) async throws {
        guard try await admin.redis("EXISTS", key).int == 1, try await lastDelivered(in: key) != nil else { return }
        for row in try await admin.redis("XINFO", "CONSUMERS", key, "mp").array ?? [] {
            let facts = CensusTaker.pairs(row.array ?? [])
            let (name, pending) = (facts["name"]?.string ?? "?", facts["pending"]?.int ?? 0)
            fault(
                "\(key) still has the consumer \(name), with \(pending) pending, idle for \(facts["idle"]?.int ?? 0) ms"
            )
        }
    }

    private func pending(in key: String) async throws -> [String: String] {
        var owners: [String: String] = [:]
        let reply = try? await admin.redis("XPENDING", key, "mp", "-", "+", "1000000")
        for row in reply?.array ?? [] {
            guard let parts = row.array, let entry = parts[0].string, let owner = parts[1].string else { continue }
            owners[entry] = owner
        }
        return owners
    }

    private func place(_ id: String, _ place: String, _ detail: String, _ fields: [String: [UInt8]]) {
        recorder.note(.place) { event in
            (event.id, event.text, event.target) = (id, place, detail)
            event.job = fields[Bench.nameHeader].map { String(decoding: $0, as: UTF8.self) }
            event.recoveries = fields["recoveries"].flatMap { Int(String(decoding: $0, as: UTF8.self)) }
            event.sha = Digest.sha256(fields["data"] ?? [])
        }
    }

    // MARK: Held and dead

    private func countHeld() async throws {
        let held = Set(try await hash("held").keys)
        let due = Set(try await admin.redis("ZRANGE", admin.key("due"), "0", "-1").array?.compactMap(\.string) ?? [])
        for id in held.symmetricDifference(due) { fault("held or due alone: \(id)") }
        for id in held { recorder.note(.place) { ($0.id, $0.text) = (id, "held") } }
    }

    private func countDead() async throws {
        let dead = Set(try await admin.redis("HKEYS", admin.key("dead")).array?.compactMap(\.string) ?? [])
        let times = Set(
            try await admin.redis("ZRANGE", admin.key("dead:at"), "0", "-1").array?.compactMap(\.string) ?? []
        )
        for id in dead.symmetricDifference(times) { fault("dead or its time alone: \(id)") }
        for id in dead {
            let report = try await admin.queue.job(JobID(id))
            var fields: [String: [UInt8]] = [:]
            for field in report.fields { fields[String(decoding: field.name, as: UTF8.self)] = field.value }
            place(id, "dead", report.cause ?? "", fields)
        }
    }

    // MARK: The journal

    private func readJournal() async throws {
        var counts: [String: Int64] = [:]
        var after = "-"
        while true {
            let rows = try await entries(of: admin.key("journal"), after: after, limit: 2_000)
            guard let last = rows.last else { break }
            after = "(" + last.entry
            for row in rows {
                for (event, detail) in row.pairs where !["by", "n", "facts"].contains(event) {
                    SagaCensus.note(event, detail, recorder)
                    let ids = event == "done" ? detail.split(separator: " ").map { String($0) } : [detail]
                    counts[event, default: 0] += Int64(ids.count)
                    guard
                        ["done", "duplicate", "cancelled", "expired", "discarded", "dropped", "compensated"].contains(
                            event
                        )
                    else {
                        continue
                    }
                    for id in ids {
                        let own = id.split(separator: " ").first.map { String($0) } ?? id
                        recorder.note(.ended) { ($0.id, $0.text) = (own, event) }
                    }
                }
            }
        }
        for (event, count) in counts { recorder.note(.count) { ($0.text, $0.n) = (event, count) } }
    }

    // MARK: Service levels

    private func readServiceLevels() async throws {
        let base = admin.queue.keys.base + ":slo:"
        var counts: [String: Int64] = ["slo": 1]
        for key in try await admin.redis("KEYS", "*:slo:*").array?.compactMap(\.string) ?? [] where key.hasPrefix(base)
        {
            // Counters have a class and an hour, histograms more words.
            let words = key.dropFirst(base.count).split(separator: ":")
            guard words.count == 2, let bytes = try await admin.redis("GET", key).bytes, bytes.count >= 16 else {
                continue
            }
            func counter(_ place: Int) -> Int64 { bytes[4 * place..<4 * place + 4].reduce(0) { $0 << 8 | Int64($1) } }
            counts["slo:\(words[0]):jobs", default: 0] += counter(0)
            counts["slo:\(words[0]):well", default: 0] += counter(3)
        }
        for (name, count) in counts { recorder.note(.count) { ($0.text, $0.n) = (name, count) } }
    }

    // MARK: Leaks

    private func lookForLeaks() async throws {
        // What is kept beside a job goes with it; only a dead one may still be looked at.
        let dead = Set(try await admin.redis("HKEYS", admin.key("dead")).array?.compactMap(\.string) ?? [])
        for name in ["cancel", "workers", "started", "spent"] {
            for id in try await hash(name).keys where !dead.contains(id) { fault("\(name) still has \(id)") }
        }
        let beats = try await admin.redis("ZRANGE", admin.key("beats"), "0", "-1").array?.compactMap(\.string) ?? []
        for consumer in beats { fault("beats still has \(consumer)") }
        let wakeUps = try await admin.redis("XLEN", admin.key("bell")).int ?? 0
        try await lookForConsumers(of: admin.key("bell"))
        if wakeUps > 1 { fault("bell holds \(wakeUps) entries") }
        guard settings.has("keys") else { return }
        let live = try await admin.redis("HLEN", admin.key("keys:live")).int ?? 0
        if live > dead.count { fault("keys:live has \(live) keys, and only \(dead.count) jobs are dead") }
    }
}

// MARK: - Reading

extension CensusTaker {
    func hash(_ name: String) async throws -> [String: String] {
        let flat = try await admin.redis("HGETALL", admin.key(name)).array ?? []
        var result: [String: String] = [:]
        for index in stride(from: 0, to: flat.count, by: 2) {
            result[flat[index].string ?? ""] = String(decoding: flat[index + 1].bytes ?? [], as: UTF8.self)
        }
        return result
    }

    private func entries(of key: String) async throws -> [(entry: String, fields: [String: [UInt8]])] {
        var all: [(entry: String, fields: [String: [UInt8]])] = []
        var after = "-"
        while true {
            let rows = try await rows(of: key, after: after, limit: 500)
            guard let last = rows.last else { return all }
            after = "(" + last.entry
            for row in rows {
                var fields: [String: [UInt8]] = [:]
                for index in stride(from: 0, to: row.words.count, by: 2) {
                    fields[row.words[index].string ?? ""] = row.words[index + 1].bytes ?? []
                }
                all.append((row.entry, fields))
            }
        }
    }

    private func entries(
        of key: String,
        after: String,
        limit: Int
    ) async throws -> [(entry: String, pairs: [(String, String)])] {
        try await rows(of: key, after: after, limit: limit).map { row in
            let words = row.words.map { String(decoding: $0.bytes ?? [], as: UTF8.self) }
            return (row.entry, stride(from: 0, to: words.count - 1, by: 2).map { (words[$0], words[$0 + 1]) })
        }
    }

    private func rows(of key: String, after: String, limit: Int) async throws -> [(entry: String, words: [RESPValue])] {
        let reply = try await admin.redis("XRANGE", key, after, "+", "COUNT", "\(limit)")
        return (reply.array ?? []).compactMap { row in
            guard let parts = row.array, let entry = parts[0].string, let words = parts[1].array else { return nil }
            return (entry, words)
        }
    }

    private static func pairs(_ flat: [RESPValue]) -> [String: RESPValue] {
        var result: [String: RESPValue] = [:]
        for index in stride(from: 0, to: flat.count - 1, by: 2) { result[flat[index].string ?? ""] = flat[index + 1] }
        return result
    }
}

/// The id of a stream's entry, in its order.
private struct EntryID {
    private let milliseconds: UInt64
    private let number: UInt64

    init(_ text: String) {
        let parts = text.split(separator: "-")
        milliseconds = parts.first.flatMap { UInt64($0) } ?? 0
        number = parts.count > 1 ? UInt64(parts[1]) ?? 0 : 0
    }

    func isAfter(_ other: EntryID) -> Bool {
        (milliseconds, number) > (other.milliseconds, other.number)
    }
}
