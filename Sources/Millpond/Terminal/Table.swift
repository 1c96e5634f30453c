import PondCore

/// Rows under headings, aligned for people: numbers to the right, nothing cut off unless a terminal is too narrow.
package struct Table: Sendable {
    /// A heading and how its column is set.
    package struct Column: Sendable {
        let title: String
        let isRight: Bool
        /// Whether this column gives way when the terminal is too narrow.
        let isFlexible: Bool

        /// Text, to the left.
        package static func text(_ title: String) -> Column {
            Column(title: title, isRight: false, isFlexible: false)
        }

        /// Text that is cut when the terminal is too narrow; whole off a terminal.
        package static func flexible(_ title: String) -> Column {
            Column(title: title, isRight: false, isFlexible: true)
        }

        /// Numbers and durations, to the right.
        package static func number(_ title: String) -> Column {
            Column(title: title, isRight: true, isFlexible: false)
        }
    }

    /// What stands in a row under one heading.
    package struct Cell: Sendable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
        enum Content: Sendable, Hashable {
            case text(String)
            case count(Int)
        }

        let content: Content
        let tint: Tint?

        /// Text, which may come from outside: it is made safe here.
        package static func text(_ text: some StringProtocol, _ tint: Tint? = nil) -> Cell {
            Cell(content: .text(SafeText.escaped(text)), tint: tint)
        }

        /// A count, in groups of three on a terminal and as plain digits off it.
        package static func count(_ number: Int, _ tint: Tint? = nil) -> Cell {
            Cell(content: .count(number), tint: tint)
        }

        init(content: Content, tint: Tint?) {
            self.content = content
            self.tint = tint
        }

        /// Text as it stands in code.
        package init(stringLiteral value: String) {
            self = .text(value)
        }
    }

    private let columns: [Column]
    private var rows: [[Cell]] = []
    private static let gap = "  "

    package init(_ columns: [Column]) {
        self.columns = columns
    }

    /// Whether there is no row.
    package var isEmpty: Bool { rows.isEmpty }

    /// Adds a row with a cell a column.
    package mutating func add(_ cells: [Cell]) {
        precondition(cells.count == columns.count, "\(cells.count) cells in a table of \(columns.count) columns")
        rows.append(cells)
    }

    /// The heading and all rows, without an end of line behind the last.
    package func text(for terminal: Terminal) -> String {
        let isTTY = terminal.traits.isOutputTTY
        let texts = rows.map { row in row.map { $0.text(grouped: isTTY) } }
        var widths = columns.indices.map { index in
            texts.reduce(DisplayWidth.columns(of: columns[index].title)) {
                max($0, DisplayWidth.columns(of: $1[index]))
            }
        }
        if isTTY, let limit = terminal.traits.columns { narrow(&widths, to: limit) }
        var lines = [line(columns.map(\.title), columns.map { _ in .dim }, widths, terminal)]
        for (row, texts) in zip(rows, texts) { lines.append(line(texts, row.map(\.tint), widths, terminal)) }
        return lines.joined(separator: "\n")
    }

    /// Takes what is too much from the flexible columns; each keeps at least 8 columns.
    private func narrow(_ widths: inout [Int], to limit: Int) {
        var excess = widths.reduce(0, +) + Table.gap.count * (widths.count - 1) - limit
        for index in columns.indices.reversed() where columns[index].isFlexible && excess > 0 {
            let given = min(excess, max(0, widths[index] - 8))
            widths[index] -= given
            excess -= given
        }
    }

    private func line(_ texts: [String], _ tints: [Tint?], _ widths: [Int], _ terminal: Terminal) -> String {
        var line = ""
        var owed = ""
        for (index, text) in texts.enumerated() {
            let shown = DisplayWidth.cut(text, to: widths[index])
            let padding = String(repeating: " ", count: widths[index] - DisplayWidth.columns(of: shown))
            let tinted = tints[index].map { shown.isEmpty ? shown : terminal.tinted(shown, $0) } ?? shown
            if columns[index].isRight { owed += padding }
            // Spaces are owed until something follows, so that no line ends in them.
            if !shown.isEmpty {
                line += owed + tinted
                owed = ""
            }
            owed += (columns[index].isRight ? "" : padding) + Table.gap
        }
        return line
    }
}

extension Table.Cell {
    func text(grouped: Bool) -> String {
        switch content {
        case .text(let text): text
        case .count(let number): grouped ? number.grouped : String(number)
        }
    }
}
