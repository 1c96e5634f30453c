/// Gives each step of a run a name that is unique in its saga: `name`, then `name#2`, and so on.
package struct StepNames: Sendable {
    private var counts: [String: Int] = [:]

    package init() {}

    /// The name of the next step that is called so.
    package mutating func next(_ name: String) -> String {
        let count = (counts[name] ?? 0) + 1
        counts[name] = count
        return count == 1 ? name : "\(name)#\(count)"
    }

    /// Why a step cannot be called so; nil when it can.
    ///
    /// `#` is what tells the second of a name from the first.
    package static func flaw(of name: String) -> String? {
        if name.isEmpty || name.utf8.count > lengthMax {
            return "a step's name has 1 to \(lengthMax) bytes, \"\(name.prefix(40))\" has \(name.utf8.count)"
        }
        guard name.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "#") }) else {
            return "a step's name has no spaces, control characters or #, \"\(name.prefix(40))\" has"
        }
        return nil
    }

    /// The longest name without its number, in bytes; with it the name has 128 at most.
    package static let lengthMax = 120
}

/// Tells inputs apart by a short text: FNV-1a over 64 bits, and the length.
///
/// It guards nothing against whoever wants to deceive; it notices that a step is called with something else than before.
package enum StepFingerprint {
    /// The fingerprint of some bytes.
    package static func of(_ bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return "\(String(hash, radix: 16))-\(bytes.count)"
    }
}

/// A token by which somebody outside may answer a saga: 32 random bytes as base64url.
package enum SagaToken {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// One that nobody can guess.
    package static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return random(using: &generator)
    }

    /// The same from another source, for tests.
    package static func random(using generator: inout some RandomNumberGenerator) -> String {
        let words = (0..<4).map { _ in generator.next() as UInt64 }
        let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
        return base64url(bytes)
    }

    private static func base64url(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for first in stride(from: 0, to: bytes.count, by: 3) {
            let group = (0..<3).reduce(UInt32(0)) { sum, at in
                sum << 8 | (first + at < bytes.count ? UInt32(bytes[first + at]) : 0)
            }
            let characters = min(3, bytes.count - first) + 1
            for place in 0..<characters { text.append(digits[Int(group >> (18 - 6 * place) & 63)]) }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
