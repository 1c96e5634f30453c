package import PondCore
package import PondQueue

/// Reads limits, and who waits for them, as people and programs are shown them; and sets them.
package struct LimitReader: Sendable {
    private let pond: Pond
    private let limits: NamedLimits

    /// So many queues are asked for those that wait.
    private static let queuesMax = 200

    /// - Parameter queue: whose limits are meant, where each queue has its own, as on a cluster. Defaults to those that all
    ///   queues share.
    package init(_ pond: Pond, of queue: Queue? = nil) {
        self.pond = pond
        limits = queue.map { pond.limits(of: $0) } ?? pond.limits
    }

    // MARK: Changes

    /// Sets what a limit allows.
    ///
    /// - Returns: what it allowed before; nil when nobody had set it.
    package func set(_ name: LimitName, _ spec: LimitSpec) async throws -> String? {
        let before = try await limits.list().first { $0.name == name.text }
        try await limits.set(name, spec)
        return before.map { "\($0.spec)" }
    }

    /// Takes a limit away; false when nobody had set it.
    package func clear(_ name: LimitName) async throws -> Bool { try await limits.clear(name) }

    // MARK: Reads

    /// The names that somebody has set.
    package func names() async throws -> [String] { try await limits.list().map(\.name) }

    /// All limits, with the lanes that wait for them.
    ///
    /// - Parameter queues: those whose lanes are read; nil for all known ones.
    package func listing(of queues: [Queue]? = nil) async throws -> LimitListing {
        let now = try await pond.serverTime()
        let lanes = if let queues { try await lanes(of: queues) } else { try await waiting() }
        let known = try await limits.list()
        let names = Set(known.map(\.name))
        let views = known.map { limit in
            LimitView(
                limit,
                lanes: lanes.filter { LimitName.definer(of: $0.limit, among: names.contains) == limit.name },
                at: now
            )
        }
        return LimitListing(limits: views, at: now)
    }

    /// One limit with its last hour and the lanes that wait for it; nil when nobody has set it, nor its family.
    package func limit(_ name: LimitName) async throws -> LimitView? {
        guard let found = try await limits.show(name) else { return nil }
        let names = Set(try await names())
        var view = LimitView(
            found,
            named: name.text,
            definedAs: LimitName.definer(of: name.text, among: names.contains),
            lanes: try await waiting().filter { $0.waits(for: name.text) },
            at: try await pond.serverTime()
        )
        view.lanes.sort { $0.waiting > $1.waiting }
        return view
    }

    /// What holds a job of a queue back, without those that wait; nil when it cannot be read, as by a user who may not.
    package static func limit(_ name: String, of queue: Queue, on pond: Pond) async throws -> LimitView? {
        if let shared = try await LimitReader(pond).limitIfReadable(name) { return shared }
        // On a cluster each queue has its own.
        return try await LimitReader(pond, of: queue).limitIfReadable(name)
    }

    private func limitIfReadable(_ name: String) async throws -> LimitView? {
        do {
            let name = try LimitName(name)
            guard let found = try await limits.show(name) else { return nil }
            let isPlain = LimitName.family(of: name.text) == nil
            let names = isPlain ? [name.text] : Set(try await names())
            let definer = LimitName.definer(of: name.text, among: names.contains)
            return LimitView(found, named: name.text, definedAs: definer, at: try await pond.serverTime())
        } catch let error as QueueError where error.code == .redis {
            return nil
        } catch is PondError {
            return nil
        }
    }

    /// The lanes of some queues, the fullest first.
    package func lanes(of queues: [Queue]) async throws -> [LimitLane] {
        var lanes: [LimitLane] = []
        for queue in queues {
            lanes += try await queue.limitLanes().lanes.map { LimitLane($0, of: queue.name.text) }
        }
        return lanes.sorted { ($1.waiting, $0.queue, $0.lane) < ($0.waiting, $1.queue, $1.lane) }
    }

    /// The lanes of all known queues.
    private func waiting() async throws -> [LimitLane] {
        let names = try await pond.queues().prefix(Self.queuesMax)
        return try await lanes(of: names.map { try pond.queue($0.text) })
    }
}

/// The limits that somebody has set, with those that wait for them.
package struct LimitListing: Sendable, Hashable, Codable {
    /// By name.
    package var limits: [LimitView]
    /// Redis' clock.
    @Moment package var at: ServerTime?

    private enum CodingKeys: String, CodingKey {
        case limits = "items"
        case at
    }

    /// Some limits at a moment.
    package init(limits: [LimitView], at: ServerTime) {
        self.limits = limits
        _at = Moment(wrappedValue: at)
    }
}

extension LimitView {
    fileprivate init(
        _ limit: NamedLimit,
        named name: String? = nil,
        definedAs: String? = nil,
        lanes: [LimitLane] = [],
        at now: ServerTime
    ) {
        self.init(
            name: name ?? limit.name,
            definedAs: definedAs,
            definition: "\(limit.spec)",
            state: limit.state,
            learned: Double(limit.learned) / 1_000,
            until: limit.until,
            running: limit.running,
            admitted: limit.admitted,
            refused: limit.refused,
            failed: limit.failed,
            minutes: limit.minutes.map {
                Minute(at: $0.at, admitted: $0.admitted, refused: $0.refused, failed: $0.failed)
            },
            lanes: lanes,
            at: now
        )
    }
}

extension LimitLane {
    fileprivate init(_ lane: LimitLanes.Lane, of queue: String) {
        self.init(
            queue: queue,
            lane: lane.names,
            waiting: lane.waiting,
            limit: lane.blockedBy,
            reason: lane.reason?.rawValue ?? "no_slot",
            due: lane.due
        )
    }
}

extension NamedLimit.State: Codable {}
