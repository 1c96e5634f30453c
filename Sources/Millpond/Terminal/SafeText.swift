// Payloads, error texts, headers and names come from anybody who can speak to Redis. What a terminal would obey
// (escape sequences, carriage returns, C1 controls) or what would deceive a reader (characters that reorder or hide
// text) is shown as an escape instead. Nothing that was not written by this program reaches a terminal any other way.

/// Text from outside, made safe to show.
package enum SafeText {
    /// The text on one line: controls as `\n`, `\x1b` or `\u{202e}`, everything else as it is.
    package static func escaped(_ text: some StringProtocol) -> String {
        escape(text, keepsLines: false)
    }

    /// The bytes as one line of text; bytes that are no UTF-8 as `\xff`.
    package static func escaped(_ bytes: [UInt8]) -> String {
        decode(bytes, keepsLines: false)
    }

    /// The text on as many lines as it has; only line ends and tabs stay, tabs as four spaces.
    package static func lines(_ text: some StringProtocol) -> String {
        escape(text, keepsLines: true)
    }

    /// The bytes as text on as many lines as they have.
    package static func lines(_ bytes: [UInt8]) -> String {
        decode(bytes, keepsLines: true)
    }

    private static func escape(_ text: some StringProtocol, keepsLines: Bool) -> String {
        guard text.unicodeScalars.contains(where: isUnsafe) else { return String(text) }
        var result = ""
        for scalar in text.unicodeScalars { append(scalar, to: &result, keepsLines: keepsLines) }
        return result
    }

    private static func decode(_ bytes: [UInt8], keepsLines: Bool) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return escape(text, keepsLines: keepsLines) }
        var result = ""
        var rest = bytes[...]
        while let lead = rest.first {
            if let scalar = firstScalar(rest, lead) {
                append(scalar, to: &result, keepsLines: keepsLines)
                rest = rest.dropFirst(UTF8.width(scalar))
            } else {
                result += "\\x" + hexadecimal(UInt32(lead), digits: 2)
                rest = rest.dropFirst()
            }
        }
        return result
    }

    private static func firstScalar(_ bytes: ArraySlice<UInt8>, _ lead: UInt8) -> Unicode.Scalar? {
        let length =
            switch lead {
            case ..<0x80: 1
            case ..<0xe0: 2
            case ..<0xf0: 3
            default: 4
            }
        guard let text = String(validating: bytes.prefix(length), as: UTF8.self) else { return nil }
        return text.unicodeScalars.first
    }

    private static func append(_ scalar: Unicode.Scalar, to text: inout String, keepsLines: Bool) {
        guard isUnsafe(scalar) else {
            text.unicodeScalars.append(scalar)
            return
        }
        switch scalar {
        case "\n": text += keepsLines ? "\n" : "\\n"
        case "\t": text += keepsLines ? "    " : "\\t"
        case "\r": text += "\\r"
        case _ where scalar.value < 0x100: text += "\\x" + hexadecimal(scalar.value, digits: 2)
        default: text += "\\u{" + hexadecimal(scalar.value, digits: 4) + "}"
        }
    }

    /// Whether a terminal would obey the scalar, or a reader be deceived by it.
    static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        // The joiners shape emoji and Indic text, and neither hides nor moves anything.
        case .format: scalar.value != 0x200c && scalar.value != 0x200d
        case .control, .surrogate, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: true
        default: false
        }
    }

    private static func hexadecimal(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
