import CPondDigest

/// A short name for contents: SHA-256 or, where stored names are SHA-1 already, SHA-1.
///
/// It tells contents apart; it signs nothing. Two texts of one SHA-1 can be made on purpose.
package struct Digest: Sendable {
    /// Which of the two.
    package enum Kind: Sendable {
        case sha1, sha256
    }

    private var state = pond_digest()

    /// Over nothing so far.
    package init(_ kind: Kind = .sha256) {
        pond_digest_begin(&state, kind == .sha1 ? pond_digest_sha1 : pond_digest_sha256)
    }

    /// Goes on with these bytes; where the cuts are makes no difference.
    package mutating func add(_ bytes: [UInt8]) {
        pond_digest_add(&state, bytes, bytes.count)
    }

    /// The 20 or 32 bytes over everything that was added.
    package func bytes() -> [UInt8] {
        var state = state
        return [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            count = Int(state.kind.rawValue)
            if let result = buffer.baseAddress { pond_digest_end(&state, result) }
        }
    }

    /// The same as hexadecimal digits, two a byte.
    package func text() -> String {
        bytes().reduce(into: "") { $0 += ($1 < 16 ? "0" : "") + String($1, radix: 16) }
    }

    /// SHA-256 of some bytes as 64 hexadecimal digits.
    package static func sha256(_ bytes: [UInt8]) -> String {
        var digest = Digest()
        digest.add(bytes)
        return digest.text()
    }
}
