import Millpond
import PondCore
import PondInsight
import PondQueue

/// Groups of the dead as people and programs read them.
struct DeadGroupView {
    let groups: [DeadGroupSum]
    /// How many groups are not shown.
    let hidden: Int
    /// Redis' clock.
    let now: ServerTime

    /// Reads the groups of some queues.
    ///
    /// - Parameter all: those without dead, and those that are ignored, too.
    static func read(_ queues: [Queue], all: Bool) async throws -> DeadGroupView {
        var now = ServerTime(milliseconds: 0)
        for queue in queues { now = max(now, try await queue.depth().now) }
        let found = try await DeadGroupSum.read(queues)
        let shown = all ? found : found.filter { $0.count > 0 && $0.state != .ignored }
        return DeadGroupView(groups: shown, hidden: found.count - shown.count, now: now)
    }

    func text(for terminal: Terminal) -> String {
        guard !groups.isEmpty else { return "No groups of dead jobs." }
        var table = Table([
            .text("GROUP"), .number("DEAD"), .number("EVER"), .number("FIRST"), .number("LAST"), .text("LAST HOUR"),
            .text("STATE"), .flexible("KINDS"), .flexible("WHAT"),
        ])
        for group in groups {
            table.add([
                .text("\(group.id)", .bold), .count(group.count), .count(group.ever), .text(age(group.first)),
                .text(age(group.latest?.last)), .text(Self.spark(group.trend)), .text(group.state.rawValue),
                .text(Self.kinds(group.kinds, most: 3)), .text(group.latest?.title ?? ""),
            ])
        }
        return table.text(for: terminal)
    }

    /// What is kept of one group, with its newest jobs.
    static func text(of group: DeadGroupSum, jobs: [String], now: ServerTime, for terminal: Terminal) -> String {
        let view = DeadGroupView(groups: [group], hidden: 0, now: now)
        var sheet = Sheet()
        sheet.add("group", "\(group.id)", .bold)
        sheet.add("what", group.latest?.title)
        sheet.add("state", group.state.rawValue)
        sheet.add("ignored until", group.parts.compactMap(\.group.ignoredUntil).max()?.iso8601)
        sheet.add("dead", "\(group.count.grouped) now, \(group.ever.grouped) ever")
        sheet.add("queues", group.parts.map { "\($0.queue) \($0.group.count.grouped)" }.joined(separator: ", "))
        sheet.add("kinds", kinds(group.kinds, most: 9))
        sheet.add("cause", group.latest?.cause)
        sheet.add("first", group.first.map { "\(view.age($0)), at \($0.iso8601)" })
        sheet.add("last", group.latest.map { "\(view.age($0.last)), at \($0.last.iso8601)" })
        sheet.add("last hour", spark(group.trend) + "  " + group.trend.map { "\($0)" }.joined(separator: " "))
        sheet.add("last error", group.latest?.lastError)
        sheet.add("oldest jobs", jobs.joined(separator: ", "))
        return sheet.text(for: terminal)
    }

    private func age(_ time: ServerTime?) -> String {
        time.map { now.since($0).human + " ago" } ?? "-"
    }

    static func kinds(_ kinds: [DeadGroup.Kind], most: Int) -> String {
        let shown = kinds.prefix(most).map { "\($0.name) \($0.count.grouped)" }.joined(separator: ", ")
        return kinds.count > most ? "\(shown), …" : shown
    }

    /// A bar for each five minutes, the oldest first.
    private static func spark(_ counts: [Int]) -> String {
        DashChart.spark(counts.map { Double($0) }, most: Double(counts.max() ?? 0), isASCII: false)
    }

    var document: JSONDocument {
        JSONDocument(kind: "DeadGroupList", items: groups.map { Self.json($0) }, [("hidden", .count(hidden))])
    }

    static func json(_ group: DeadGroupSum) -> JSONValue {
        .object([
            ("group", .string("\(group.id)")), ("dead", .count(group.count)), ("ever", .count(group.ever)),
            ("first", .time(group.first)), ("last", .time(group.latest?.last)),
            ("state", .string(group.state.rawValue)),
            ("title", .text(group.latest?.title)), ("cause", .text(group.latest?.cause)),
            ("last_error", .text(group.latest?.lastError)), ("trend", .array(group.trend.map { .count($0) })),
            ("kinds", .array(group.kinds.map { .object([("kind", .string($0.name)), ("dead", .count($0.count))]) })),
            ("queues", .array(group.parts.map { json($0.queue, $0.group) })),
        ])
    }

    private static func json(_ queue: QueueName, _ group: DeadGroup) -> JSONValue {
        .object([
            ("queue", .string(queue.text)), ("dead", .count(group.count)), ("ever", .count(group.ever)),
            ("state", .string(group.state.rawValue)), ("ignored_until", .time(group.ignoredUntil)),
            ("last_id", .string(group.lastID.text)),
        ])
    }
}
