import CPondDigest

/// Whoever has a token may answer for a saga, so Redis keeps no more of it than this, as a name.
package enum TokenHash {
    /// SHA-256 of a token as 64 hexadecimal digits.
    package static func of(_ token: String) -> String {
        let bytes = Array(token.utf8)
        var state = pond_digest()
        pond_digest_begin(&state, pond_digest_sha256)
        pond_digest_add(&state, bytes, bytes.count)
        var result = [UInt8](repeating: 0, count: 32)
        pond_digest_end(&state, &result)
        return result.reduce(into: "") { $0 += ($1 < 16 ? "0" : "") + String($1, radix: 16) }
    }
}
