import PondCore

/// The rows of a table, each as a JSON object of its columns, all of them strings.
package struct CSVRows: BulkInput {
    /// What one is called.
    package static let piece = "row"
    /// The first below the header, which is row 1.
    package static let firstNumber = 2
    /// A row is made into JSON here.
    package static let isAlwaysJSON = true

    /// The most columns.
    static let columnsMax = 1_000

    private var chunks: InputChunks
    private var reader: CSVReader
    private var names: [String]?
    private var isAtEnd = false

    /// - Parameter delimiter: what stands between two cells: a comma, a semicolon or a tab.
    package init(_ descriptor: Int32 = 0, delimiter: UInt8 = UInt8(ascii: ",")) {
        chunks = InputChunks(descriptor)
        reader = CSVReader(delimiter: delimiter, bytesMax: Limits.payloadBytesMax)
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
            try reader.add(chunk, to: &rows)
            if isAtEnd { try reader.finish(&rows) }
            return nil
        } catch let flaw as CSVReader.Flaw {
            return InputFailure(number: reader.number, reason: flaw.reason)
        } catch let obstacle as InputChunks.Obstacle {
            return InputFailure(number: reader.number, reason: obstacle.reason)
        } catch {
            return InputFailure(number: reader.number, reason: "\(error)")
        }
    }

    /// The row as a payload; nil for the header.
    private mutating func piece(of row: CSVReader.Row) throws(InputFailure) -> InputPiece? {
        guard let names else {
            self.names = try CSVRows.names(of: row)
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

    private static func names(of row: CSVReader.Row) throws(InputFailure) -> [String] {
        guard row.cells.count <= columnsMax else {
            throw failure(row, "has \(row.cells.count) columns, allowed are \(columnsMax)")
        }
        var names: [String] = []
        var places: [String: Int] = [:]
        for column in row.cells.indices {
            let name = try text(row, column, nil)
            guard !name.isEmpty else { throw failure(row, "has no name in column \(column + 1)") }
            if let first = places.updateValue(column + 1, forKey: name) {
                throw failure(row, "names column \(column + 1) \"\(name)\" as column \(first)")
            }
            names.append(name)
        }
        return names
    }

    private static func text(_ row: CSVReader.Row, _ column: Int, _ name: String?) throws(InputFailure) -> String {
        if let text = String(validating: row.cells[column], as: UTF8.self) { return text }
        throw failure(row, "has bytes that are no UTF-8 in column \(column + 1)" + (name.map { " (\($0))" } ?? ""))
    }

    private static func failure(_ row: CSVReader.Row, _ reason: String) -> InputFailure {
        InputFailure(number: row.number, reason: "(line \(row.line)) \(reason)")
    }
}
