import Millpond
import PondCore
import PondFleet
import PondQueue
import PondScaling

/// A fleet, for people and for programs.
struct FleetReport {
    let name: String
    let view: FleetView

    /// One line that says how it stands.
    var verdict: String {
        guard !view.members.isEmpty else {
            return "Fleet \(name) has no host: start one with `pond supervise`."
        }
        let running = view.members.compactMap(\.status).flatMap(\.report.pools.values).reduce(0) { $0 + $1.running }
        let hosts = view.members.count.of("host")
        if let staleness = view.staleness { return "Fleet \(name), \(hosts), \(running.of("worker")). \(staleness)" }
        let fingerprints = Set(view.members.compactMap(\.status?.configuration))
        let differ = fingerprints.count > 1 ? " Its hosts have different configurations; the leader's counts." : ""
        return "Fleet \(name): \(running.of("worker")) on \(hosts), led by \(view.leader ?? "nobody").\(differ)"
    }

    func text(for terminal: Terminal) -> String {
        var parts = [terminal.tinted(SafeText.escaped(verdict), view.staleness == nil ? .green : .yellow)]
        if !view.members.isEmpty { parts.append(hosts(terminal)) }
        if !view.decisions.isEmpty { parts.append(queues(terminal)) }
        let orders = orders
        if !orders.isEmpty { parts.append(orders.map { "order: \(SafeText.escaped($0))" }.joined(separator: "\n")) }
        return parts.joined(separator: "\n\n")
    }

    private func hosts(_ terminal: Terminal) -> String {
        var table = Table([
            .flexible("HOST"), .number("SEEN"), .number("WORKERS"), .number("STARTING"), .number("STOPPING"),
            .number("ROOM FOR"), .text("BOUND BY"), .number("CORES"), .number("FREE MEMORY"), .number("CPU WAIT"),
        ])
        for member in view.members {
            let report = member.status?.report
            let pools = (report?.pools.values).map { Array($0) } ?? []
            let isLeader = member.host == view.leader
            table.add([
                .text(member.host + (isLeader ? " (leads)" : ""), isLeader ? .bold : nil),
                .text(view.now.since(member.lastSeen).human + " ago"),
                .count(pools.reduce(0) { $0 + $1.running }), .count(pools.reduce(0) { $0 + $1.starting }),
                .count(pools.reduce(0) { $0 + $1.draining }), .count(report?.workersMax ?? 0),
                .text(report.map { $0.isUnderPressure ? "pressure" : $0.limit.rawValue } ?? "unknown version"),
                .count(member.status?.cores ?? 0),
                .text(member.status.map { "\(($0.memoryAvailable >> 20).description) MiB" } ?? "-"),
                .text(member.status?.cpuPressure.map { "\(Int(($0 * 100).rounded()))%" } ?? "-"),
            ])
        }
        return table.text(for: terminal)
    }

    private func queues(_ terminal: Terminal) -> String {
        let hosts = (view.plan?.hosts.keys).map { $0.sorted() } ?? []
        var table = Table([
            .text("QUEUE"), .number("HAS"), .number("SHOULD HAVE"), .number("DEMAND"), .text("LIMITED BY"),
            .flexible("ON"),
        ])
        for decision in view.decisions {
            let has = view.members.compactMap { $0.status?.report.pools[decision.queue]?.running }.reduce(0, +)
            let shares = hosts.compactMap { host -> String? in
                guard let count = view.plan?.hosts[host]?[decision.queue], count > 0 else { return nil }
                return "\(host) \(count)"
            }
            table.add([
                .text(decision.queue, .bold), .count(has), .count(decision.to), .count(decision.demand),
                .text(decision.limit.rawValue, decision.limit == .none ? nil : .yellow),
                .text(shares.joined(separator: ", ")),
            ])
        }
        return table.text(for: terminal)
    }

    var orders: [String] {
        let all = view.orders.queues.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        return ((view.orders.fleet.map { [("fleet \(name)", $0)] } ?? []) + all).map { subject, order in
            let reason = order.reason.isEmpty ? "" : " (\(order.reason))"
            return "\(subject) \(OrderView.words(for: order)) until \(order.until.iso8601), says \(order.by)\(reason)"
        }
    }

    var document: JSONDocument {
        let hosts = view.members.map { member -> JSONValue in
            let status = member.status
            return .object([
                ("host", .string(member.host)), ("last_seen", .time(member.lastSeen)),
                ("supervisor_pid", status.map { .int(Int64($0.pid)) } ?? .null),
                ("leads", .bool(member.host == view.leader)),
                ("workers_max", status.map { .count($0.report.workersMax) } ?? .null),
                ("bound_by", .text(status?.report.limit.rawValue)),
                ("may_grow", .bool(status?.report.mayGrow ?? false)),
                ("under_pressure", .bool(status?.report.isUnderPressure ?? false)),
                ("cores", status.map { .count($0.cores) } ?? .null),
                ("memory_available", status.map { .int($0.memoryAvailable) } ?? .null),
                ("cpu_pressure", status?.cpuPressure.map { .double($0) } ?? .null),
                ("memory_pressure", status?.memoryPressure.map { .double($0) } ?? .null),
                ("configuration", .text(status?.configuration)),
                (
                    "pools",
                    .object((status?.report.pools ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, pool($0.value)) })
                ),
                (
                    "plan",
                    .object(
                        (view.plan?.hosts[member.host] ?? [:]).sorted { $0.key < $1.key }.map {
                            ($0.key, .count($0.value))
                        }
                    )
                ),
            ])
        }
        let orders =
            view.orders.queues.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            + (view.orders.fleet.map { [("fleet", $0)] } ?? [])
        return JSONDocument(
            kind: "Fleet",
            items: hosts,
            [
                ("fleet", .string(name)), ("leader", .text(view.leader)), ("token", .int(view.token)),
                ("plan_age", .seconds(view.planAge)), ("stale", .bool(view.staleness != nil)),
                ("decisions", .array(view.decisions.map { DecisionView($0).json })),
                ("orders", .array(orders.map { .object(OrderView.members(of: $1, $0)) })),
            ]
        )
    }

    private func pool(_ report: PoolReport) -> JSONValue {
        .object([
            ("running", .count(report.running)), ("starting", .count(report.starting)),
            ("draining", .count(report.draining)), ("crash_looping", .bool(report.isCrashLooping)),
            ("spawn_seconds", report.spawnSeconds.map { .double($0) } ?? .null),
        ])
    }
}
