// RFC 4180, read strictly: a table that was cut or wrongly quoted must not become other jobs than were meant. Line ends
// are CRLF or LF, or in a table whose header ends in one, a CR alone, as old programs for the Mac write it; the last may
// be missing. What comes before the header is `TableStart`'s.

/// Splits the bytes of a table into rows of cells.
struct CSVReader {
    /// A row as it was read.
    struct Row {
        /// From 1; the header is the first.
        let number: Int
        /// The line it begins on; a cell may hold line ends.
        let line: Int
        /// The cells, without their quotes.
        let cells: [[UInt8]]
        /// Whether it is a line with nothing on it.
        let isBlank: Bool
        /// How often each byte that may be a delimiter stands outside of quotes.
        let delimiters: [UInt8: Int]
    }

    /// What is wrong, after "row 3".
    struct Flaw: Error {
        let reason: String
    }

    private enum Place {
        /// Before the first byte of a cell.
        case start
        /// Inside a cell without quotes.
        case plain
        case quoted
        /// After a quote inside quotes: it ends the cell, or a second one follows.
        case quote
        /// After a carriage return outside of quotes: a line end, alone or with the line feed that follows.
        case carriageReturn
    }

    private enum LineEnd {
        /// A line feed, with a carriage return before it or not.
        case lineFeed
        case carriageReturn
    }

    private let delimiter: UInt8
    private let bytesMax: Int
    private var place = Place.start
    /// That of the header, which the other rows must have too.
    private var lineEnd: LineEnd?
    private var cells: [[UInt8]] = []
    private var cell: [UInt8] = []
    private var isCellQuoted = false
    private var delimiters: [UInt8: Int] = [:]
    private var rowBytes = 0
    private var line: Int
    private var firstLine: Int
    /// The row that is being read.
    private(set) var number = 1

    private static let doubleQuote = UInt8(ascii: "\"")
    private static let carriageReturn = UInt8(ascii: "\r")
    private static let lineFeed = UInt8(ascii: "\n")

    /// - Parameters:
    ///   - bytesMax: the longest row, with its quotes and its end.
    ///   - line: the line that the header is on. Defaults to the first.
    init(delimiter: UInt8, bytesMax: Int, line: Int = 1) {
        self.delimiter = delimiter
        self.bytesMax = bytesMax
        self.line = line
        firstLine = line
    }

    /// Reads on.
    mutating func add(_ bytes: ArraySlice<UInt8>, to rows: inout [Row]) throws(Flaw) {
        for byte in bytes {
            if place == .carriageReturn, byte != Self.lineFeed { try endRow(by: .carriageReturn, &rows) }
            rowBytes += 1
            if rowBytes > bytesMax { throw flaw("is longer than \(bytesMax) bytes" + (isQuoted ? unended : "")) }
            switch place {
            case .start, .plain: try addPlain(byte, to: &rows)
            case .quoted: addQuoted(byte)
            case .quote: try addAfterQuote(byte, to: &rows)
            case .carriageReturn: try endRow(by: .lineFeed, &rows, isPair: true)
            }
        }
    }

    /// Ends the last row, which may lack its line end.
    mutating func finish(_ rows: inout [Row]) throws(Flaw) {
        if isQuoted { throw flaw("has no end" + unended) }
        if rowBytes > 0 { endRow(&rows) }
    }

    private mutating func addPlain(_ byte: UInt8, to rows: inout [Row]) throws(Flaw) {
        if number == 1, BulkOptions.delimiters.contains(byte) { delimiters[byte, default: 0] += 1 }
        switch byte {
        case delimiter: endCell()
        case Self.lineFeed: try endRow(by: .lineFeed, &rows)
        case Self.carriageReturn: place = .carriageReturn
        case Self.doubleQuote:
            guard cell.isEmpty else { throw flaw("has a quote inside of column \(column), which begins without one") }
            place = .quoted
            isCellQuoted = true
        default:
            cell.append(byte)
            place = .plain
        }
    }

    private mutating func addQuoted(_ byte: UInt8) {
        if byte == Self.doubleQuote {
            place = .quote
        } else {
            if byte == (lineEnd == .carriageReturn ? Self.carriageReturn : Self.lineFeed) { line += 1 }
            cell.append(byte)
        }
    }

    private mutating func addAfterQuote(_ byte: UInt8, to rows: inout [Row]) throws(Flaw) {
        switch byte {
        case Self.lineFeed: try endRow(by: .lineFeed, &rows)
        case Self.doubleQuote:
            cell.append(byte)
            place = .quoted
        case delimiter:
            if number == 1 { delimiters[byte, default: 0] += 1 }
            endCell()
        case Self.carriageReturn: place = .carriageReturn
        default: throw flaw("has more behind the closing quote of column \(column)")
        }
    }

    private mutating func endCell() {
        cells.append(cell)
        cell.removeAll(keepingCapacity: true)
        isCellQuoted = false
        place = .start
    }

    /// - Parameter isPair: whether a carriage return stands before the line feed.
    private mutating func endRow(by end: LineEnd, _ rows: inout [Row], isPair: Bool = false) throws(Flaw) {
        if let lineEnd, lineEnd != end {
            throw flaw(
                end == .carriageReturn
                    ? "has a carriage return (CR) without a line feed in column \(column), where the rows before end in "
                        + "a line feed; quote the cell if it belongs to it, or give all lines one end (dos2unix)"
                    : "ends in a line feed (LF)\(isPair ? " behind a carriage return" : ""), where the rows before end "
                        + "in a carriage return (CR) alone; give all lines one end: tr '\\r' '\\n'"
            )
        }
        lineEnd = end
        line += 1
        endRow(&rows)
    }

    private mutating func endRow(_ rows: inout [Row]) {
        let isBlank = cells.isEmpty && cell.isEmpty && !isCellQuoted
        endCell()
        rows.append(
            Row(number: number, line: firstLine, cells: cells, isBlank: isBlank, delimiters: delimiters)
        )
        cells.removeAll(keepingCapacity: true)
        delimiters.removeAll(keepingCapacity: true)
        rowBytes = 0
        number += 1
        firstLine = line
    }

    private var isQuoted: Bool { place == .quoted }
    private var column: Int { cells.count + 1 }
    private var unended: String { ": the quote that begins column \(column) never ends" }

    private func flaw(_ reason: String) -> Flaw {
        Flaw(reason: "(line \(firstLine)) " + reason)
    }
}
