/// Puts the workers of each queue on hosts: what exists stays where it is, growth goes where most room is.
///
/// Nothing that runs is ever moved for the sake of balance; the plan changes where the sizes, the hosts or their
/// capacities do, and is the same for the same input.
struct Placement: Sendable {
    private(set) var hosts: [HostRoom]
    /// The processes that the fleet may have, apart from those that no host of it answers for.
    let room: Int

    init(_ hosts: [HostRoom], room: Int) {
        self.hosts = hosts.sorted { $0.id < $1.id }
        self.room = max(0, room)
    }

    /// Workers that all hosts together can carry.
    ///
    /// - Parameter owed: workers that queues are owed, for which hosts carry more.
    func capacity(owed: Int) -> Int {
        let usual = hosts.reduce(0) { $0 + max($1.capacity, $1.assigned) }
        let most = hosts.reduce(0) { $0 + max($1.owedCapacity, $1.assigned) }
        return min(room, max(usual, min(owed, most)))
    }

    /// The most of a queue that the hosts could have, or could have of what it is owed.
    func reach(_ queue: String, isOwed: Bool = false) -> Int {
        hosts.reduce(0) { $0 + $1.reach(queue, isOwed: isOwed) }
    }

    /// Workers of a queue in the plan in the making.
    func workers(of queue: String) -> Int {
        hosts.reduce(0) { $0 + ($1.pools[queue]?.target ?? 0) }
    }

    /// Workers by queue, a host.
    var plan: [String: [String: Int]] {
        // Zeros stay in the plan: a pool that is not in it would be taken for one that nobody has planned yet.
        Dictionary(uniqueKeysWithValues: hosts.map { ($0.id, $0.pools.mapValues(\.target)) })
    }

    /// Plans the grants as if all that drains were gone.
    ///
    /// - Parameter floors: workers of each queue that come first.
    mutating func target(_ grants: [String: Int], floors: [String: Int]) {
        for host in hosts.indices {
            for (queue, pool) in hosts[host].pools { hosts[host].pools[queue]?.target = pool.assigned }
        }
        for (queue, size) in grants.sorted(by: { $0.key < $1.key }) { shrink(queue, to: size) }
        grow(to: grants, first: floors) { placement, index, _, isOwed in
            let host = placement.hosts[index]
            return (isOwed ? host.owedCapacity : host.capacity) - host.target
        }
    }

    /// Takes back what there is no room for yet: workers that drain, here or elsewhere, hold theirs until they are gone.
    ///
    /// - Parameter floors: workers of each queue that come first.
    mutating func admit(floors: [String: Int]) {
        let targets = hosts.map { $0.pools.mapValues(\.target) }
        for host in hosts.indices {
            for (queue, pool) in hosts[host].pools {
                hosts[host].pools[queue]?.target = min(pool.target, pool.assigned)
            }
        }
        var wanted: [String: Int] = [:]
        for target in targets { wanted.merge(target, uniquingKeysWith: +) }
        grow(to: wanted, first: floors) { placement, index, queue, isOwed in
            let host = placement.hosts[index]
            guard host.pools[queue]?.target ?? 0 < targets[index][queue] ?? 0, placement.occupied < placement.room
            else { return 0 }
            return (isOwed ? host.owedCapacity : host.capacity) - host.occupied
        }
    }

    /// The processes that there may be at once under the plan in the making.
    private var occupied: Int { hosts.reduce(0) { $0 + $1.occupied } }

    // MARK: One worker at a time

    private mutating func shrink(_ queue: String, to size: Int) {
        var excess = workers(of: queue) - max(0, size)
        while excess > 0 {
            let holders = hosts.indices.filter { hosts[$0].pools[queue].map { $0.target > 0 } ?? false }
            guard let host = holders.max(by: { isLessCrowded($0, $1, queue) }) else { return }
            hosts[host].pools[queue]?.target -= 1
            excess -= 1
        }
    }

    /// Whether a host should give up a worker later than another.
    private func isLessCrowded(_ left: Int, _ right: Int, _ queue: String) -> Bool {
        func crowd(_ index: Int) -> (Int, Int, Int, Int) {
            let host = hosts[index]
            let pool = host.pools[queue]
            return (
                pool?.isCrashLooping == true ? 1 : 0, host.target - host.capacity, pool?.target ?? 0, index
            )
        }
        return crowd(left) < crowd(right)
    }

    /// How much room a host has for one more worker of a queue; none when it is not above 0.
    private typealias Room = (Placement, Int, String, Bool) -> Int

    /// Gives each queue in turn a worker on the host with most room, those below their floor first.
    private mutating func grow(to sizes: [String: Int], first floors: [String: Int], room: Room) {
        let first = floors.filter { sizes[$0.key] != nil }
        let owed = first.merging(sizes) { min($0, $1) }.filter { first[$0.key] != nil }
        for (goals, isOwed) in [(owed, true), (sizes, false)] {
            var open = goals.keys.sorted()
            while !open.isEmpty {
                open = open.filter { queue in
                    guard workers(of: queue) < goals[queue] ?? 0, let host = roomiest(queue, isOwed, room)
                    else { return false }
                    hosts[host].pools[queue]?.target += 1
                    return true
                }
            }
        }
    }

    private func roomiest(_ queue: String, _ isOwed: Bool, _ room: Room) -> Int? {
        var best: (index: Int, room: Int)?
        for index in hosts.indices where hosts[index].canGrow(queue, isOwed: isOwed) {
            let room = room(self, index, queue, isOwed)
            if room > (best?.room ?? 0) { best = (index, room) }
        }
        return best?.index
    }
}
