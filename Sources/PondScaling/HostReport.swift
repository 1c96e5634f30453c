/// What a host says of itself.
package struct HostReport: Sendable, Hashable, Codable {
    /// Its name in the fleet.
    package var id: String
    /// How many worker processes it can carry, as it computed itself.
    package var workersMax: Int
    /// How many it carries for the sake of minimums, whatever its memory and processors are; nil for `workersMax`.
    package var owedMax: Int?
    /// What bounds `workersMax`: `hostMemory`, `hostCPU`, or `max` for its configuration.
    package var limit: LimitingFactor
    /// False while the host stalls on memory: it takes no more than each queue is owed.
    package var mayGrow: Bool
    /// How many workers it takes at a look beyond those that queues are owed, as while it stalls on processors; nil for
    /// as many as it can carry.
    package var growthMax: Int?
    /// Whether it stalls on processor or memory.
    package var isUnderPressure: Bool { !mayGrow || growthMax != nil }
    /// By queue; a queue that is missing cannot run on this host.
    package var pools: [String: PoolReport]

    package init(
        id: String,
        workersMax: Int,
        owedMax: Int? = nil,
        limit: LimitingFactor = .none,
        mayGrow: Bool = true,
        growthMax: Int? = nil,
        pools: [String: PoolReport] = [:]
    ) {
        self.id = id
        self.workersMax = workersMax
        self.owedMax = owedMax
        self.limit = limit
        self.mayGrow = mayGrow
        self.growthMax = growthMax
        self.pools = pools
    }
}
