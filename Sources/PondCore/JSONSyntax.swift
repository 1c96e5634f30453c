import FoundationEssentials

/// Tells whether bytes are one JSON text (RFC 8259), and where they stop being one.
///
/// Payloads are not decoded here: numbers of any size and strings of any content pass as they are.
package struct JSONSyntax {
    /// Where and why bytes are no JSON.
    package struct Flaw: Error, Hashable, CustomStringConvertible {
        /// The position of the byte, from 1.
        package let byte: Int
        /// What was met there.
        package let reason: String

        package var description: String { "\(reason) at byte \(byte)" }
    }

    /// How deep arrays and objects may lie in each other; most decoders stop at about this depth.
    package static let depthMax = 512

    private enum Container {
        case array, object
    }

    private let bytes: [UInt8]
    private var index = 0
    private var endOfName = 0
    private var open: [Container] = []

    private init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Looks at all bytes.
    ///
    /// - Throws: `Flaw`, the first one.
    package static func check(_ bytes: [UInt8]) throws(Flaw) {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw Flaw(byte: JSONSyntax.firstNonUTF8(bytes), reason: "bytes that are no UTF-8")
        }
        var syntax = JSONSyntax(bytes)
        try syntax.text()
    }

    /// The members of one JSON object, each with the places of its name (in its quotes) and of its value.
    ///
    /// - Throws: `Flaw`, the first one; an array or a single value is one too.
    package static func members(of bytes: [UInt8]) throws(Flaw) -> [(name: Range<Int>, value: Range<Int>)] {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw Flaw(byte: JSONSyntax.firstNonUTF8(bytes), reason: "bytes that are no UTF-8")
        }
        var syntax = JSONSyntax(bytes)
        return try syntax.members()
    }

    /// The text of a string in its quotes; nil when its escapes stand for no text.
    package static func string(_ token: ArraySlice<UInt8>) -> String? {
        guard token.contains(UInt8(ascii: "\\")) else {
            return String(decoding: token.dropFirst().dropLast(), as: UTF8.self)
        }
        do { return try JSONDecoder().decode(String.self, from: Data(token)) } catch { return nil }
    }

    private mutating func members() throws(Flaw) -> [(name: Range<Int>, value: Range<Int>)] {
        var members: [(name: Range<Int>, value: Range<Int>)] = []
        skipSpaces()
        guard peek == UInt8(ascii: "{") else { throw flaw("no object") }
        try enter(.object)
        skipSpaces()
        if peek != UInt8(ascii: "}") {
            repeat { members.append(try member()) } while try hasNext()
        }
        index += 1
        open.removeLast()
        skipSpaces()
        if index < bytes.count { throw flaw("more after the end") }
        return members
    }

    private mutating func member() throws(Flaw) -> (name: Range<Int>, value: Range<Int>) {
        skipSpaces()
        let nameStart = index
        try name()
        // Between the name and its colon there may be spaces.
        let name = nameStart..<endOfName
        skipSpaces()
        let start = index
        try wholeValue()
        return (name, start..<index)
    }

    /// Whether an object goes on after a member: behind the comma if so, before the end if not.
    private mutating func hasNext() throws(Flaw) -> Bool {
        skipSpaces()
        if peek == UInt8(ascii: "}") { return false }
        guard peek == UInt8(ascii: ",") else { throw flaw("no comma and no end of the object") }
        index += 1
        return true
    }

    private mutating func text() throws(Flaw) {
        try wholeValue()
        skipSpaces()
        if index < bytes.count { throw flaw("more after the end") }
    }

    /// A value with all that is in it.
    private mutating func wholeValue() throws(Flaw) {
        let outer = open.count
        try value()
        while open.count > outer, let container = open.last {
            skipSpaces()
            switch (container, peek) {
            case (.array, UInt8(ascii: "]")), (.object, UInt8(ascii: "}")):
                index += 1
                open.removeLast()
            case (_, UInt8(ascii: ",")):
                index += 1
                if container == .object { try name() }
                try value()
            default:
                throw flaw("no comma and no end of \(container == .array ? "the array" : "the object")")
            }
        }
    }

    /// A scalar, or the opening of a container up to and with its first value.
    private mutating func value() throws(Flaw) {
        while true {
            skipSpaces()
            switch peek {
            case UInt8(ascii: "["):
                try enter(.array)
                skipSpaces()
                if peek == UInt8(ascii: "]") { return }
            case UInt8(ascii: "{"):
                try enter(.object)
                skipSpaces()
                if peek == UInt8(ascii: "}") { return }
                try name()
            case UInt8(ascii: "\""): return try string()
            case UInt8(ascii: "t"): return try word("true")
            case UInt8(ascii: "f"): return try word("false")
            case UInt8(ascii: "n"): return try word("null")
            case UInt8(ascii: "-"): return try number()
            case .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return try number()
            default: throw flaw("no value")
            }
        }
    }

    private mutating func enter(_ container: Container) throws(Flaw) {
        guard open.count < JSONSyntax.depthMax else { throw flaw("more than \(JSONSyntax.depthMax) levels") }
        open.append(container)
        index += 1
    }

    private mutating func name() throws(Flaw) {
        skipSpaces()
        guard peek == UInt8(ascii: "\"") else { throw flaw("a member's name must be in quotes") }
        try string()
        endOfName = index
        skipSpaces()
        guard peek == UInt8(ascii: ":") else { throw flaw("no colon after a name") }
        index += 1
    }

    private mutating func string() throws(Flaw) {
        index += 1
        while let byte = peek {
            index += 1
            switch byte {
            case UInt8(ascii: "\""): return
            case UInt8(ascii: "\\"): try escape()
            case 0..<0x20:
                index -= 1
                throw flaw("a control character inside a string")
            default: break
            }
        }
        throw flaw("no end of the string")
    }

    private mutating func escape() throws(Flaw) {
        guard let letter = peek, "\"\\/bfnrtu".utf8.contains(letter) else { throw flaw("an unknown escape") }
        index += 1
        guard letter == UInt8(ascii: "u") else { return }
        for _ in 0..<4 {
            guard let digit = peek, Character(Unicode.Scalar(digit)).isHexDigit else {
                throw flaw("no four hexadecimal digits after \\u")
            }
            index += 1
        }
    }

    private mutating func word(_ word: String) throws(Flaw) {
        guard bytes[index...].starts(with: word.utf8) else { throw flaw("an unknown word") }
        index += word.utf8.count
    }

    private mutating func number() throws(Flaw) {
        if peek == UInt8(ascii: "-") { index += 1 }
        if peek == UInt8(ascii: "0") { index += 1 } else { try digits() }
        if peek == UInt8(ascii: ".") {
            index += 1
            try digits()
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            index += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { index += 1 }
            try digits()
        }
    }

    private mutating func digits() throws(Flaw) {
        let start = index
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { index += 1 }
        if index == start { throw flaw("no digit") }
    }

    private mutating func skipSpaces() {
        while let byte = peek, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { index += 1 }
    }

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    private func flaw(_ reason: String) -> Flaw {
        Flaw(byte: index + 1, reason: index < bytes.count ? reason : "the end, and \(reason)")
    }

    private static func firstNonUTF8(_ bytes: [UInt8]) -> Int {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var position = 1
        while case .scalarValue(let scalar) = decoder.decode(&iterator) { position += UTF8.width(scalar) }
        return position
    }
}
