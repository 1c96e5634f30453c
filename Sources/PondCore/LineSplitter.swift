/// Cuts a stream of bytes into lines, and lines that are too long into pieces.
package struct LineSplitter: Sendable {
    /// A line without its newline, or a piece of one.
    package struct Line: Sendable, Equatable {
        /// The line without its newline.
        package var bytes: [UInt8]
        /// Whether these bytes are all of the line.
        package var isWhole: Bool

        package init(bytes: [UInt8], isWhole: Bool) {
            self.bytes = bytes
            self.isWhole = isWhole
        }
    }

    private let lineBytesMax: Int
    private var partial: [UInt8] = []
    private var isContinuation = false

    package init(lineBytesMax: Int) {
        self.lineBytesMax = lineBytesMax
    }

    /// Takes the next bytes and returns the lines that they complete.
    package mutating func append(_ bytes: UnsafeRawBufferPointer) -> [Line] {
        var lines: [Line] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix { $0 != UInt8(ascii: "\n") }
            append(piece, to: &lines)
            rest = rest[piece.endIndex...]
            guard !rest.isEmpty else { break }
            lines.append(Line(bytes: partial, isWhole: !isContinuation))
            partial.removeAll()
            isContinuation = false
            rest = rest.dropFirst()
        }
        return lines
    }

    /// Takes the next bytes and returns the lines that they complete.
    package mutating func append(_ bytes: some Sequence<UInt8>) -> [Line] {
        Array(bytes).withUnsafeBytes { append($0) }
    }

    private mutating func append(_ piece: Slice<UnsafeRawBufferPointer>, to lines: inout [Line]) {
        var piece = piece
        while partial.count + piece.count > lineBytesMax {
            let part = piece.prefix(lineBytesMax - partial.count)
            lines.append(Line(bytes: partial + part, isWhole: false))
            partial.removeAll()
            isContinuation = true
            piece = piece[part.endIndex...]
        }
        partial.append(contentsOf: piece)
    }

    /// The last line, when the stream ended without a newline.
    package mutating func finish() -> Line? {
        guard !partial.isEmpty else { return nil }
        defer { partial.removeAll() }
        return Line(bytes: partial, isWhole: !isContinuation)
    }
}
