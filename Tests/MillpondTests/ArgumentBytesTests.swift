import Millpond
import Testing

@Suite struct ArgumentBytesTests {
    static let latin: [UInt8] = Array("caf".utf8) + [0xe9]

    private func flaw(_ arguments: [[UInt8]]) -> CommandFailure? { ArgumentBytes.flaw(in: arguments) }

    @Test func `arguments that are UTF-8 are taken, however long their characters are`() {
        #expect(flaw([]) == nil)
        #expect(flaw(["enqueue", "", "--key", "café", "--data", "\"🦆\u{FFFD}\""].map { Array($0.utf8) }) == nil)
    }

    @Test(
        arguments: [
            (
                [Array("--key".utf8), ArgumentBytesTests.latin],
                "argument 2, behind --key, is not valid UTF-8: its byte 4 is 0xe9"
            ),
            (
                [Array("--key=".utf8) + ArgumentBytesTests.latin],
                "argument 1, --key, is not valid UTF-8: its byte 10 is 0xe9"
            ),
            ([Array("enqueue".utf8), ArgumentBytesTests.latin], "argument 2 is not valid UTF-8: its byte 4 is 0xe9"),
            // A surrogate, a character that is cut off, one that is longer than it need be.
            ([[0xed, 0xa0, 0x80]], "argument 1 is not valid UTF-8: its byte 1 is 0xed"),
            ([[0x61, 0xc3]], "argument 1 is not valid UTF-8: its byte 2 is 0xc3"),
            ([[0xc0, 0xaf]], "argument 1 is not valid UTF-8: its byte 1 is 0xc0"),
        ] as [([[UInt8]], String)]
    )
    func `an argument that is not UTF-8 is named by its place, and the way out is said`(
        arguments: [[UInt8]],
        text: String
    ) {
        let found = flaw(arguments)
        #expect(found?.message == text && found?.exitCode == .usage)
        #expect(found?.hint?.contains("--data @FILE") == true)
    }

    @Test func `what may be secret is not repeated`() {
        let found = flaw([Array("--redis".utf8), Array("redis://:s3cret".utf8) + [0xff]])
        #expect(found?.message.contains("s3cret") == false)
    }
}
