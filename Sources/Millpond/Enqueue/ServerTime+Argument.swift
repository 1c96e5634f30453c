import ArgumentParser
package import PondCore

extension ServerTime {
    /// For `@Option(transform: ServerTime.argument)`: ISO 8601 with a zone, or Unix milliseconds.
    package static func argument(_ text: String) throws -> ServerTime {
        if let time = ServerTime(iso8601: text) { return time }
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let milliseconds = Int64(text)
        else {
            throw ValidationError(
                "\"\(SafeText.escaped(text.prefix(60)))\" is no time; write 2026-11-23T15:04:05Z, "
                    + "2026-11-23T16:04:05+01:00, or Unix milliseconds"
            )
        }
        // 1973 in milliseconds, 5138 in seconds: nobody means the one, many write the other.
        guard milliseconds >= 100_000_000_000 else {
            throw ValidationError("\(text) would be a day before 1974; times are in milliseconds, not in seconds")
        }
        return ServerTime(milliseconds: milliseconds)
    }
}
