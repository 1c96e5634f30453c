import CPondDigest

/// Tokens that wake a saga: whoever has one may answer, so Redis keeps no more than their SHA-256 as a name.
package enum SagaToken {
    private static let byteCount = 32

    /// A new token, 32 random bytes as 43 characters of base64url.
    package static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<byteCount).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return base64url(bytes)
    }

    /// The name of a token in Redis: 64 hexadecimal digits.
    package static func hash(of token: String) -> String {
        let bytes = Array(token.utf8)
        var state = pond_digest()
        pond_digest_begin(&state, pond_digest_sha256)
        pond_digest_add(&state, bytes, bytes.count)
        var result = [UInt8](repeating: 0, count: 32)
        pond_digest_end(&state, &result)
        return result.reduce(into: "") { $0 += ($1 < 16 ? "0" : "") + String($1, radix: 16) }
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    static func base64url(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0...group.count { text.append(alphabet[bits >> (18 - 6 * place) & 63]) }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
