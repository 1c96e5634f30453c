import PondCore

/// The rows of a table, each as a JSON object of its columns, all of them strings.
package struct CSVRows: BulkInput {
    /// What one is called.
    package static let piece = "row"
    /// The first below the header, which is row 1.
    package static let firstNumber = 2
    /// A row is made into JSON here.
    package static let isAlwaysJSON = true
    /// A table has a header.
    package static let mayBeEmpty = false
    /// The header was there.
    package static let emptyText = ", only a header"

    /// The most columns.
    static let columnsMax = 1_000

    private let given: UInt8?
    private var delimiter = UInt8(ascii: ",")
    private var chunks: InputChunks
    private var start = TableStart()
    /// Nil until it is known where the header begins.
    private var reader: CSVReader?
    private var names: [String]?
    private var isAtEnd = false

    /// - Parameter delimiter: what stands between two cells: a comma, a semicolon, a bar or a tab. Defaults to what the table
    ///   says of itself, then to a comma.
    package init(_ descriptor: Int32 = 0, delimiter: UInt8? = nil) {
        given = delimiter
        chunks = InputChunks(descriptor)
    }

    /// The rows that came next; nil at the end.
    package mutating func read() -> (pieces: [InputPiece], failure: InputFailure?)? {
        var pieces: [InputPiece] = []
        while pieces.isEmpty && !isAtEnd {
            var rows: [CSVReader.Row] = []
            let failure = readRows(&rows)
            do throws(InputFailure) {
                for row in rows { if let piece = try piece(of: row) { pieces.append(piece) } }
                if let failure { throw failure }
                if isAtEnd, names == nil { throw InputFailure(number: 1, reason: "is missing: it names the columns") }
            } catch {
                isAtEnd = true
                return (pieces, error)
            }
        }
        return pieces.isEmpty ? nil : (pieces, nil)
    }

    private mutating func readRows(_ rows: inout [CSVReader.Row]) -> InputFailure? {
        do {
            let chunk = try chunks.read()
            isAtEnd = chunk.isEmpty
            try read(chunk, &rows)
            if isAtEnd { try reader?.finish(&rows) }
            return nil
        } catch let flaw as CSVReader.Flaw {
            return InputFailure(number: reader?.number ?? 1, reason: flaw.reason)
        } catch let obstacle as InputChunks.Obstacle {
            return InputFailure(number: reader?.number ?? 1, reason: obstacle.reason)
        } catch {
            return InputFailure(number: reader?.number ?? 1, reason: "\(error)")
        }
    }

    private mutating func read(_ chunk: ArraySlice<UInt8>, _ rows: inout [CSVReader.Row]) throws(CSVReader.Flaw) {
        guard reader == nil else {
            try reader?.add(chunk, to: &rows)
            return
        }
        guard let found = try start.add(chunk) else { return }
        if let given, let named = found.delimiter, given != named {
            throw CSVReader.Flaw(
                reason: "says that \(BulkOptions.name(of: named)) separates cells, and --delimiter says "
                    + "\(BulkOptions.name(of: given)); leave --delimiter out, or that line"
            )
        }
        delimiter = given ?? found.delimiter ?? delimiter
        reader = CSVReader(delimiter: delimiter, bytesMax: Limits.payloadBytesMax, line: found.lines + 1)
        try reader?.add(found.header[...], to: &rows)
    }

    /// The row as a payload; nil for the header.
    private mutating func piece(of row: CSVReader.Row) throws(InputFailure) -> InputPiece? {
        guard let names else {
            self.names = try CSVRows.names(of: row, delimiter: delimiter)
            return nil
        }
        if row.isBlank, names.count > 1 { return InputPiece(number: row.number, bytes: []) }
        guard row.cells.count == names.count else {
            let cells = row.cells.count.of("cell")
            throw CSVRows.failure(row, "has \(cells) where the header has \(names.count.of("column"))")
        }
        var members: [JSONValue.Member] = []
        members.reserveCapacity(names.count)
        for (column, name) in names.enumerated() {
            members.append(JSONValue.Member(name, .string(try CSVRows.text(row, column, name))))
        }
        let payload = Array(JSONValue.object(members).text.utf8)
        guard payload.count <= Limits.payloadBytesMax else {
            throw CSVRows.failure(
                row,
                "becomes a payload of \(payload.count) bytes, allowed are \(Limits.payloadBytesMax)"
            )
        }
        return InputPiece(number: row.number, bytes: payload)
    }

    private static func names(of row: CSVReader.Row, delimiter: UInt8) throws(InputFailure) -> [String] {
        try checkDelimiter(row, delimiter)
        guard row.cells.count <= columnsMax else {
            throw failure(row, "has \(row.cells.count) columns, allowed are \(columnsMax)")
        }
        var names: [String] = []
        var places: [String: Int] = [:]
        for column in row.cells.indices {
            let name = try text(row, column, nil)
            guard !name.isEmpty else { throw failure(row, "has no name in column \(column + 1)") }
            guard !name.utf8.contains(0) else {
                throw failure(
                    row,
                    "has a NUL in column \(column + 1): if it is UTF-16, convert it: iconv -f UTF-16 -t UTF-8"
                )
            }
            if let first = places.updateValue(column + 1, forKey: name) {
                throw failure(row, "names column \(column + 1) \"\(name)\" as column \(first)")
            }
            names.append(name)
        }
        return names
    }

    /// A header in which another delimiter stands more often than the one that is used: nearly always a table of the other
    /// kind, and read as this kind it is one column of garbage.
    private static func checkDelimiter(_ row: CSVReader.Row, _ delimiter: UInt8) throws(InputFailure) {
        let counts = row.delimiters
        let most = BulkOptions.delimiters.max { counts[$0] ?? 0 < counts[$1] ?? 0 } ?? delimiter
        guard counts[most] ?? 0 > counts[delimiter] ?? 0 else { return }
        let header = SafeText.escaped(row.cells.joined(separator: [delimiter]).prefix(60).map { $0 })
        throw failure(
            row,
            "is \"\(header)\" and would be \(row.cells.count.of("column")): did you mean --delimiter "
                + "\(BulkOptions.name(of: most))? A name that really holds that sign stands in quotes"
        )
    }

    private static func text(_ row: CSVReader.Row, _ column: Int, _ name: String?) throws(InputFailure) -> String {
        if let text = String(validating: row.cells[column], as: UTF8.self) { return text }
        throw failure(row, "has bytes that are no UTF-8 in column \(column + 1)" + (name.map { " (\($0))" } ?? ""))
    }

    private static func failure(_ row: CSVReader.Row, _ reason: String) -> InputFailure {
        InputFailure(number: row.number, reason: "(line \(row.line)) \(reason)")
    }
}
