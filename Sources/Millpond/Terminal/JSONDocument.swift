import FoundationEssentials
package import PondCore

/// A value of the JSON that programs read; members keep their order.
package enum JSONValue: Sendable, Equatable, ExpressibleByStringLiteral, ExpressibleByArrayLiteral {
    case null
    case bool(Bool)
    case int(Int64)
    /// A finite number; anything else is written as null.
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object([Member])

    /// A name and its value.
    package struct Member: Sendable, Equatable {
        /// What the value is called.
        package let name: String
        /// What stands under the name.
        package let value: JSONValue

        package init(_ name: String, _ value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    /// A string as it stands in code.
    package init(stringLiteral value: String) {
        self = .string(value)
    }

    /// An array as it stands in code.
    package init(arrayLiteral elements: JSONValue...) {
        self = .array(elements)
    }

    /// An object of names and values in order.
    package static func object(_ pairs: [(String, JSONValue)]) -> JSONValue {
        .object(pairs.map { Member($0, $1) })
    }

    /// A count.
    package static func count(_ number: Int) -> JSONValue { .int(Int64(number)) }

    /// A duration in seconds with three decimals at most; null for nil.
    package static func seconds(_ duration: Duration?) -> JSONValue {
        guard let milliseconds = duration?.wholeMilliseconds else { return .null }
        return milliseconds.isMultiple(of: 1_000) ? .int(milliseconds / 1_000) : .double(Double(milliseconds) / 1_000)
    }

    /// A moment as ISO 8601 in UTC; null for nil.
    package static func time(_ time: ServerTime?) -> JSONValue {
        time.map { .string($0.iso8601) } ?? .null
    }

    /// A text; null for nil.
    package static func text(_ text: String?) -> JSONValue {
        text.map { .string($0) } ?? .null
    }

    /// Bytes under a name: as a string when they are UTF-8, else in base64 under the name with `_base64` behind it.
    package static func bytes(_ name: String, _ bytes: [UInt8]) -> (String, JSONValue) {
        if let text = String(validating: bytes, as: UTF8.self) { return (name, .string(text)) }
        return (name + "_base64", .string(Data(bytes).base64EncodedString()))
    }

    /// The value on one line; control characters are escaped, so that a terminal can show it.
    package var text: String {
        var text = ""
        write(to: &text)
        return text
    }

    private func write(to text: inout String) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .int(let value): text += String(value)
        case .double(let value): text += value.isFinite ? "\(value)" : "null"
        case .string(let value): JSONValue.write(value, to: &text)
        case .array(let elements):
            JSONValue.write(elements, in: ("[", "]"), to: &text) { $0.write(to: &$1) }
        case .object(let members):
            JSONValue.write(members, in: ("{", "}"), to: &text) { member, text in
                JSONValue.write(member.name, to: &text)
                text += ":"
                member.value.write(to: &text)
            }
        }
    }

    private static func write<Part>(
        _ parts: [Part],
        in brackets: (String, String),
        to text: inout String,
        _ writePart: (Part, inout String) -> Void
    ) {
        text += brackets.0
        for (index, part) in parts.enumerated() {
            if index > 0 { text += "," }
            writePart(part, &text)
        }
        text += brackets.1
    }

    private static func write(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where SafeText.isUnsafe(scalar): escape(scalar, to: &text)
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    private static func escape(_ scalar: Unicode.Scalar, to text: inout String) {
        // Scalars past 16 bits are written as two, as JSON wants it.
        for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
            let digits = String(unit, radix: 16)
            text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
    }
}

/// What a command prints under `--json`: one object with the schema's version, what it is, and the rest.
package struct JSONDocument: Sendable {
    /// The version of the envelope; within it members are only added.
    package static let schema = "millpond/v1"

    private let value: JSONValue

    /// A document with members of its own.
    package init(kind: String, _ members: [(String, JSONValue)]) {
        value = .object([("schema", .string(JSONDocument.schema)), ("kind", .string(kind))] + members)
    }

    /// A list.
    package init(kind: String, items: [JSONValue], _ members: [(String, JSONValue)] = []) {
        self.init(kind: kind, [("items", .array(items))] + members)
    }

    /// The document on one line.
    package var text: String { value.text }
}

extension Terminal {
    /// Writes a document to standard output.
    package func print(_ document: JSONDocument) throws(CommandFailure) {
        try print(document.text)
    }
}
