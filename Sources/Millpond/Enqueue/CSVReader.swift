// RFC 4180, read strictly: a table that was cut or wrongly quoted must not become other jobs than were meant. Line ends
// may be CRLF or LF, the last may be missing, and a UTF-8 byte order mark before the header is passed over.

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
        /// After the carriage return behind a closing quote.
        case carriageReturn
    }

    private let delimiter: UInt8
    private let bytesMax: Int
    private var place = Place.start
    private var cells: [[UInt8]] = []
    private var cell: [UInt8] = []
    private var rowBytes = 0
    private var line = 1
    private var firstLine = 1
    /// The row that is being read.
    private(set) var number = 1

    private static let mark: [UInt8] = [0xef, 0xbb, 0xbf]
    private static let doubleQuote = UInt8(ascii: "\"")
    private static let carriageReturn = UInt8(ascii: "\r")
    private static let lineFeed = UInt8(ascii: "\n")

    /// - Parameter bytesMax: the longest row, with its quotes and its end.
    init(delimiter: UInt8, bytesMax: Int) {
        self.delimiter = delimiter
        self.bytesMax = bytesMax
    }

    /// Reads on.
    mutating func add(_ bytes: ArraySlice<UInt8>, to rows: inout [Row]) throws(Flaw) {
        for byte in bytes {
            rowBytes += 1
            if rowBytes > bytesMax { throw flaw("is longer than \(bytesMax) bytes" + (isQuoted ? unended : "")) }
            switch place {
            case .start, .plain: try addPlain(byte, to: &rows)
            case .quoted: addQuoted(byte)
            case .quote, .carriageReturn: try addAfterQuote(byte, to: &rows)
            }
        }
    }

    /// Ends the last row, which may lack its line end.
    mutating func finish(_ rows: inout [Row]) throws(Flaw) {
        if isQuoted { throw flaw("has no end" + unended) }
        if rowBytes > 0 { endRow(&rows) }
    }

    private mutating func addPlain(_ byte: UInt8, to rows: inout [Row]) throws(Flaw) {
        switch byte {
        case delimiter: endCell()
        case Self.lineFeed:
            line += 1
            endRow(&rows)
        case Self.doubleQuote:
            // The mark before the first name is no part of it.
            if number == 1, cells.isEmpty, cell == Self.mark { cell = [] }
            guard cell.isEmpty else { throw flaw("has a quote inside of column \(column), which begins without one") }
            place = .quoted
        default:
            cell.append(byte)
            place = .plain
        }
    }

    private mutating func addQuoted(_ byte: UInt8) {
        if byte == Self.doubleQuote {
            place = .quote
        } else {
            if byte == Self.lineFeed { line += 1 }
            cell.append(byte)
        }
    }

    private mutating func addAfterQuote(_ byte: UInt8, to rows: inout [Row]) throws(Flaw) {
        switch byte {
        case Self.lineFeed:
            line += 1
            endRow(&rows)
        case Self.doubleQuote where place == .quote:
            cell.append(byte)
            place = .quoted
        case delimiter where place == .quote: endCell()
        case Self.carriageReturn where place == .quote: place = .carriageReturn
        default: throw flaw("has more behind the closing quote of column \(column)")
        }
    }

    private mutating func endCell() {
        if number == 1, cells.isEmpty, place == .plain, cell.starts(with: Self.mark) {
            cell.removeFirst(Self.mark.count)
        }
        cells.append(cell)
        cell.removeAll(keepingCapacity: true)
        place = .start
    }

    private mutating func endRow(_ rows: inout [Row]) {
        // The carriage return of a line end stands in an unquoted cell as any byte does.
        if place == .plain, cell.last == Self.carriageReturn { cell.removeLast() }
        let isBlank = cells.isEmpty && cell.isEmpty && (place == .start || place == .plain)
        endCell()
        rows.append(Row(number: number, line: firstLine, cells: cells, isBlank: isBlank))
        cells.removeAll(keepingCapacity: true)
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
