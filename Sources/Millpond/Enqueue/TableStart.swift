// What programs put in front of a table: a byte order mark, Excel's `sep=;`, PowerShell's `#TYPE System.Object`. None of
// it is a row, and a table that is read as if it were becomes other jobs than were meant.

/// Gathers the first bytes of a table until it is known where the header begins.
struct TableStart {
    /// What the table begins with, once it is known.
    struct Found {
        /// The bytes from the header on.
        let header: [UInt8]
        /// The delimiter that a `sep=` line names.
        let delimiter: UInt8?
        /// Lines before the header.
        let lines: Int
    }

    private var head: [UInt8] = []

    /// The longest line before a header, in bytes; a longer one is the header itself.
    static let lineBytesMax = 1_024
    private static let utf8Mark: [UInt8] = [0xef, 0xbb, 0xbf]
    private static let utf16Marks: [[UInt8]] = [[0xff, 0xfe], [0xfe, 0xff]]
    private static let returns = UInt8(ascii: "\r")
    private static let feeds = UInt8(ascii: "\n")

    /// Reads on; nil while it takes more to know.
    ///
    /// - Parameter bytes: what came next; none at the end.
    mutating func add(_ bytes: ArraySlice<UInt8>) throws(CSVReader.Flaw) -> Found? {
        head += bytes
        if Self.utf16Marks.contains(where: head.starts) {
            throw CSVReader.Flaw(
                reason: "begins with the mark of UTF-16, and tables are read as UTF-8; "
                    + "convert it first: iconv -f UTF-16 -t UTF-8"
            )
        }
        let isAtEnd = bytes.isEmpty
        guard isAtEnd || head.count >= Self.utf8Mark.count else { return nil }
        let start = head.starts(with: Self.utf8Mark) ? Self.utf8Mark.count : 0
        let text = head[start...]
        guard text.starts(with: "sep=".utf8) || text.starts(with: "#TYPE ".utf8) || isBeginning(text, isAtEnd) else {
            return found(from: start, lines: 0)
        }
        guard let end = text.firstIndex(where: { $0 == Self.returns || $0 == Self.feeds }) else {
            return isAtEnd || text.count > Self.lineBytesMax ? found(from: start, lines: 0) : nil
        }
        // Whether a line feed belongs to the carriage return is seen with the next byte.
        guard isAtEnd || head[end] == Self.feeds || end + 1 < head.endIndex else { return nil }
        let isPair = head[end] == Self.returns && end + 1 < head.endIndex && head[end + 1] == Self.feeds
        let next = end + (isPair ? 2 : 1)
        if text.starts(with: "#TYPE ".utf8) { return found(from: next, lines: 1) }
        guard text.starts(with: "sep=".utf8), end - start == 5 else { return found(from: start, lines: 0) }
        guard BulkOptions.delimiters.contains(head[end - 1]) else {
            let name = SafeText.escaped([head[end - 1]])
            throw CSVReader.Flaw(
                reason: "says that \"\(name)\" separates cells, and that is no delimiter here; use , ; | or tab"
            )
        }
        return found(from: next, lines: 1, delimiter: head[end - 1])
    }

    /// Whether the text may still become one of the lines before a header.
    private func isBeginning(_ text: ArraySlice<UInt8>, _ isAtEnd: Bool) -> Bool {
        !isAtEnd && ["sep=", "#TYPE "].contains { $0.utf8.starts(with: text) }
    }

    private func found(from start: Int, lines: Int, delimiter: UInt8? = nil) -> Found {
        Found(header: Array(head[start...]), delimiter: delimiter, lines: lines)
    }
}
