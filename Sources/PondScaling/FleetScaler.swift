package import PondCore

/// The memory of all queues; a new leader is given the last leader's.
package struct FleetScaler: Sendable, Hashable, Codable {
    private var queues: [String: QueueScaler] = [:]

    /// How often what hosts could not take is offered to other queues.
    private static let roundsMax = 4

    private enum CodingKeys: String, CodingKey {
        case queues = "q"
    }

    /// False only in a simulation that shows what the growth guard is for.
    private var verifiesGrowth = true

    package init() {}

    /// A law that trusts every growth unless `verifiesGrowth`, for simulations.
    package init(verifiesGrowth: Bool) {
        self.verifiesGrowth = verifiesGrowth
    }

    /// Decides how many workers of which queue each host is to have.
    ///
    /// A queue without a reading keeps its size, and nothing that is wrong with one queue reaches another.
    ///
    /// - Parameters:
    ///   - readings: by queue, what was read at this tick.
    ///   - hosts: the members of the fleet.
    ///   - orphans: live workers of hosts that are no members any more; they take room until they are gone.
    ///   - previous: the last plan, of whichever leader; nil when there was none.
    ///   - token: the fencing token of this leader.
    package mutating func plan(
        readings: [String: QueueReading],
        hosts: [HostReport],
        orphans: Int,
        policy: FleetPolicy,
        orders: FleetOrders,
        previous: FleetPlan?,
        at: ServerTime,
        token: Int64
    ) -> FleetPlan {
        queues = queues.filter { policy.queues[$0.key] != nil }
        for queue in policy.queues.keys where queues[queue] == nil {
            queues[queue] = QueueScaler()
            queues[queue]?.verifiesGrowth = verifiesGrowth
        }
        var placement = Placement(hosts, policy, orphans: orphans, previous: previous)
        var decisions: [String: ScalingDecision] = [:]
        for (queue, own) in policy.queues {
            var decision = queues[queue, default: QueueScaler()].decide(
                readings[queue],
                queue: queue,
                workers: FleetScaler.size(of: queue, placement, previous),
                policy: own,
                order: orders.order(for: queue, at: at),
                at: at
            )
            decision.token = token
            decisions[queue] = decision
        }
        let grants = FleetScaler.place(&placement, decisions, policy)
        for (queue, decision) in decisions {
            let settled = decision.settled(placement, granted: grants[queue] ?? 0)
            queues[queue]?.settle(granted: settled.to)
            decisions[queue] = settled
        }
        return FleetPlan(token: token, at: at, hosts: placement.plan, decisions: decisions)
    }

    /// The workers that a queue is to have as things stand, those of hosts that have just gone included.
    private static func size(of queue: String, _ placement: Placement, _ previous: FleetPlan?) -> Int {
        let present = Set(placement.hosts.map(\.id))
        let gone = previous?.hosts.filter { !present.contains($0.key) }.values.reduce(0) { $0 + ($1[queue] ?? 0) }
        return (gone ?? 0) + placement.hosts.reduce(0) { $0 + ($1.pools[queue]?.assigned ?? 0) }
    }

    /// Shares the fleet, puts the shares on hosts, and offers to others what no host can take.
    private static func place(
        _ placement: inout Placement,
        _ decisions: [String: ScalingDecision],
        _ policy: FleetPolicy
    ) -> [String: Int] {
        var claims = decisions.map { queue, decision in
            Claim(decision, policy.queues[queue], placement)
        }
        let floors = Dictionary(uniqueKeysWithValues: claims.map { ($0.queue, $0.floor) })
        var grants: [String: Int] = [:]
        for _ in 0..<roundsMax {
            let owed = claims.reduce(0) { $0 + min($1.floor, $1.wanted) }
            grants = Sharing.grants(claims, capacity: placement.capacity(owed: owed))
            placement.target(grants, floors: floors)
            let short = claims.indices.filter {
                placement.workers(of: claims[$0].queue) < grants[claims[$0].queue] ?? 0
            }
            if short.isEmpty { break }
            for index in short { claims[index].wanted = placement.workers(of: claims[index].queue) }
        }
        placement.admit(floors: floors)
        return grants
    }
}

extension Placement {
    init(_ hosts: [HostReport], _ policy: FleetPolicy, orphans: Int, previous: FleetPlan?) {
        let names = Set(policy.queues.keys)
        self.init(
            hosts.map { HostRoom($0, queues: names, previous: previous?.hosts[$0.id]) },
            room: policy.workersMax.clamped(to: 0...1_000_000) - orphans.clamped(to: 0...1_000_000)
        )
    }
}

extension Claim {
    /// What a decision asks for, as far as any host could take it.
    init(_ decision: ScalingDecision, _ policy: ScalingPolicy?, _ placement: Placement) {
        let wish = max(0, decision.wanted)
        // What a person has fixed, or what is held for want of data, is not for others to take.
        let owed = decision.isHeld ? wish : min(wish, max(decision.workersMin, policy?.reserve ?? 0))
        let floor = min(owed, placement.reach(decision.queue, isOwed: true))
        self.init(
            queue: decision.queue,
            wanted: max(floor, min(wish, placement.reach(decision.queue))),
            floor: floor,
            weight: policy?.weight ?? 1
        )
    }
}
