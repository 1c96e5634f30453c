import Millpond
import PondCore
import Testing

@Suite struct CSVRowsTests {
    private func read(_ text: String, delimiter: String? = nil) -> Pieces {
        Pieces(text) { CSVRows($0, delimiter: delimiter.map { Array($0.utf8)[0] }) }
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
            // Old programs for the Mac end their lines so.
            ("a,b\r1,2\r3,4\r", [#"{"a":"1","b":"2"}"#, #"{"a":"3","b":"4"}"#]),
            ("a,b\r\"1\",\"2\n3\"\r\r4,5", [#"{"a":"1","b":"2\n3"}"#, "", #"{"a":"4","b":"5"}"#]),
            // Excel and PowerShell put a line before the header.
            ("sep=;\r\na;b\r\n1;2\r\n", [#"{"a":"1","b":"2"}"#]),
            ("\u{feff}sep=|\na|b\n1,5|2\n", [#"{"a":"1,5","b":"2"}"#]),
            ("sep=;\ra;b\r1;2", [#"{"a":"1","b":"2"}"#]),
            ("#TYPE System.Data.DataRow\n\"a\",\"b\"\n1,2\n", [#"{"a":"1","b":"2"}"#]),
            ("separator,b\n1,2\n", [#"{"separator":"1","b":"2"}"#]),
            ("\"a;b\"\n1\n", [#"{"a;b":"1"}"#]),
            ("a,b;c\n1,2\n", [#"{"a":"1","b;c":"2"}"#]),
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
            ("a,b\n\"1\"\r,2\n", 2, "has a carriage return (CR) without a line feed in column 1"),
            ("a,b\n1,2\r3,4\n", 2, "has a carriage return (CR) without a line feed in column 2"),
            ("a,b\r1,2\n3,4\r", 2, "ends in a line feed (LF), where the rows before end in a carriage return"),
            ("a,b\r1,2\r\n", 2, "ends in a line feed (LF) behind a carriage return, where"),
            ("order;cents\n1001;500\n", 1, "would be 1 column: did you mean --delimiter ';'?"),
            ("order\tcents\n1001\t500\n", 1, "did you mean --delimiter tab?"),
            ("order|cents\n1001|500\n", 1, "did you mean --delimiter '|'?"),
            ("name;city, state;zip\nx;Berlin, DE;1\n", 1, "did you mean --delimiter ';'?"),
            ("sep=:\na:b\n", 1, "says that \":\" separates cells, and that is no delimiter here"),
            ("a\0,\0b\0\n\0", 1, "has a NUL in column 1: if it is UTF-16"),
        ]
    )
    func `what is wrong is said with its row, line and column`(text: String, number: Int, reason: String) {
        let failure = read(text).failure
        #expect(failure?.number == number)
        #expect(failure?.reason.contains(reason) == true, "\(failure?.reason ?? "nothing")")
    }

    @Test func `a delimiter that is given is held against what the table says of itself`() {
        #expect(read("a,b\n1,2\n", delimiter: ";").failure?.reason.contains("did you mean --delimiter ','?") == true)
        let said = read("sep=;\na;b\n1;2\n", delimiter: ",").failure
        #expect(said?.number == 1)
        #expect(
            said?.reason
                == "says that ';' separates cells, and --delimiter says ','; leave --delimiter out, or that line"
        )
        #expect(read("sep=;\na;b\n1;2\n3\n", delimiter: ";").texts == [#"{"a":"1","b":"2"}"#])
        // The line before the header is a line, and no row.
        let failure = read("sep=;\na;b\n1;2\n3\n", delimiter: ";").failure
        #expect(failure?.number == 3 && failure?.reason.hasPrefix("(line 4) has 1 cell") == true)
    }

    @Test(arguments: [[0xff, 0xfe, 0x61, 0x00, 0x0a, 0x00], [0xfe, 0xff, 0x00, 0x61, 0x00, 0x0a]] as [[UInt8]])
    func `UTF-16 is called by its name`(bytes: [UInt8]) {
        let failure = Pieces([bytes]) { CSVRows($0) }.failure
        #expect(failure?.number == 1)
        #expect(failure?.reason.contains("UTF-16") == true && failure?.reason.contains("iconv") == true)
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

    @Test(arguments: ["a,b\r\"1\",2\r\r3,4", "\u{feff}sep=;\r\na;b\r\n1;2\r\n", "#TYPE x\ra\r1\r"])
    func `nor does it with other line ends and lines before the header`(text: String) {
        let whole = read(text)
        #expect(!whole.texts.isEmpty && whole.failure == nil)
        for cut in Pieces.ofEveryCut(text, { CSVRows($0) }) { #expect(cut == whole) }
    }

    @Test func `it does not matter where the input is cut`() {
        let text = "\u{feff}a,\"b\"\r\n\"1 \"\"x\"\"\r\n\",2\r\n\r\n3,ä\n"
        let whole = read(text)
        #expect(whole.texts == [#"{"a":"1 \"x\"\r\n","b":"2"}"#, "", #"{"a":"3","b":"ä"}"#])
        for cut in Pieces.ofEveryCut(text, { CSVRows($0) }) { #expect(cut == whole) }
    }
}
