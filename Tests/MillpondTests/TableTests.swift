import Millpond
import Testing

@Suite struct TableTests {
    private func table() -> Table {
        var table = Table([.text("QUEUE"), .number("READY"), .flexible("STATE")])
        table.add([.text("emails"), .count(1_234_567), .text("ok")])
        table.add([.text("日本"), .count(0), .text("paused: because of a long story")])
        return table
    }

    @Test func `numbers stand to the right, and off a terminal they are plain and nothing is cut`() {
        #expect(
            table().text(for: Capture().terminal()) == """
                QUEUE     READY  STATE
                emails  1234567  ok
                日本          0  paused: because of a long story
                """
        )
    }

    @Test func `on a terminal thousands are grouped and what is too long is cut`() {
        let terminal = Capture().terminal { traits in
            (traits.isOutputTTY, traits.allowsColor) = (true, false)
            traits.columns = 30
        }
        #expect(
            table().text(for: terminal) == """
                QUEUE       READY  STATE
                emails  1\u{202f}234\u{202f}567  ok
                日本            0  paused: be…
                """
        )
    }

    @Test func `a terminal that is far too narrow still shows every column`() {
        let text = table().text(for: Capture().screen(columns: 5))
        #expect(text.contains("emails") && text.contains("paused:…"))
    }

    @Test func `colours are only for a terminal that wants them`() {
        var table = Table([.text("A"), .text("B")])
        table.add([.text("x", .red), .text("y")])
        #expect(table.text(for: Capture().screen()).contains("\u{1b}[31mx\u{1b}[0m  y"))
        let plain = Capture().terminal {
            $0.isOutputTTY = true
            $0.allowsColor = false
        }
        #expect(!table.text(for: plain).contains("\u{1b}"))
        #expect(!table.text(for: Capture().terminal()).contains("\u{1b}"))
    }

    @Test func `text from outside cannot leave its cell`() {
        var table = Table([.text("A"), .text("B")])
        table.add([.text("x\ny\u{1b}[2J"), .text("z")])
        #expect(table.text(for: Capture().terminal()) == "A            B\nx\\ny\\x1b[2J  z")
    }

    @Test func `no line ends in spaces`() {
        var table = Table([.text("A"), .number("N"), .flexible("B")])
        table.add([.text("a long text"), .count(1), .text("")])
        table.add([.text(""), .text(""), .text("")])
        for line in table.text(for: Capture().terminal()).split(separator: "\n", omittingEmptySubsequences: false) {
            #expect(line.last != " ")
        }
    }

    @Test func `counts are grouped in threes`() {
        #expect(
            [0, 12, 123, 1_234, 123_456, -1_234_567].map(\.grouped).map { $0.replacing("\u{202f}", with: "_") } == [
                "0", "12", "123", "1_234", "123_456", "-1_234_567",
            ]
        )
        #expect(Int.min.grouped.hasPrefix("-9"))
        #expect(1.of("job") == "1 job" && 2.of("job") == "2 jobs" && 0.of("entry", plural: "entries") == "0 entries")
        #expect(1.of("job", ("waits", "wait")) == "1 job waits" && 2.of("job", ("waits", "wait")) == "2 jobs wait")
    }

    @Test func `a sheet aligns its values and leaves out what is missing`() {
        var sheet = Sheet()
        sheet.add("id", "1-0")
        sheet.add("owner", nil)
        sheet.add("error", "two\nlines")
        #expect(sheet.text(for: Capture().terminal(), indent: 2) == "  id     1-0\n  error  two\\nlines")
    }
}
