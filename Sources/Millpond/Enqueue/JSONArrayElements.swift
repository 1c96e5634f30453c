import PondCore

/// The elements of one JSON array, their bytes as they stand; the array itself is never held.
package struct JSONArrayElements: BulkInput {
    /// What one is called.
    package static let piece = "element"
    /// They are counted from 1.
    package static let firstNumber = 1
    /// An element that is not JSON ends the reading.
    package static let isAlwaysJSON = true
    /// An array has brackets.
    package static let mayBeEmpty = false
    /// The brackets were there.
    package static let emptyText = ", the array is empty"

    private enum Place {
        /// Before the array's bracket.
        case before
        /// Before an element; `]` may stand there only before the first.
        case start
        case element
        case string
        /// After a backslash in a string.
        case escape
        /// After the array's end, where only space may follow.
        case after
    }

    private let bytesMax: Int
    private var chunks: InputChunks
    private var place = Place.before
    private var element: [UInt8] = []
    private var depth = 0
    private var next = 1
    /// How many bytes came before this one.
    private var position = 0
    /// Where the element begins, from 1.
    private var firstByte = 1
    private var isAtEnd = false

    /// - Parameter bytesMax: the longest element. Defaults to the longest payload.
    package init(_ descriptor: Int32 = 0, bytesMax: Int = Limits.payloadBytesMax) {
        chunks = InputChunks(descriptor)
        self.bytesMax = bytesMax
    }

    /// The elements that came next; nil at the end.
    package mutating func read() -> (pieces: [InputPiece], failure: InputFailure?)? {
        var pieces: [InputPiece] = []
        while pieces.isEmpty && !isAtEnd {
            do throws(InputFailure) {
                let chunk = try readChunk()
                isAtEnd = chunk.isEmpty
                for byte in chunk {
                    try add(byte, to: &pieces)
                    position += 1
                }
                if isAtEnd { try checkEnd() }
            } catch {
                isAtEnd = true
                return (pieces, error)
            }
        }
        return pieces.isEmpty ? nil : (pieces, nil)
    }

    private mutating func readChunk() throws(InputFailure) -> ArraySlice<UInt8> {
        do throws(InputChunks.Obstacle) { return try chunks.read() } catch { throw failure(error.reason) }
    }

    private mutating func add(_ byte: UInt8, to pieces: inout [InputPiece]) throws(InputFailure) {
        switch place {
        case .before:
            if isSpace(byte) { return }
            guard byte == UInt8(ascii: "[") else { throw flaw("no array begins") }
            place = .start
        case .start: try begin(with: byte)
        case .element: try addToElement(byte, &pieces)
        case .string:
            if byte == UInt8(ascii: "\"") { place = .element }
            if byte == UInt8(ascii: "\\") { place = .escape }
            try append(byte)
        case .escape:
            place = .string
            try append(byte)
        case .after:
            if !isSpace(byte) { throw flaw("more after the array's end") }
        }
    }

    private mutating func begin(with byte: UInt8) throws(InputFailure) {
        if isSpace(byte) { return }
        if byte == UInt8(ascii: "]"), next == 1 {
            place = .after
            return
        }
        // Not a value at all: nothing would be left to look at in the element.
        if byte == UInt8(ascii: "]") || byte == UInt8(ascii: ",") { throw flaw("no value") }
        firstByte = position + 1
        place = .element
        try open(byte)
        try append(byte)
    }

    private mutating func addToElement(_ byte: UInt8, _ pieces: inout [InputPiece]) throws(InputFailure) {
        let isLast = byte == UInt8(ascii: "]")
        if depth == 0, isLast || byte == UInt8(ascii: ",") {
            pieces.append(try takeElement())
            place = isLast ? .after : .start
            return
        }
        try open(byte)
        if isLast || byte == UInt8(ascii: "}") { depth = max(0, depth - 1) }
        try append(byte)
    }

    private mutating func open(_ byte: UInt8) throws(InputFailure) {
        if byte == UInt8(ascii: "\"") { place = .string }
        if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") { depth += 1 }
    }

    private mutating func append(_ byte: UInt8) throws(InputFailure) {
        guard element.count < bytesMax else {
            // What makes it so long is most often a quote or a bracket that is missing further up.
            do throws(JSONSyntax.Flaw) { try JSONSyntax.check(element) } catch {
                let isBeforeEnd = error.byte < element.count - 4
                if isBeforeEnd { throw flaw(error.reason, at: firstByte + error.byte - 1) }
            }
            throw failure("is longer than \(bytesMax) bytes; it begins at byte \(firstByte)")
        }
        element.append(byte)
    }

    private mutating func takeElement() throws(InputFailure) -> InputPiece {
        while let last = element.last, isSpace(last) { element.removeLast() }
        do throws(JSONSyntax.Flaw) { try JSONSyntax.check(element) } catch {
            throw flaw(error.reason, at: firstByte + error.byte - 1)
        }
        defer {
            next += 1
            element.removeAll(keepingCapacity: true)
            depth = 0
        }
        return InputPiece(number: next, bytes: element)
    }

    private func checkEnd() throws(InputFailure) {
        switch place {
        case .after: return
        case .before: throw flaw("the end, and no array")
        default: throw flaw("the end, and no end of the array")
        }
    }

    private func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d
    }

    private func flaw(_ reason: String, at byte: Int? = nil) -> InputFailure {
        failure("is not JSON: \(reason) at byte \(byte ?? position + 1)")
    }

    private func failure(_ reason: String) -> InputFailure {
        InputFailure(number: next, reason: reason)
    }
}
