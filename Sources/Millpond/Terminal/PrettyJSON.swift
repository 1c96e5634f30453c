import PondCore

/// JSON that somebody else wrote, set for people without reading its values: numbers keep every digit.
package enum PrettyJSON {
    /// The document with an element a line, two spaces a level; nil when the bytes are no JSON.
    package static func text(of bytes: [UInt8]) -> String? {
        do { try JSONSyntax.check(bytes) } catch { return nil }
        var setter = Setter()
        for byte in bytes { setter.add(byte) }
        return String(decoding: setter.result, as: UTF8.self)
    }

    /// Writes each byte of a valid document to its new place.
    private struct Setter {
        private(set) var result: [UInt8] = []
        private var depth = 0
        private var isInString = false
        private var isEscaped = false
        /// Whether the line after an opening bracket is still owed: an empty list stays on one line.
        private var isJustOpened = false

        mutating func add(_ byte: UInt8) {
            if isInString { return addInString(byte) }
            switch Unicode.Scalar(byte) {
            case " ", "\n", "\r", "\t": return
            case "}", "]": close(byte)
            case "{", "[":
                addElement(byte)
                depth += 1
                isJustOpened = true
            case ",":
                result.append(byte)
                breakLine()
            case ":": result += [byte, UInt8(ascii: " ")]
            case "\"":
                addElement(byte)
                isInString = true
            default: addElement(byte)
            }
        }

        private mutating func addInString(_ byte: UInt8) {
            result.append(byte)
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString = false
            }
        }

        private mutating func addElement(_ byte: UInt8) {
            if isJustOpened { breakLine() }
            isJustOpened = false
            result.append(byte)
        }

        private mutating func close(_ byte: UInt8) {
            depth -= 1
            if !isJustOpened { breakLine() }
            isJustOpened = false
            result.append(byte)
        }

        private mutating func breakLine() {
            result.append(UInt8(ascii: "\n"))
            result += [UInt8](repeating: UInt8(ascii: " "), count: 2 * depth)
        }
    }
}
