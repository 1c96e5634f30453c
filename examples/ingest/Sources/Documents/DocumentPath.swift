// A file's name is bytes; a payload and a column are text. Most names are the same in both. What is no printable
// UTF-8 is written as `\xNN`, and a backslash as two, so that every name has exactly one text and comes back whole.

/// The path of a file, whatever bytes it is made of.
package struct DocumentPath: Sendable, Hashable {
    /// As the system calls take it, without the zero at the end.
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Reads the text form.
    ///
    /// - Throws: `Malformed` when a backslash begins neither `\\` nor `\xNN`, or the path is empty or holds a zero.
    package init(text: String) throws(Malformed) {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            bytes.append(try DocumentPath.escaped(&rest, in: text))
        }
        guard !bytes.isEmpty, !bytes.contains(0) else { throw Malformed(text: text) }
        self.bytes = bytes
    }

    /// The text form: the name itself, but for what is no printable UTF-8.
    package var text: String {
        var text = ""
        var rest = bytes[...]
        while let lead = rest.first {
            let (scalar, length) = DocumentPath.firstScalar(rest)
            if let scalar, scalar != "\\", !DocumentPath.isControl(scalar) {
                text.unicodeScalars.append(scalar)
            } else if lead == UInt8(ascii: "\\") {
                text += #"\\"#
            } else {
                for byte in rest.prefix(length) { text += #"\x"# + DocumentPath.hexadecimal(byte) }
            }
            rest = rest.dropFirst(length)
        }
        return text
    }

    /// Whether the name says that the content is compressed.
    package var isGzip: Bool { bytes.suffix(3).elementsEqual(".gz".utf8) }

    /// A text that is no path.
    package struct Malformed: Error, Sendable, CustomStringConvertible {
        let text: String

        package var description: String {
            "\(text.debugDescription) is no path: it is empty, or a backslash begins neither \\\\ nor \\x and two digits"
        }
    }
}

extension DocumentPath: Codable {
    package init(from decoder: any Decoder) throws {
        try self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

extension DocumentPath {
    private static func escaped(_ rest: inout Substring.UTF8View, in text: String) throws(Malformed) -> UInt8 {
        switch rest.popFirst() {
        case UInt8(ascii: "\\"):
            return UInt8(ascii: "\\")
        case UInt8(ascii: "x"):
            let digits = rest.prefix(2)
            let isHexadecimal = digits.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
            guard digits.count == 2, isHexadecimal, let byte = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            else { throw Malformed(text: text) }
            rest = rest.dropFirst(2)
            return byte
        default:
            throw Malformed(text: text)
        }
    }

    /// The scalar that the bytes begin with and its length; nil and 1 when they begin with none.
    private static func firstScalar(_ bytes: ArraySlice<UInt8>) -> (Unicode.Scalar?, Int) {
        for length in 1...min(4, bytes.count) {
            if let text = String(validating: bytes.prefix(length), as: UTF8.self) {
                return (text.unicodeScalars.first, length)
            }
        }
        return (nil, 1)
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value)
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}
