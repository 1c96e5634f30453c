import PondCore
import PondQueue
import PondRedis
import Testing

/// Where every job of a queue is, read with plain commands: none of the library's own answers is believed.
struct Census: Sendable {
    enum Place: Hashable, Sendable {
        case ready(ReadyStream)
        case running(Consumer)
        case held
        case dead
        case waiting
    }

    /// Where each job is; a job in two places has two.
    var places: [JobID: [Place]] = [:]
    /// How each job ended, by the journal; a job that ended twice has two.
    var ends: [JobID: [String]] = [:]
    /// What does not fit together: an index without its record, a pointer to nothing, a wish for a job that is gone.
    var faults: [String] = []
}

extension Bench {
    func census() async throws -> Census {
        var census = Census()
        let moved = try await hash("moved")
        var targets: Set<String> = []
        for stream in ReadyStream.allCases {
            let owners = try await owners(in: stream, &census)
            for (entry, fields) in try await entries(of: queue.keys.stream(stream)) {
                let target = stream.rawValue + entry
                targets.insert(target)
                let claimed = fields.first { $0.name == "id" }?.value
                let isMoved = claimed != nil && moved[claimed ?? ""] == target
                let id = isMoved ? JobID(claimed ?? "") : stream.ownID(entry: entry)
                census.places[id, default: []].append(owners[entry].map { .running($0) } ?? .ready(stream))
            }
        }
        for (id, target) in moved where !targets.contains(target) { census.faults.append("moved \(id) → \(target)") }
        try await countHeldAndDead(&census)
        try await readJournal(&census)
        try await countKeys(&census)
        for (id, _) in try await hash("cancel") {
            let isRunning =
                census.places[JobID(id)]?.contains { if case .running = $0 { true } else { false } } ?? false
            if !isRunning { census.faults.append("cancel flag of \(id)") }
        }
        return census
    }

    /// Expects that every one of these jobs is in exactly one place or ended exactly once, and that nothing else is there.
    ///
    /// - Parameter ignored: how faults begin that do not count.
    func expectWhole(
        _ ids: some Sequence<JobID>,
        _ comment: Comment? = nil,
        ignoring ignored: String? = nil,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        let census = try await census()
        let faults = census.faults.filter { fault in !(ignored.map { fault.hasPrefix($0) } ?? false) }
        #expect(faults == [], comment, sourceLocation: location)
        let ids = Set(ids)
        for id in ids {
            let count = (census.places[id]?.count ?? 0) + (census.ends[id]?.count ?? 0)
            #expect(
                count == 1,
                "\(id): \(census.places[id] ?? []) \(census.ends[id] ?? []) \(comment?.rawValue ?? "")",
                sourceLocation: location
            )
        }
        let strangers = Set(census.places.keys).subtracting(ids)
        #expect(strangers == [], comment, sourceLocation: location)
    }

    /// Expects one job, in one place.
    func expect(_ id: JobID, in place: Census.Place, at location: SourceLocation = #_sourceLocation) async throws {
        let census = try await census()
        #expect(census.places[id] == [place], sourceLocation: location)
        #expect(census.ends[id] == nil, sourceLocation: location)
        #expect(census.faults == [], sourceLocation: location)
    }

    /// Expects that a job is in no place and ended once, like this.
    func expect(_ id: JobID, endedAs end: String, at location: SourceLocation = #_sourceLocation) async throws {
        let census = try await census()
        #expect(census.places[id] == nil, sourceLocation: location)
        #expect(census.ends[id] == [end], sourceLocation: location)
        #expect(census.faults == [], sourceLocation: location)
    }

    private func owners(in stream: ReadyStream, _ census: inout Census) async throws -> [String: Consumer] {
        let key = queue.keys.stream(stream)
        var owners: [String: Consumer] = [:]
        guard try await redis("EXISTS", key).int == 1, try await !groups(of: key).isEmpty else { return owners }
        let bodies = Set(try await entries(of: key).map(\.entry))
        for row in try await redis("XPENDING", key, "mp", "-", "+", "1000000").array ?? [] {
            guard let parts = row.array, let entry = parts[0].string, let owner = parts[1].string else { continue }
            owners[entry] = Consumer(owner)
            if !bodies.contains(entry) { census.faults.append("ghost \(stream) \(entry) of \(owner)") }
        }
        return owners
    }

    private func countHeldAndDead(_ census: inout Census) async throws {
        let held = Set(try await hash("held").keys)
        let due = Set(try await redis("ZRANGE", key("due"), "0", "-1").array?.compactMap(\.string) ?? [])
        census.faults += held.symmetricDifference(due).map { "held or due alone: \($0)" }
        for id in held { census.places[JobID(id), default: []].append(.held) }
        let waiting = Set(try await hash("waiting").keys)
        let waits = Set(try await redis("ZRANGE", key("waits"), "0", "-1").array?.compactMap(\.string) ?? [])
        census.faults += waits.symmetricDifference(waiting).map { "waiting or its time alone: \($0)" }
        for id in waiting { census.places[JobID(id), default: []].append(.waiting) }
        let dead = Set(try await hash("dead").keys)
        let times = Set(try await redis("ZRANGE", key("dead:at"), "0", "-1").array?.compactMap(\.string) ?? [])
        census.faults += dead.symmetricDifference(times).map { "dead or its time alone: \($0)" }
        for id in dead { census.places[JobID(id), default: []].append(.dead) }
        let causes = try await call("pond_causes").array ?? []
        let counted = stride(from: 1, to: causes.count, by: 6).reduce(0) { $0 + (causes[$1].int ?? 0) }
        if Int(counted) != dead.count { census.faults.append("\(dead.count) dead, \(counted) by their causes") }
        try await countGroups(of: dead, &census)
    }

    /// Every dead job is in one group, and every group knows how many of each kind it has.
    private func countGroups(of dead: Set<String>, _ census: inout Census) async throws {
        var grouped: [String] = []
        var empty: Set<String> = []
        for group in try await queue.groups() {
            let reply = try await redis("ZRANGE", key("group:\(group.id.text)"), "0", "-1")
            let ids = reply.array?.compactMap(\.string) ?? []
            grouped += ids
            if ids.isEmpty { empty.insert(group.id.text) }
            let ofKinds = group.kinds.reduce(0) { $0 + $1.count }
            if ofKinds != ids.count { census.faults.append("\(group.id) has \(ids.count) dead, \(ofKinds) by kind") }
        }
        if grouped.sorted() != dead.sorted() { census.faults.append("\(dead.count) dead, \(grouped.count) in groups") }
        let known = Set(try await redis("ZRANGE", key("groups:empty"), "0", "-1").array?.compactMap(\.string) ?? [])
        if known != empty { census.faults.append("empty are \(empty.sorted()), known as such \(known.sorted())") }
    }

    /// A key is held by a job that is somewhere; a start was written down for one that was moved.
    private func countKeys(_ census: inout Census) async throws {
        for (key, _) in try await hash("keys:live") {
            let record = try await queue.record(of: try IdempotencyKey(key))
            if record.map({ census.places[$0.id] == nil }) ?? true { census.faults.append("key \(key) of nobody") }
        }
        let moved = try await hash("moved")
        for (id, _) in try await hash("started") where moved[id] == nil { census.faults.append("start of \(id)") }
    }

    private func readJournal(_ census: inout Census) async throws {
        for (event, detail) in try await journal() {
            switch event {
            case "done":
                for id in detail.split(separator: " ") { census.ends[JobID(String(id)), default: []].append(event) }
            case "cancelled", "expired", "discarded", "compensated", "dropped", "duplicate":
                census.ends[JobID(String(detail.prefix { $0 != " " })), default: []].append(event)
            default: continue
            }
        }
    }

    /// What happened, in order.
    func journal() async throws -> [(event: String, detail: String)] {
        try await entries(of: key("journal")).flatMap { _, fields in
            fields.filter { !["by", "n", "facts"].contains($0.name) }.map { ($0.name, $0.value) }
        }
    }

    func entries(of key: String) async throws -> [(entry: String, fields: [(name: String, value: String)])] {
        try await (redis("XRANGE", key, "-", "+").array ?? []).compactMap { row in
            guard let parts = row.array, let entry = parts[0].string, let flat = parts[1].array else { return nil }
            let words = flat.map { String(decoding: $0.bytes ?? [], as: UTF8.self) }
            return (entry, stride(from: 0, to: words.count, by: 2).map { (words[$0], words[$0 + 1]) })
        }
    }

    private func groups(of key: String) async throws -> [RESPValue] {
        try await redis("XINFO", "GROUPS", key).array ?? []
    }

    /// A hash of the queue; its values as far as they are text.
    func hash(_ name: String) async throws -> [String: String] {
        let flat = try await redis("HGETALL", key(name)).array ?? []
        var result: [String: String] = [:]
        for index in stride(from: 0, to: flat.count, by: 2) {
            result[flat[index].string ?? ""] = String(decoding: flat[index + 1].bytes ?? [], as: UTF8.self)
        }
        return result
    }
}
