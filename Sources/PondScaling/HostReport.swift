/// What a host says of itself.
public struct HostReport: Sendable, Hashable, Codable {
    /// Its name in the fleet.
    public var id: String
    /// How many worker processes it can carry, as it computed itself.
    public var workersMax: Int
    /// What bounds `workersMax`: `hostMemory`, `hostCPU`, or `none` for its configuration.
    public var limit: LimitingFactor
    /// False while the host stalls on processor or memory.
    public var mayGrow: Bool
    /// By queue; a queue that is missing cannot run on this host.
    public var pools: [String: PoolReport]

    public init(
        id: String,
        workersMax: Int,
        limit: LimitingFactor = .none,
        mayGrow: Bool = true,
        pools: [String: PoolReport] = [:]
    ) {
        self.id = id
        self.workersMax = workersMax
        self.limit = limit
        self.mayGrow = mayGrow
        self.pools = pools
    }
}
