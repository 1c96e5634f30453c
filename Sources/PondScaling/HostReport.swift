/// What a host says of itself.
public struct HostReport: Sendable, Hashable, Codable {
    /// Its name in the fleet.
    public var id: String
    /// How many worker processes it can carry, as it computed itself.
    public var workersMax: Int
    /// How many it carries for the sake of minimums, whatever its memory and processors are; nil for `workersMax`.
    public var owedMax: Int?
    /// What bounds `workersMax`: `hostMemory`, `hostCPU`, or `none` for its configuration.
    public var limit: LimitingFactor
    /// False while the host stalls on memory: it takes no more than each queue is owed.
    public var mayGrow: Bool
    /// How many workers it takes at a look beyond those that queues are owed, as while it stalls on processors; nil for
    /// as many as it can carry.
    public var growthMax: Int?
    /// Whether it stalls on processor or memory.
    public var isUnderPressure: Bool { !mayGrow || growthMax != nil }
    /// By queue; a queue that is missing cannot run on this host.
    public var pools: [String: PoolReport]

    public init(
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
