import Glibc
import Millpond
import Testing

@Suite struct InputLinesTests {
    /// What is read when a pipe holds the text and ends.
    private func read(_ text: String, bytesMax: Int = 10) -> (lines: [String], failure: InputFailure?) {
        var ends: [Int32] = [0, 0]
        precondition(pipe(&ends) == 0)
        defer { close(ends[0]) }
        let bytes = Array(text.utf8)
        precondition(write(ends[1], bytes, bytes.count) == bytes.count)
        close(ends[1])
        var input = InputLines(ends[0], bytesMax: bytesMax)
        var lines: [String] = []
        while let (more, failure) = input.read() {
            lines += more.map { "\($0.number):\(String(decoding: $0.bytes, as: UTF8.self))" }
            if let failure { return (lines, failure) }
        }
        return (lines, nil)
    }

    @Test(
        arguments: [
            ("", []), ("a", ["1:a"]), ("\u{feff}a\n", ["1:a"]), ("\u{feff}", []), ("a\u{feff}", ["1:a\u{feff}"]),
            ("a\n", ["1:a"]), ("a\nb", ["1:a", "2:b"]), ("\n\na\n", ["1:", "2:", "3:a"]),
            ("a\r\nb\r\n", ["1:a", "2:b"]), ("a\rb\n", ["1:a\rb"]), ("1234567890\n", ["1:1234567890"]),
            ("1234567890\r\n", ["1:1234567890"]), ("1234567890", ["1:1234567890"]),
        ]
    )
    func `a text is read as its lines`(text: String, lines: [String]) {
        let result = read(text)
        #expect(result.lines == lines)
        #expect(result.failure == nil)
    }

    @Test(arguments: ["12345678901\n", "12345678901", "12345678901\r\n", "1234567890123\nb\n"])
    func `a line that is too long ends the reading after those before it`(line: String) {
        let result = read("a\nb\n" + line)
        #expect(result.lines == ["1:a", "2:b"])
        #expect(result.failure?.number == 3)
        #expect(result.failure?.reason == "is longer than 10 bytes")
    }

    @Test func `a line that has not ended yet does not hold up those before it`() {
        var ends: [Int32] = [0, 0]
        precondition(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        precondition(write(ends[1], "a\nb\nc", 5) == 5)
        var input = InputLines(ends[0], bytesMax: 10)
        #expect(input.read()?.pieces.map(\.number) == [1, 2])
        precondition(write(ends[1], "d\n", 2) == 2)
        let last = input.read()?.pieces.first
        #expect(last?.number == 3)
        #expect(last?.bytes == Array("cd".utf8))
    }

    @Test func `what cannot be read is said with its line`() {
        var input = InputLines(-1, bytesMax: 10)
        #expect(input.read()?.failure?.number == 1)
        #expect(input.read() == nil)
    }
}
