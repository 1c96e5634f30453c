import PondCore

/// What a key stands for, in few bytes; files keep these, so they stay what they are.
enum Fingerprint {
    /// The first 16 hex digits of the SHA-1 of kind, a zero byte, and payload.
    static func of(_ kind: JobKind, _ data: [UInt8]) -> String {
        text(of: [Array(kind.text.utf8), [0], data])
    }

    /// The first 16 hex digits of the SHA-1 of a result.
    static func checksum(of result: [UInt8]) -> String {
        text(of: [result])
    }

    private static func text(of parts: [[UInt8]]) -> String {
        var digest = Digest(.sha1)
        for part in parts { digest.add(part) }
        return String(digest.text().prefix(16))
    }
}
