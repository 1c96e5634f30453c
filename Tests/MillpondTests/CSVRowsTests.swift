import Millpond
import PondCore
import Testing

@Suite struct CSVRowsTests {
    private func read(_ text: String, delimiter: String = ",") -> Pieces {
        Pieces(text) { CSVRows($0, delimiter: Array(delimiter.utf8)[0]) }
    }

    @Test(
        arguments: [
            ("a,b\n1,2\n", [#"{"a":"1","b":"2"}"#]),
            ("a,b\r\n1,2", [#"{"a":"1","b":"2"}"#]),
            ("\u{feff}a,b\n1,2\n", [#"{"a":"1","b":"2"}"#]),
            ("\u{feff}\"a\",b\n1,2\n", [#"{"a":"1","b":"2"}"#]),
            ("a\n\"x,y\"\n", [#"{"a":"x,y"}"#]),
            ("a\n\"x \"\"y\"\"\"\n", [#"{"a":"x \"y\""}"#]),
            ("a,b\n\"1\r\n2\",\r\n", [#"{"a":"1\r\n2","b":""}"#]),
            ("a\n\"\"\n", [#"{"a":""}"#]),
            ("a\n\n", [#"{"a":""}"#]),
            ("a,b\n\n1,2\n", ["", #"{"a":"1","b":"2"}"#]),
            ("a,b\n,\n", [#"{"a":"","b":""}"#]),
            ("a b,\"c\nd\"\n1,2\n", [#"{"a b":"1","c\nd":"2"}"#]),
            ("a\n007\n1e5\ntrue\n", [#"{"a":"007"}"#, #"{"a":"1e5"}"#, #"{"a":"true"}"#]),
            ("ä\nß\n", [#"{"ä":"ß"}"#]),
            ("a,b\n", []),
        ]
    )
    func `a table is read as objects of strings`(text: String, payloads: [String]) {
        let result = read(text)
        #expect(result.texts == payloads)
        #expect(result.failure == nil)
        #expect(result.numbers == Array(2..<2 + payloads.count))
    }

    @Test(arguments: [";", "\t"])
    func `another delimiter separates cells, and a comma is none then`(delimiter: String) {
        #expect(read("a\(delimiter)b\n1,5\(delimiter)2\n", delimiter: delimiter).texts == [#"{"a":"1,5","b":"2"}"#])
    }

    @Test(
        arguments: [
            ("", 1, "is missing"),
            ("a,,c\n", 1, "has no name in column 2"),
            ("a,b,a\n", 1, "names column 3 \"a\" as column 1"),
            ("\n1\n", 1, "has no name in column 1"),
            ("a,b\n1,2\n3\n", 3, "(line 3) has 1 cell where the header has 2 columns"),
            ("a,b\n\"1\n1\",2\n3,4,5\n", 3, "(line 4) has 3 cells where the header has 2 columns"),
            ("a,b\n1,\"2\n3,4\n", 2, "the quote that begins column 2 never ends"),
            ("a,b\n1,2\"3\n", 2, "has a quote inside of column 2"),
            ("a,b\n\"1\"x,2\n", 2, "has more behind the closing quote of column 1"),
            ("a,b\n\"1\"\r,2\n", 2, "has more behind the closing quote of column 1"),
        ]
    )
    func `what is wrong is said with its row, line and column`(text: String, number: Int, reason: String) {
        let failure = read(text).failure
        #expect(failure?.number == number)
        #expect(failure?.reason.contains(reason) == true, "\(failure?.reason ?? "nothing")")
    }

    @Test func `bytes that are no UTF-8 are named with their column`() {
        let result = Pieces([Array("a,b\n1,".utf8) + [0xff] + Array("\n".utf8)]) { CSVRows($0) }
        #expect(result.failure?.number == 2)
        #expect(result.failure?.reason.contains("no UTF-8 in column 2 (b)") == true)
    }

    @Test func `rows before a bad one are handed on first`() {
        let result = read("a,b\n1,2\n3,4\n5\n")
        #expect(result.texts.count == 2)
        #expect(result.failure?.number == 4)
    }

    @Test func `a row and its payload have a bound`() {
        let half = [UInt8](repeating: UInt8(ascii: "x"), count: 30_000)
        let chunks = [Array("a\n\"".utf8)] + [[UInt8]](repeating: half, count: 36)
        let result = Pieces(chunks) { CSVRows($0) }
        #expect(result.failure?.reason.contains("is longer than 1048576 bytes") == true)
        #expect(result.failure?.reason.contains("the quote that begins column 1 never ends") == true)
        let quotes = [UInt8](repeating: UInt8(ascii: "\\"), count: 60_000)
        let escaped = Pieces([Array("a\n".utf8)] + [[UInt8]](repeating: quotes, count: 10)) { CSVRows($0) }
        #expect(escaped.failure?.reason.contains("becomes a payload of") == true)
    }

    @Test func `more than a thousand columns are refused`() {
        let header = (0...1_000).map { "c\($0)" }.joined(separator: ",")
        #expect(read(header + "\n").failure?.reason.contains("has 1001 columns, allowed are 1000") == true)
    }

    @Test func `it does not matter where the input is cut`() {
        let text = "\u{feff}a,\"b\"\r\n\"1 \"\"x\"\"\r\n\",2\r\n\r\n3,ä\n"
        let whole = read(text)
        #expect(whole.texts == [#"{"a":"1 \"x\"\r\n","b":"2"}"#, "", #"{"a":"3","b":"ä"}"#])
        for cut in Pieces.ofEveryCut(text, { CSVRows($0) }) { #expect(cut == whole) }
    }
}
