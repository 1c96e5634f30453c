import Crypto
import PondCore

/// What a key stands for, in few bytes.
enum Fingerprint {
    /// The first 16 hex digits of the SHA-1 of kind, a zero byte, and payload.
    static func of(_ kind: JobKind, _ data: [UInt8]) -> String {
        var hash = Insecure.SHA1()
        hash.update(data: Array(kind.text.utf8))
        hash.update(data: [0])
        hash.update(data: data)
        return text(of: hash.finalize())
    }

    /// The first 16 hex digits of the SHA-1 of a result.
    static func checksum(of result: [UInt8]) -> String {
        text(of: Insecure.SHA1.hash(data: result))
    }

    private static func text(of digest: Insecure.SHA1.Digest) -> String {
        digest.prefix(8).map { byte in
            let digits = String(byte, radix: 16)
            return byte < 16 ? "0" + digits : digits
        }.joined()
    }
}
