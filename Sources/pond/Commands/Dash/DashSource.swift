import Millpond
import PondCore
import PondFleet
import PondInsight
import PondQueue
import PondScaling

/// Looks at Redis for the dashboard: a few reads a queue, three for the fleet.
struct DashSource: Sendable {
    /// The decisions that are kept on the screen.
    static let decisionsMax = 200
    /// How many looks the list of decisions may be old when no size has changed.
    private static let decisionsLooks = 10

    let pond: Pond
    /// Only these queues; all when it is empty.
    let names: [String]
    let fleetName: String?
    private var decisions: [ScalingDecision] = []
    private var decisionsOf: [String: [Int]] = [:]
    private var looks = 0
    private var turns = DashTurns()
    /// The last look at each queue.
    private var seen: [String: (status: QueueStatus, sample: QueueSample)] = [:]

    /// So many queues are looked at each time while the screen has something else read.
    static let sparingQueues = 8

    init(_ pond: Pond, queues: [String], fleet: String?) {
        (self.pond, names, fleetName) = (pond, queues, fleet)
    }

    /// Looks once.
    ///
    /// - Parameter isSparing: looks at a few queues only, in turns, and keeps what it knows of the others.
    /// - Throws: `QueueError`, `PondError`, and `CommandFailure` when a fleet was named that does not exist.
    mutating func look(isSparing: Bool = false) async throws -> DashLook {
        let names = try names.isEmpty ? await pond.queues().map(\.text) : names
        for name in turns.next(names, most: isSparing ? Self.sparingQueues : .max) {
            seen[name] = try await QueueSample.read(try pond.queue(name))
        }
        let present = Set(names)
        seen = seen.filter { present.contains($0.key) }
        let looked = names.compactMap { seen[$0] }
        let report = StatusReport(looked.map(\.status))
        var look = DashLook(
            // Without a queue there is nothing whose age it could get wrong.
            at: looked.map(\.sample.at).max() ?? WallClock.read(),
            health: report.health,
            verdict: report.verdict,
            queues: looked.map(\.sample)
        )
        try await addFleet(to: &look)
        looks += 1
        return look
    }

    private mutating func addFleet(to look: inout DashLook) async throws {
        let (store, view): (FleetStore, FleetView)
        do {
            (store, view) = try await FleetLookup(pond: pond).fleet(fleetName)
        } catch let failure as CommandFailure {
            // A queue needs no fleet; a fleet that was named must be there at first.
            if fleetName != nil, looks == 0 { throw failure }
            look.fleetNote = [failure.message, failure.hint].compactMap { $0 }.joined(separator: ": ")
            return
        }
        let found = Dictionary(view.decisions.map { ($0.queue, $0) }, uniquingKeysWith: { first, _ in first })
        for index in look.queues.indices { look.queues[index].decision = found[look.queues[index].name] }
        let sizes = found.mapValues { [$0.from, $0.to] }
        if sizes != decisionsOf || looks % Self.decisionsLooks == 0 {
            decisions = try await store.decisions(limit: Self.decisionsMax)
            decisionsOf = sizes
        }
        let report = FleetReport(name: store.name, view: view)
        look.fleet = FleetSample(
            name: store.name,
            verdict: report.verdict,
            isStale: view.staleness != nil,
            hosts: view.members.map { FleetSample.Host($0, leader: view.leader, at: view.now) },
            decisions: decisions.filter { names.isEmpty || names.contains($0.queue) },
            orders: report.orders
        )
    }
}

extension FleetSample.Host {
    fileprivate init(_ member: FleetMember, leader: String?, at now: ServerTime) {
        let report = member.status?.report
        let pools = (report?.pools.values).map { Array($0) } ?? []
        self.init(
            name: member.host,
            leads: member.host == leader,
            sinceSeen: max(.zero, now.since(member.lastSeen)),
            running: pools.reduce(0) { $0 + $1.running },
            starting: pools.reduce(0) { $0 + $1.starting },
            draining: pools.reduce(0) { $0 + $1.draining },
            room: report?.workersMax,
            cpuWait: member.status?.cpuPressure
        )
    }
}
