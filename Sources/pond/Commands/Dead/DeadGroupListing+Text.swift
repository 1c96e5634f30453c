import Millpond
import PondCore
import PondInsight
import PondQueue

extension DeadGroupListing {
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
        let view = DeadGroupListing(groups: [group], hidden: 0, now: now)
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

    var document: JSONDocument { JSONDocument(kind: "DeadGroupList", of: record) }
}
