package import PondCore

extension FlowValue {
    /// Reads JSON.
    ///
    /// - Throws: `JSONSyntax.Flaw`, when the bytes are none.
    package init(json bytes: [UInt8]) throws(JSONSyntax.Flaw) {
        try JSONSyntax.check(bytes)
        var reader = Reader(bytes: bytes)
        self = reader.value()
    }

    /// Goes through bytes that are known to be JSON.
    private struct Reader {
        let bytes: [UInt8]
        var index = 0

        private mutating func peek() -> UInt8 {
            while [0x20, 0x0a, 0x0d, 0x09].contains(bytes[index]) { index += 1 }
            return bytes[index]
        }

        /// Takes a byte if it comes next.
        private mutating func take(_ byte: Unicode.Scalar) -> Bool {
            guard peek() == UInt8(ascii: byte) else { return false }
            index += 1
            return true
        }

        mutating func value() -> FlowValue {
            switch peek() {
            case UInt8(ascii: "{"): return object()
            case UInt8(ascii: "["): return array()
            case UInt8(ascii: "\""): return .string(string())
            case UInt8(ascii: "t"): return word("true", .bool(true))
            case UInt8(ascii: "f"): return word("false", .bool(false))
            case UInt8(ascii: "n"): return word("null", .null)
            default: return number()
            }
        }

        private mutating func object() -> FlowValue {
            var members: [Member] = []
            index += 1
            while !take("}") {
                _ = peek()
                let name = string()
                _ = take(":")
                members.append(Member(name, value()))
                _ = take(",")
            }
            return .object(members)
        }

        private mutating func array() -> FlowValue {
            var elements: [FlowValue] = []
            index += 1
            while !take("]") {
                elements.append(value())
                _ = take(",")
            }
            return .array(elements)
        }

        private mutating func string() -> String {
            let start = index
            index += 1
            while bytes[index] != UInt8(ascii: "\"") { index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1 }
            index += 1
            // Half of a pair of surrogates stands for no text; then what is written is kept.
            return JSONSyntax.string(bytes[start..<index])
                ?? String(decoding: bytes[(start + 1)..<(index - 1)], as: UTF8.self)
        }

        private mutating func word(_ word: String, _ value: FlowValue) -> FlowValue {
            index += word.utf8.count
            return value
        }

        private mutating func number() -> FlowValue {
            let start = index
            while index < bytes.count, "+-.eE0123456789".utf8.contains(bytes[index]) { index += 1 }
            return .number(String(decoding: bytes[start..<index], as: UTF8.self))
        }
    }
}
