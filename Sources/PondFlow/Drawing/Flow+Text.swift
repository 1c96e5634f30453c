import PondCore

extension Flow {
    /// The flow as text: a line a step, those that may run at the same time under one number.
    package var drawnAsText: String {
        let order = FlowOrder(steps.map(\.after))
        let captions = steps.map { FlowCaption($0) }
        let widths = (0..<3).map { column in captions.map { Self.columns(of: $0)[column].count }.max() ?? 0 }
        let digits = String((order.rows.max() ?? 0) + 1).count
        var lines = ["\(kind)" + (about.isEmpty ? "" : ": \(about)"), ""]
        for row in 0...(order.rows.max() ?? 0) {
            let inRow = steps.indices.filter { order.rows[$0] == row }
            for (place, index) in inRow.enumerated() {
                let number = place == 0 ? String(row + 1) : ""
                let branch = inRow.count == 1 ? "─" : place == 0 ? "┬" : place == inRow.count - 1 ? "└" : "├"
                let columns = Self.columns(of: captions[index])
                let padded = columns.enumerated().map { Self.padded($1, to: widths[$0]) }
                let after = steps[index].after.map { steps[$0].name }.joined(separator: ", ")
                let line =
                    "\(Self.padded(number, to: digits, right: true)) \(branch) \(padded.joined(separator: "  "))"
                    + (after.isEmpty ? "" : "  after \(after)")
                lines.append(line)
            }
        }
        return lines.map(Self.withoutSpacesAtEnd).joined(separator: "\n")
    }

    private static func columns(of caption: FlowCaption) -> [String] {
        [caption.name, caption.work + (caption.when.map { ", \($0)" } ?? ""), caption.undo ?? ""]
    }

    private static func padded(_ text: String, to width: Int, right: Bool = false) -> String {
        let spaces = String(repeating: " ", count: max(0, width - text.count))
        return right ? spaces + text : text + spaces
    }

    private static func withoutSpacesAtEnd(_ line: String) -> String {
        var line = line[...]
        while line.last == " " { line.removeLast() }
        return String(line)
    }
}
