import PondCore

/// A JSON value of a document, an input or a result; numbers keep their digits and members their order.
package indirect enum FlowValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// As it is written: no digit of an amount of money is lost on its way from one step to the next.
    case number(String)
    case string(String)
    case array([FlowValue])
    case object([Member])

    /// A name and its value.
    package struct Member: Sendable, Hashable {
        /// What the value is called.
        package var name: String
        /// What stands under the name.
        package var value: FlowValue

        /// A value under a name.
        package init(_ name: String, _ value: FlowValue) {
            (self.name, self.value) = (name, value)
        }
    }

    /// The value of a member; the last, where a name is given twice.
    package subscript(name: String) -> FlowValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name == name }?.value
    }

    /// Whether both are the same value: members in any order, and numbers by what they are worth.
    package func equals(_ other: FlowValue) -> Bool {
        switch (self, other) {
        case (.number(let a), .number(let b)): a == b || Double(a).map { Double(b) == $0 } ?? false
        case (.array(let a), .array(let b)): a.count == b.count && zip(a, b).allSatisfy { $0.equals($1) }
        case (.object(let a), .object(let b)):
            a.count == b.count && a.allSatisfy { member in other[member.name].map { member.value.equals($0) } ?? false }
        default: self == other
        }
    }

    /// What it is, for errors.
    package var what: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .string: "a text"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// The value as JSON, without spaces.
    package var json: [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return bytes
    }

    private func write(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes += "null".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .number(let text): bytes += text.utf8
        case .string(let text): Self.write(text, to: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (place, element) in elements.enumerated() {
                if place > 0 { bytes.append(UInt8(ascii: ",")) }
                element.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (place, member) in members.enumerated() {
                if place > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.write(member.name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, to bytes: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): bytes += "\\n".utf8
            case 0..<0x20: bytes += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
