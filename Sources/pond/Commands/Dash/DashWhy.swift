import Millpond
import PondCore
import PondInsight

/// A line of pieces that look differently.
struct DashLine: Sendable {
    var pieces: [(text: String, style: DashStyle)]

    init(_ pieces: (text: String, style: DashStyle)...) {
        self.pieces = pieces
    }
}

/// What is known of a job, as lines of a width: what `pond why` says, in its words.
enum DashWhy {
    /// Columns to the left of all lines.
    static let indent = 2

    static func lines(_ report: WhyReport, width: Int) -> [DashLine] {
        let width = max(12, width - 2 * indent)
        var lines = head(of: report, width: width)
        let why = DashText.folded("\(report.reason.rawValue): \(report.detail)", width: width - 6)
        for (index, text) in why.enumerated() {
            guard index == 0, text.hasPrefix(report.reason.rawValue) else {
                lines.append(DashLine(("      " + text, .plain)))
                continue
            }
            let code = report.reason.rawValue
            lines.append(
                DashLine(
                    ("WHY   ", .dim),
                    (code, DashStyle(report.reason.tint)),
                    (String(text.dropFirst(code.count)), .plain)
                )
            )
        }
        add("NEXT", report.next, width, to: &lines)
        for action in report.actions { add("DO", action.text, width, style: .cyan, to: &lines) }
        guard !report.facts.isEmpty || !report.unseen.isEmpty else { return lines }
        lines.append(DashLine())
        let names = report.facts.map(\.name) + (report.unseen.isEmpty ? [] : ["not seen"])
        let column = min(20, names.reduce(0) { max($0, $1.count) }) + 2
        for fact in report.facts { add(fact.name, fact.value, width, column: column, to: &lines) }
        for text in report.unseen { add("not seen", text, width, column: column, style: .yellow, to: &lines) }
        return lines
    }

    /// Which job, what it is, and where; on two lines and more when they have no room on one.
    private static func head(of report: WhyReport, width: Int) -> [DashLine] {
        let place: (String, DashStyle) = (report.place, DashStyle(report.reason.tint).bolder)
        let kind: (String, DashStyle) = (report.kind.map { $0 + "  " } ?? "", .plain)
        let all = SafeText.escaped(report.address + "  " + kind.0 + place.0)
        if DisplayWidth.columns(of: all) <= width { return [DashLine((report.address + "  ", .bold), kind, place)] }
        let address = DashText.folded(report.address, width: width).prefix(4).map { DashLine(($0, .bold)) }
        let words = DashText.folded(kind.0 + place.0, width: width)
        return address + (words.count == 1 ? [DashLine(kind, place)] : words.map { DashLine(($0, place.1)) })
    }

    /// A name, and a text behind it that goes on below itself.
    static func add(
        _ name: String,
        _ text: String,
        _ width: Int,
        column: Int = 6,
        style: DashStyle = .plain,
        most: Int = 40,
        to lines: inout [DashLine]
    ) {
        let blanks = String(repeating: " ", count: column)
        for (index, part) in DashText.folded(text, width: max(2, width - column)).prefix(most).enumerated() {
            let lead = index == 0 ? name + String(repeating: " ", count: max(1, column - name.count)) : blanks
            lines.append(DashLine((lead, .dim), (part, style)))
        }
    }
}
