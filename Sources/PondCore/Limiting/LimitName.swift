/// The name of a limit, or of a family of limits: `openai`, `api.x.com/v1`, and `tenant:*` for each tenant its own.
///
/// A name is `[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}`; a family ends with `*` behind `:` or `/`.
package struct LimitName: Sendable, Hashable, CustomStringConvertible {
    /// The text itself.
    package let text: String
    /// Whether it stands for every name that begins with it.
    package var isFamily: Bool { text.utf8.last == UInt8(ascii: "*") }
    package var description: String { text }

    /// The name of one limit, as a job asks for it.
    ///
    /// - Throws: `PondError.invalidJob`, which says what was given and what is allowed.
    package init(_ text: String) throws(PondError) {
        guard Self.isValid(text.utf8) else {
            let hint =
                text.utf8.last == UInt8(ascii: "*")
                ? "; a family is what is defined, a job asks for one of its names, as in tenant:acme" : ""
            throw PondError(.invalidJob, Self.refusal(of: text) + hint)
        }
        self.text = text
    }

    /// The name under which a limit is defined; `tenant:{tenant}`, as jobs write it, means the family `tenant:*`.
    ///
    /// - Throws: `PondError.invalidConfiguration`, which says what was given and what is allowed.
    package init(defined text: String) throws(PondError) {
        let name = Self.familyOfPlaceholder(text) ?? text
        let isValid: Bool
        if name.utf8.last == UInt8(ascii: "*") {
            let stem = name.utf8.dropLast()
            isValid =
                Self.isValid(stem) && Self.isSeparator(stem.last) && name.utf8.count <= Limits.limitNameBytesMax
        } else {
            isValid = Self.isValid(name.utf8)
        }
        guard isValid else {
            throw PondError(
                .invalidConfiguration,
                Self.refusal(of: text) + "; a family of names ends with * behind : or /, as in tenant:*"
            )
        }
        self.text = name
    }

    /// `tenant:{tenant}` as `tenant:*`; nil when the text does not end with one placeholder.
    private static func familyOfPlaceholder(_ text: String) -> String? {
        guard text.utf8.last == UInt8(ascii: "}"), let open = text.firstIndex(of: "{"),
            text[open...].filter({ $0 == "}" || $0 == "{" }).count == 2
        else { return nil }
        return text[..<open] + "*"
    }

    static func refusal(of text: String) -> String {
        "limit name \"\(text.prefix(140))\" is not allowed; use [A-Za-z0-9][A-Za-z0-9._:/-]{0,127}, as in openai"
    }

    private static func isValid(_ bytes: some Collection<UInt8>) -> Bool {
        guard let first = bytes.first, first.isLetterOrDigit, bytes.count <= Limits.limitNameBytesMax else {
            return false
        }
        return bytes.allSatisfy(isPart)
    }

    private static func isSeparator(_ byte: UInt8?) -> Bool {
        byte == UInt8(ascii: ":") || byte == UInt8(ascii: "/")
    }

    /// Whether a name may have the byte behind its first.
    static func isPart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "-"): true
        default: byte.isLetterOrDigit
        }
    }
}

extension UInt8 {
    var isLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }
}
