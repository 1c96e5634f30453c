import PondCore
import PondSQLite
import Subprocess
import SystemPackage
import Testing

@Suite struct DigestTests {
    private static func text(_ kind: Digest.Kind, _ parts: [[UInt8]]) -> String {
        var digest = Digest(kind)
        for part in parts { digest.add(part) }
        return digest.text()
    }

    /// FIPS 180-4's own examples, and its million times `a`.
    @Test(arguments: [
        (Digest.Kind.sha1, "", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (.sha1, "abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            .sha1, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        ),
        (.sha1, "a", 1_000_000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
        (.sha256, "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (.sha256, "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            .sha256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (.sha256, "a", 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ])
    func `the examples of the standard come out`(kind: Digest.Kind, text: String, times: Int, expected: String) {
        #expect(Self.text(kind, [[UInt8](String(repeating: text, count: times).utf8)]) == expected)
    }

    @Test func `what is added in pieces is the same as at once`() {
        let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 3) }
        for kind in [Digest.Kind.sha1, .sha256] {
            let whole = Self.text(kind, [bytes])
            for cut in 0...bytes.count {
                #expect(Self.text(kind, [Array(bytes[..<cut]), [], Array(bytes[cut...])]) == whole)
            }
            #expect(Self.text(kind, bytes.map { [$0] }) == whole)
        }
    }

    /// Every length around the ends of a block, where the padding takes another one.
    @Test(arguments: [(Digest.Kind.sha1, "sha1sum"), (.sha256, "sha256sum")])
    func `every length agrees with the program of the system`(kind: Digest.Kind, program: String) async throws {
        let lengths = Array(0...200) + [4_095, 4_096, 65_537]
        let commands = lengths.map { "head -c \($0) /dev/zero | tr '\\0' 'x' | \(program)" }.joined(separator: "\n")
        let result = try await run(
            .path("/bin/sh"),
            arguments: ["-c", commands],
            output: .string(limit: 100_000),
            error: .discarded
        )
        let expected = result.standardOutput.split(separator: "\n").map { $0.prefix { $0 != " " } }
        try #require(expected.count == lengths.count)
        for (length, sum) in zip(lengths, expected) {
            #expect(Self.text(kind, [[UInt8](repeating: UInt8(ascii: "x"), count: length)]) == sum)
        }
    }
}
