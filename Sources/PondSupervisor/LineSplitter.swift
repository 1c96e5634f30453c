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

    package init(lineBytesMax: Int = SupervisorLimits.lineBytesMax) {
        self.lineBytesMax = lineBytesMax
    }

    /// Takes the next bytes and returns the lines that they complete.
    package mutating func append(_ bytes: some Sequence<UInt8>) -> [Line] {
        var lines: [Line] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                lines.append(Line(bytes: partial, isWhole: !isContinuation))
                partial.removeAll()
                isContinuation = false
                continue
            }
            if partial.count == lineBytesMax {
                lines.append(Line(bytes: partial, isWhole: false))
                partial.removeAll()
                isContinuation = true
            }
            partial.append(byte)
        }
        return lines
    }

    /// The last line, when the stream ended without a newline.
    package mutating func finish() -> Line? {
        guard !partial.isEmpty else { return nil }
        defer { partial.removeAll() }
        return Line(bytes: partial, isWhole: !isContinuation)
    }
}
