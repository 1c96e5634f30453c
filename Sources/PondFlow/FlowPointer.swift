import PondCore

/// Where a value is, as a JSON Pointer (RFC 6901): `/steps/account/id`.
package struct FlowPointer: Sendable, Hashable, CustomStringConvertible {
    /// The names and places on the way, from the top.
    package let tokens: [String]

    /// Reads a pointer.
    ///
    /// Nil when the text is none: it begins with `/`, and behind `~` there is 0 or 1.
    package init?(_ text: String) {
        guard text.hasPrefix("/") else { return nil }
        var tokens: [String] = []
        for part in text.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard let token = Self.unescaped(part) else { return nil }
            tokens.append(token)
        }
        self.tokens = tokens
    }

    private static func unescaped(_ part: Substring) -> String? {
        guard part.contains("~") else { return String(part) }
        var (token, rest) = ("", part)
        while let tilde = rest.firstIndex(of: "~") {
            token += rest[..<tilde]
            rest = rest[rest.index(after: tilde)...]
            switch rest.first {
            case "0": token += "~"
            case "1": token += "/"
            default: return nil
            }
            rest = rest.dropFirst()
        }
        return token + rest
    }

    package var description: String {
        tokens.map { token in
            "/"
                + token.split(separator: "~", omittingEmptySubsequences: false).joined(separator: "~0")
                .split(separator: "/", omittingEmptySubsequences: false).joined(separator: "~1")
        }.joined()
    }

    /// The first name: whether it is the flow's input, a step's result, or another thing that a step knows.
    package var root: String { tokens.first ?? "" }
    /// The step whose result it points into.
    package var step: String? { root == "steps" && tokens.count > 1 ? tokens[1] : nil }

    /// What a value has at a place below it; nil when it has nothing there.
    package static func find(_ tokens: ArraySlice<String>, in value: FlowValue) -> FlowValue? {
        var value = value
        for token in tokens {
            switch value {
            case .object:
                guard let member = value[token] else { return nil }
                value = member
            case .array(let elements):
                guard let place = place(token), place < elements.count else { return nil }
                value = elements[place]
            default: return nil
            }
        }
        return value
    }

    /// `0`, or digits that begin with none.
    private static func place(_ token: String) -> Int? {
        let isPlain = !token.isEmpty && token.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard isPlain, token == "0" || !token.hasPrefix("0") else { return nil }
        return Int(token)
    }
}
