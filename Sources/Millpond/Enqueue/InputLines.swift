/// The lines of a descriptor, in the pieces in which they arrive.
package struct InputLines: BulkInput {
    /// A line and its number, from 1.
    package typealias Line = InputPiece

    /// What one is called.
    package static let piece = "line"
    /// They are counted from 1.
    package static let firstNumber = 1
    /// A line may be anything.
    package static let isAlwaysJSON = false
    /// A program that had nothing to say wrote no line.
    package static let mayBeEmpty = true
    /// Nothing was written.
    package static let emptyText = ""

    private let bytesMax: Int
    private var chunks: InputChunks
    private var started: [UInt8] = []
    private var next = 1
    private var isAtEnd = false

    /// - Parameter bytesMax: the longest line, without its end.
    package init(_ descriptor: Int32 = 0, bytesMax: Int) {
        chunks = InputChunks(descriptor)
        self.bytesMax = bytesMax
    }

    /// The lines that came next, without their line ends; nil at the end.
    package mutating func read() -> (pieces: [InputPiece], failure: InputFailure?)? {
        var lines: [InputPiece] = []
        while lines.isEmpty && !isAtEnd {
            do throws(InputFailure) {
                let chunk = try readChunk()
                isAtEnd = chunk.isEmpty
                try split(chunk, into: &lines)
                // The last line may lack its end.
                if isAtEnd, !started.isEmpty { lines.append(try takeLine()) }
            } catch {
                isAtEnd = true
                return (lines, error)
            }
        }
        return lines.isEmpty ? nil : (lines, nil)
    }

    private mutating func split(
        _ chunk: ArraySlice<UInt8>,
        into lines: inout [InputPiece]
    ) throws(InputFailure) {
        for (offset, piece) in chunk.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
        {
            // Each piece but the first comes after a line end, which ends what was started.
            if offset > 0 { lines.append(try takeLine()) }
            started += piece
            // One more for the carriage return of a line end.
            if started.count > bytesMax + 1 { throw tooLong }
        }
    }

    private mutating func takeLine() throws(InputFailure) -> InputPiece {
        if started.last == UInt8(ascii: "\r") { started.removeLast() }
        if started.count > bytesMax { throw tooLong }
        defer {
            next += 1
            started.removeAll(keepingCapacity: true)
        }
        return InputPiece(number: next, bytes: started)
    }

    private var tooLong: InputFailure { InputFailure(number: next, reason: "is longer than \(bytesMax) bytes") }

    private mutating func readChunk() throws(InputFailure) -> ArraySlice<UInt8> {
        do throws(InputChunks.Obstacle) { return try chunks.read() } catch {
            throw InputFailure(number: next, reason: error.reason)
        }
    }
}

extension InputFailure {
    /// The line that reading stopped in, for whoever reads lines alone.
    package var line: Int { number }
}
