/// Writes the words of one command, as bulk strings, into memory that is large enough for it.
package struct CommandWriter {
    private let memory: UnsafeMutableRawBufferPointer
    private(set) var count = 0
    private(set) var wordsLeft: Int

    /// A type byte, up to 20 digits and a line end.
    static let headBytesMax = 23

    init(_ memory: UnsafeMutableRawBufferPointer, words: Int) {
        self.memory = memory
        wordsLeft = words
        putHead(UInt8(ascii: "*"), words)
    }

    /// A text, as UTF-8.
    package mutating func write(_ text: String) {
        begin(text.utf8.count)
        put(text)
        putLineEnd()
    }

    /// Two texts that are one word together.
    package mutating func write(_ start: String, _ end: String) {
        begin(start.utf8.count + end.utf8.count)
        put(start)
        put(end)
        putLineEnd()
    }

    /// Bytes as they are.
    package mutating func write(_ bytes: [UInt8]) {
        begin(bytes.count)
        bytes.withUnsafeBytes { put($0) }
        putLineEnd()
    }

    /// A number, in decimal.
    package mutating func write(_ number: Int64) {
        let digits = digitCount(of: number.magnitude)
        begin(digits + (number < 0 ? 1 : 0))
        if number < 0 { put(UInt8(ascii: "-")) }
        putDigits(of: number.magnitude, digits)
        putLineEnd()
    }

    /// The head of a word of that length; checks that there is room for all of it.
    private mutating func begin(_ length: Int) {
        let isWithinBounds = wordsLeft > 0 && memory.count - count >= CommandWriter.headBytesMax + length + 2
        precondition(isWithinBounds, "a Redis command is larger than its head says")
        wordsLeft -= 1
        putHead(UInt8(ascii: "$"), length)
    }

    private mutating func putHead(_ type: UInt8, _ number: Int) {
        put(type)
        putDigits(of: UInt64(number), digitCount(of: UInt64(number)))
        putLineEnd()
    }

    private mutating func putDigits(of number: UInt64, _ digits: Int) {
        var rest = number
        var place = count + digits
        repeat {
            place -= 1
            memory[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        count += digits
    }

    private func digitCount(of number: UInt64) -> Int {
        var digits = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        return digits
    }

    private mutating func putLineEnd() {
        put(0x0d)
        put(0x0a)
    }

    private mutating func put(_ text: String) {
        var text = text
        text.withUTF8 { put(UnsafeRawBufferPointer($0)) }
    }

    private mutating func put(_ content: UnsafeRawBufferPointer) {
        UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: content)
        count += content.count
    }

    private mutating func put(_ byte: UInt8) {
        memory[count] = byte
        count += 1
    }
}
