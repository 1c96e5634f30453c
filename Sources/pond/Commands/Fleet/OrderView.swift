import Millpond
import PondCore
import PondFleet
import PondQueue
import PondScaling

/// What people ordered, for people and for programs.
enum OrderView {
    static func show(
        _ order: ScalingOrder,
        about subject: String,
        until: ServerTime,
        on terminal: Terminal,
        _ output: OutputOptions
    ) throws {
        var order = order
        order.until = until
        if output.json { return try terminal.print(JSONDocument(kind: "ScalingOrder", members(of: order, subject))) }
        try terminal.print("\(subject) \(words(for: order)) until \(until.iso8601); the next look obeys it")
    }

    /// What an order does: `is kept at 4 workers`.
    static func words(for order: ScalingOrder) -> String {
        switch order.kind {
        case .pin: "is kept at \((order.workers ?? 0).of("worker"))"
        case .floor: "has at least \((order.workers ?? 0).of("worker"))"
        case .pause: "keeps its size"
        }
    }

    static func members(of order: ScalingOrder, _ subject: String) -> [(String, JSONValue)] {
        [
            ("subject", .string(subject)), ("order", .string(order.kind.rawValue)),
            ("workers", order.workers.map { .count($0) } ?? .null), ("until", .time(order.until)),
            ("by", .string(order.by)), ("reason", .string(order.reason)),
        ]
    }

    /// Ends an order of one of the kinds.
    ///
    /// - Parameters:
    ///   - name: what such an order is called.
    ///   - queue: the queue, nil for the whole fleet.
    static func end(
        _ kinds: Set<ScalingOrder.Kind>,
        _ name: String,
        _ queue: String?,
        _ fleet: FleetOption,
        _ redis: RedisOptions,
        _ output: OutputOptions
    ) async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let (store, view) = try await FleetLookup(pond: pond).fleet(fleet.fleet)
                let subject = queue ?? "fleet \(store.name)"
                let order = queue.map { view.orders.queues[$0] } ?? view.orders.fleet
                guard let order, kinds.contains(order.kind) else {
                    let other = order.map { "; it \(words(for: $0))" } ?? ""
                    throw CommandFailure(
                        .notFound,
                        "\(subject) has no \(name)\(other)",
                        hint: "`pond fleet` lists the orders in force"
                    )
                }
                _ = try await store.endOrder(about: queue.map { .queue($0) } ?? .fleet)
                if output.json {
                    return try terminal.print(
                        JSONDocument(kind: "ScalingOrderEnded", members(of: order, subject))
                    )
                }
                try terminal.print("the \(name) of \(subject) has ended; the load decides again")
            }
        }
    }
}
