import Millpond
import PondCore

/// How a cell looks, in the terminal's own 16 colours, so that the user's theme decides.
struct DashStyle: Hashable, Sendable {
    enum Color: Int, Sendable {
        case plain = 39
        case red = 31
        case green = 32
        case yellow = 33
        case blue = 34
        case magenta = 35
        case cyan = 36
    }

    var color = Color.plain
    var isBold = false
    var isDim = false
    var isReverse = false

    static let plain = DashStyle()
    static let bold = DashStyle(isBold: true)
    static let dim = DashStyle(isDim: true)
    static let red = DashStyle(color: .red)
    static let green = DashStyle(color: .green)
    static let yellow = DashStyle(color: .yellow)
    static let magenta = DashStyle(color: .magenta)
    static let cyan = DashStyle(color: .cyan)

    var bolder: DashStyle {
        var style = self
        style.isBold = true
        return style
    }

    var reversed: DashStyle {
        var style = self
        style.isReverse = true
        return style
    }

    /// As tables and sheets have it.
    init(_ tint: Tint?) {
        switch tint {
        case nil: self = .plain
        case .bold: self = .bold
        case .dim: self = .dim
        case .red: self = .red
        case .green: self = .green
        case .yellow: self = .yellow
        case .cyan: self = .cyan
        }
    }

    init(color: Color = .plain, isBold: Bool = false, isDim: Bool = false, isReverse: Bool = false) {
        (self.color, self.isBold, self.isDim, self.isReverse) = (color, isBold, isDim, isReverse)
    }

    /// What makes a terminal write so, whatever came before.
    func sequence(colored: Bool) -> String {
        var words = ["0"]
        if isBold { words.append("1") }
        if isDim { words.append("2") }
        if isReverse { words.append("7") }
        if colored, color != .plain { words.append("\(color.rawValue)") }
        return "\u{1b}[\(words.joined(separator: ";"))m"
    }
}

/// One column of one line.
struct DashCell: Hashable, Sendable {
    static let blank = DashCell(text: " ", style: .plain)

    /// One letter; empty where a wide letter to the left reaches to.
    var text: String
    var style: DashStyle
}

/// A picture of exactly the size of the terminal: what lies outside is cut off, so no line is ever too wide.
struct DashCanvas: Hashable, Sendable {
    /// The largest picture; a terminal that says it is larger gets one in its corner.
    static let sizeMax = (columns: 1_000, rows: 500)

    let columns: Int
    let rows: Int
    /// Whether only ASCII is drawn.
    let isASCII: Bool
    private(set) var cells: [DashCell]

    init(columns: Int, rows: Int, isASCII: Bool = false) {
        self.columns = min(max(columns, 1), Self.sizeMax.columns)
        self.rows = min(max(rows, 1), Self.sizeMax.rows)
        self.isASCII = isASCII
        cells = [DashCell](repeating: .blank, count: self.columns * self.rows)
    }

    /// The cells of a line.
    func line(_ row: Int) -> ArraySlice<DashCell> {
        cells[row * columns..<(row + 1) * columns]
    }

    /// A line as text, without the spaces at its end.
    func text(_ row: Int) -> String {
        var text = line(row).map(\.text).joined()
        while text.last == " " { text.removeLast() }
        return text
    }

    /// Writes text, which may come from outside: it is made safe here, and cut where its room or the line ends.
    ///
    /// - Returns: the column behind it.
    @discardableResult
    mutating func put(_ text: String, _ row: Int, _ column: Int, _ style: DashStyle = .plain, width: Int? = nil) -> Int
    {
        guard (0..<rows).contains(row), column >= 0, column < columns else { return column }
        let room = min(width ?? columns, columns - column)
        var end = column
        for character in DashText.cut(DashText.shown(text, isASCII: isASCII), to: room, isASCII: isASCII) {
            let letter = String(character)
            let size = DisplayWidth.columns(of: letter)
            // A mark without a letter before it would join whatever is there.
            guard size > 0 else { continue }
            let place = row * columns + end
            breakWide(at: place)
            breakWide(at: place + size)
            cells[place] = DashCell(text: letter, style: style)
            if size > 1 { cells[place + 1] = DashCell(text: "", style: style) }
            end += size
        }
        return end
    }

    /// Blanks a wide letter whose second half begins at a place, because something is written to one of its halves.
    private mutating func breakWide(at place: Int) {
        guard place < cells.count, cells[place].text.isEmpty else { return }
        cells[place - 1].text = " "
        cells[place].text = " "
    }

    /// Writes text to the left of a column.
    mutating func putRight(_ text: String, _ row: Int, before column: Int, width: Int, _ style: DashStyle = .plain) {
        let shown = DashText.cut(DashText.shown(text, isASCII: isASCII), to: width, isASCII: isASCII)
        put(shown, row, column - DisplayWidth.columns(of: shown), style, width: width)
    }

    /// Changes how a line looks, not what it says.
    mutating func restyle(_ row: Int, from start: Int = 0, to end: Int? = nil, _ change: (inout DashStyle) -> Void) {
        guard (0..<rows).contains(row) else { return }
        for column in max(0, start)..<max(start, min(end ?? columns, columns)) {
            change(&cells[row * columns + column].style)
        }
    }
}

/// Text for a canvas.
enum DashText {
    private static let plain: [Character: String] = [
        "→": "->", "×": "x", "…": "~", "·": "-", "–": "-", "—": "-", "\u{202f}": " ", "←": "<-", "↑": "^", "↓": "v",
        "µ": "u", "▸": ">", "●": "o", "✗": "X", "‖": "=", "╌": "-", "─": "-",
    ]

    /// The text on one line, with nothing that a terminal would obey.
    static func shown(_ text: String, isASCII: Bool) -> String {
        let safe = SafeText.escaped(text)
        guard isASCII, !safe.utf8.allSatisfy({ $0 < 0x80 }) else { return safe }
        return safe.map { $0.isASCII ? String($0) : plain[$0] ?? "?" }.joined()
    }

    static func cut(_ text: String, to width: Int, isASCII: Bool) -> String {
        let text = DisplayWidth.cut(text, to: max(0, width))
        return isASCII && text.last == "…" ? text.dropLast() + "~" : text
    }

    /// The text on lines of a width, broken between words; the last line is cut.
    static func wrapped(_ text: String, width: Int, lines most: Int) -> [String] {
        guard width > 0, most > 0 else { return [] }
        var lines: [String] = []
        var line = ""
        var rest = SafeText.escaped(text).split(separator: " ")[...]
        while let word = rest.first {
            let longer = line.isEmpty ? String(word) : line + " " + word
            if DisplayWidth.columns(of: longer) > width, !line.isEmpty {
                if lines.count == most - 1 { return lines + [line + " " + rest.joined(separator: " ")] }
                lines.append(line)
                line = ""
            } else {
                line = longer
                rest = rest.dropFirst()
            }
        }
        return line.isEmpty ? lines : lines + [line]
    }

    /// The whole text on lines of a width, broken between words, and inside those that are wider than a line.
    static func folded(_ text: String, width: Int) -> [String] {
        guard width > 1 else { return [] }
        var lines: [String] = []
        var (line, room) = ("", width)
        for word in SafeText.escaped(text).split(separator: " ") {
            var word = word
            var size = DisplayWidth.columns(of: word)
            if size + (line.isEmpty ? 0 : 1) > room, !line.isEmpty {
                lines.append(line)
                (line, room) = ("", width)
            }
            while size > room {
                let part = piece(of: word, width: room)
                lines.append(String(part))
                word = word.dropFirst(part.count)
                size = DisplayWidth.columns(of: word)
            }
            line += (line.isEmpty ? "" : " ") + word
            room = width - DisplayWidth.columns(of: line)
        }
        return line.isEmpty ? lines : lines + [line]
    }

    /// The first letters that fit, one at least.
    private static func piece(of word: Substring, width: Int) -> Substring {
        var columns = 0
        let part = word.prefix { letter in
            columns += DisplayWidth.columns(of: String(letter))
            return columns <= width
        }
        return part.isEmpty ? word.prefix(1) : part
    }

    /// A count in at most five columns: `9999`, `12.3k`, `1.2M`.
    static func count(_ number: Int) -> String {
        let size = Double(number.magnitude)
        let sign = number < 0 ? "-" : ""
        for (unit, name) in [(1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T")] where size < unit * 1_000 {
            if size < 10_000 { return "\(number)" }
            let value = size / unit
            return sign + (value < 99.95 ? tenths(value) : "\(Int(value))") + name
        }
        return "many"
    }

    /// A rate a second in at most five columns; `-` for none that is known.
    static func rate(_ rate: Double?) -> String {
        guard let rate, rate.isFinite else { return "-" }
        if rate < 0.05 { return "0" }
        return rate < 99.95 ? tenths(rate) : count(Int(min(rate.rounded(), 1e15)))
    }

    /// How long the oldest job has waited: `-` when nothing waits.
    static func seconds(_ value: Double) -> String {
        value <= 0 ? "-" : Duration.milliseconds(Int64(min(max(value, 0), 1e9) * 1_000)).human
    }

    private static func tenths(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
