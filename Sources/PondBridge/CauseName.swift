import PondCore

/// The name of a cause, as a stranger gives it.
package enum CauseName {
    /// The name in the characters that people can type after `--cause`, at most 128 of them; what is empty is `failed`.
    package static func made(from text: String) -> String {
        let name = text.unicodeScalars.prefix(Limits.kindBytesMax).map { scalar -> Character in
            let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            return isPlain || "._:-".unicodeScalars.contains(scalar) ? Character(scalar) : "_"
        }
        return name.isEmpty ? Cause.failed.name : String(name)
    }
}
