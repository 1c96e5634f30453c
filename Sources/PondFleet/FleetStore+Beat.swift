import FoundationEssentials
package import PondCore
package import PondQueue
import PondRedis
package import PondScaling

/// What a host says of itself to its fleet.
package struct HostStatus: Sendable, Hashable, Codable {
    /// What the leader plans with.
    package var report: HostReport
    /// The supervisor's process id on its host.
    package var pid: Int32
    /// Processors that the host's workers may use.
    package var cores: Int
    /// Memory that new workers could have, in bytes.
    package var memoryAvailable: Int64
    /// Share of the last ten seconds in which something waited for a processor, 0 to 1; nil where the system does not
    /// say.
    package var cpuPressure: Double?
    /// The same for memory.
    package var memoryPressure: Double?
    /// A fingerprint of the configuration that it would lead with.
    package var configuration: String

    package init(
        report: HostReport,
        pid: Int32 = 0,
        cores: Int,
        memoryAvailable: Int64,
        cpuPressure: Double? = nil,
        memoryPressure: Double? = nil,
        configuration: String = ""
    ) {
        self.report = report
        self.pid = pid
        self.cores = cores
        self.memoryAvailable = memoryAvailable
        self.cpuPressure = cpuPressure
        self.memoryPressure = memoryPressure
        self.configuration = configuration
    }
}

/// A host of a fleet, as the others see it.
package struct FleetMember: Sendable, Hashable {
    /// The host's name in the fleet.
    package let host: String
    /// When it was heard last.
    package let lastSeen: ServerTime
    /// What it said; nil when it is of a version that this one cannot read.
    package let status: HostStatus?
}

/// What a host hears when it beats.
package struct FleetAnswer: Sendable {
    /// What only the leader is told.
    package struct Lead: Sendable {
        /// What the law remembers; nil when nobody led before, or with another version.
        package let memory: FleetScaler?
        /// What people ordered.
        package let orders: FleetOrders
        /// The hosts that are there, this one included.
        package let members: [FleetMember]
    }

    /// Redis' clock.
    package let now: ServerTime
    /// Who leads; nil when nobody does.
    package let leader: String?
    /// The leader's token, which rises with every change of hands.
    package let token: Int64
    /// What every host should have; nil before the first plan, or when it is of another version.
    package let plan: FleetPlan?
    /// Not nil when this host leads.
    package let lead: Lead?
}

extension FleetStore {
    /// Says what a host has, and hears what it should have; takes the lead when nobody has it.
    ///
    /// - Parameters:
    ///   - host: the host's name, at most ``hostBytesMax`` bytes.
    ///   - lease: how long a host or a leader may be silent before it is gone, at least a second.
    ///   - isWilling: whether it may lead.
    package func beat(
        as host: String,
        _ status: HostStatus,
        lease: Duration,
        isWilling: Bool
    ) async throws(QueueError) -> FleetAnswer {
        let reply = try await call(
            "pond_fleet_beat",
            [
                .text(host), .text(JSONText.of(status)), .integer(lease.wholeMilliseconds),
                .text(isWilling ? "lead" : ""),
            ]
        )
        var reader = try ReplyReader("pond_fleet_beat", reply)
        let now = try reader.time()
        let leader = try reader.text()
        let token = try reader.number()
        let isLeader = try reader.number() == 1
        let plan: FleetPlan? = JSONText.value(try reader.text())
        var lead: FleetAnswer.Lead?
        if isLeader {
            lead = FleetAnswer.Lead(
                memory: JSONText.value(try reader.text()),
                orders: try reader.orders(),
                members: try reader.members()
            )
        }
        return FleetAnswer(now: now, leader: leader.isEmpty ? nil : leader, token: token, plan: plan, lead: lead)
    }

    /// Says what every host should have; only the leader's word counts.
    ///
    /// - Parameters:
    ///   - memory: what the law remembers, for the next leader.
    ///   - worthKeeping: decisions for the history.
    /// - Returns: false when another host leads or has led since the token was given; then nothing was written.
    package func publish(
        _ plan: FleetPlan,
        memory: FleetScaler,
        worthKeeping decisions: [ScalingDecision],
        as host: String
    ) async throws(QueueError) -> Bool {
        var arguments: [RedisArgument] = [
            .text(host), .integer(plan.token), .text(JSONText.of(plan)), .text(JSONText.of(memory)),
        ]
        for decision in decisions { arguments += [.text(decision.queue), .text(JSONText.of(decision))] }
        return try await call("pond_fleet_plan", arguments).string == "ok"
    }

    /// Makes the fleet known, so that it can be found by people.
    package func register() async throws(QueueError) {
        try await pond.register(fleet: name)
    }

    /// Leaves the fleet, and gives the lead back when this host has it.
    package func leave(as host: String) async throws(QueueError) {
        _ = try await call("pond_fleet_leave", [.text(host)])
    }
}

/// Values as JSON in Redis.
enum JSONText {
    static func of(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf",
            negativeInfinity: "-inf",
            nan: "nan"
        )
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            preconditionFailure("a value of the fleet cannot be encoded: \(error)")
        }
    }

    /// Reads a value; nil when there is none, or when another version wrote it in another form.
    static func value<Value: Decodable>(_ text: String) -> Value? {
        guard !text.isEmpty else { return nil }
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf",
            negativeInfinity: "-inf",
            nan: "nan"
        )
        do { return try decoder.decode(Value.self, from: Data(text.utf8)) } catch { return nil }
    }
}

extension ReplyReader {
    /// Orders in force; one that cannot be read counts for nothing.
    mutating func orders() throws(QueueError) -> FleetOrders {
        var orders = FleetOrders()
        let count = try number()
        for _ in 0..<count {
            let field = try text()
            let words = try text().split(separator: " ", maxSplits: 1)
            guard words.count == 2, let until = Int64(words[0]),
                var order: ScalingOrder = JSONText.value(String(words[1]))
            else { continue }
            // Redis' clock judged it, so its word for the end is the one that counts.
            order.until = ServerTime(milliseconds: until)
            if field == "fleet" { orders.fleet = order } else { orders.queues[String(field.dropFirst(6))] = order }
        }
        return orders
    }

    mutating func members() throws(QueueError) -> [FleetMember] {
        var members: [FleetMember] = []
        let count = try number()
        for _ in 0..<count {
            members.append(
                FleetMember(host: try text(), lastSeen: try time(), status: JSONText.value(try text()))
            )
        }
        return members
    }
}
