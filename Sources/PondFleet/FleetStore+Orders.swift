package import PondCore
package import PondQueue
import PondRedis
package import PondScaling

/// All that Redis knows of a fleet.
package struct FleetView: Sendable {
    /// Redis' clock.
    package let now: ServerTime
    /// Who leads; nil when nobody does.
    package let leader: String?
    /// The leader's token.
    package let token: Int64
    /// Until when the lead lasts unless it is renewed.
    package let leadUntil: ServerTime?
    /// What every host should have, with the last decision about each queue.
    package let plan: FleetPlan?
    /// What people ordered.
    package let orders: FleetOrders
    /// The hosts that are there.
    package let members: [FleetMember]
}

/// What a person's order is about.
package enum OrderSubject: Sendable, Hashable {
    /// Every queue of the fleet.
    case fleet
    /// One queue.
    case queue(String)

    var field: String {
        switch self {
        case .fleet: "fleet"
        case .queue(let name): "queue:\(name)"
        }
    }
}

extension FleetStore {
    private static let pageEntries = 500

    /// The longest time that an order may count: 30 days.
    package static let orderDurationMax = Duration.seconds(30 * 86_400)

    /// All that is known of the fleet, in one read.
    package func view() async throws(QueueError) -> FleetView {
        var reader = try ReplyReader("pond_fleet", try await call("pond_fleet", readOnly: true))
        let now = try reader.time()
        let leader = try reader.text()
        return FleetView(
            now: now,
            leader: leader.isEmpty ? nil : leader,
            token: try reader.number(),
            leadUntil: try reader.timeIfAny(),
            plan: JSONText.value(try reader.text()),
            orders: try reader.orders(),
            members: try reader.members()
        )
    }

    /// Overrules the law for a while.
    ///
    /// - Returns: until when, by Redis' clock.
    package func order(
        _ order: ScalingOrder,
        about subject: OrderSubject,
        for duration: Duration
    ) async throws(QueueError) -> ServerTime {
        let arguments: [RedisArgument] = [
            .text(subject.field), .integer(duration.wholeMilliseconds), .text(JSONText.of(order)),
        ]
        var reader = try ReplyReader("pond_fleet_order", try await call("pond_fleet_order", arguments))
        _ = try reader.text()
        return try reader.time()
    }

    /// Ends an order.
    ///
    /// - Returns: false when there was none.
    package func endOrder(about subject: OrderSubject) async throws(QueueError) -> Bool {
        let reply = try await call("pond_fleet_order", [.text(subject.field), 0, ""])
        var reader = try ReplyReader("pond_fleet_order", reply)
        return try reader.text() == "removed"
    }

    /// Decisions that were kept, newest first; those of another version's form are left out.
    ///
    /// - Parameters:
    ///   - queue: only of this queue.
    ///   - limit: how many at most.
    package func decisions(of queue: String? = nil, limit: Int) async throws(QueueError) -> [ScalingDecision] {
        var found: [ScalingDecision] = []
        var end = "+"
        while found.count < limit {
            let entries = try await pond.records(of: keys.decisions, upTo: end, atMost: Self.pageEntries)
            for entry in entries {
                guard entry.values.count >= 2, let decision: ScalingDecision = JSONText.value(entry.values[1])
                else { continue }
                if queue == nil || queue == decision.queue { found.append(decision) }
            }
            guard entries.count == Self.pageEntries, let last = entries.last else { break }
            end = "(\(last.id)"
        }
        return Array(found.prefix(limit))
    }
}
