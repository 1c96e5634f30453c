import Millpond
import Testing

@Suite struct SafeTextTests {
    @Test func `plain text stays as it is`() {
        for text in ["", "hello", "déjà vu", "日本語", "👩‍👩‍👧 🇩🇪", "a/b\\c \"d\""] {
            #expect(SafeText.escaped(text) == text)
            #expect(SafeText.escaped(Array(text.utf8)) == text)
        }
    }

    @Test(arguments: [
        ("\u{1b}[31mred", "\\x1b[31mred"), ("\u{1b}]0;title\u{7}", "\\x1b]0;title\\x07"), ("a\r\nb", "a\\r\\nb"),
        ("\u{9b}31m", "\\x9b31m"), ("\u{7f}", "\\x7f"), ("\0", "\\x00"), ("a\tb", "a\\tb"), ("\u{8}", "\\x08"),
        ("abc\u{202e}fdp.exe", "abc\\u{202e}fdp.exe"), ("a\u{200b}b", "a\\u{200b}b"), ("\u{feff}a", "\\u{feff}a"),
        ("a\u{2028}b", "a\\u{2028}b"), ("\u{e0001}", "\\u{e0001}"), ("\u{2066}x", "\\u{2066}x"),
    ])
    func `what a terminal obeys or hides is shown as an escape`(text: String, safe: String) {
        #expect(SafeText.escaped(text) == safe)
        #expect(SafeText.escaped(Array(text.utf8)) == safe)
    }

    @Test func `no byte sequence lets a control through`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            let bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
            for text in [SafeText.escaped(bytes), SafeText.lines(bytes)] {
                let controls = text.unicodeScalars.filter { $0.properties.generalCategory == .control && $0 != "\n" }
                #expect(controls.isEmpty, "\(bytes)")
            }
        }
    }

    @Test func `bytes that are no UTF-8 are shown one by one, the rest as text`() {
        #expect(SafeText.escaped([0xff, 0x61, 0xc3, 0xa4, 0xc3]) == "\\xffaä\\xc3")
        #expect(SafeText.escaped([0xed, 0xa0, 0x80]) == "\\xed\\xa0\\x80")
        #expect(SafeText.escaped([0xf0, 0x9f, 0x98, 0x80, 0x80]) == "😀\\x80")
        #expect(SafeText.escaped([0xc0, 0xaf]) == "\\xc0\\xaf")
    }

    @Test func `lines keep their ends and nothing else`() {
        #expect(SafeText.lines("a\n\tb\r\u{1b}[2J") == "a\n    b\\r\\x1b[2J")
        #expect(SafeText.lines(Array("a\nb".utf8) + [0xff]) == "a\nb\\xff")
    }
}

@Suite struct DisplayWidthTests {
    @Test(arguments: [
        ("", 0), ("abc", 3), ("déjà", 4), ("de\u{301}ja\u{300}", 4), ("日本語", 6), ("한국", 4), ("ｆｕｌｌ", 8),
        ("👍", 2), ("👍🏽", 2), ("👩‍👩‍👧", 2), ("🇩🇪", 2), ("✓", 1), ("1\u{202f}204", 5), ("…", 1), ("❤️", 2),
    ])
    func `a text takes the columns that a terminal gives it`(text: String, columns: Int) {
        #expect(DisplayWidth.columns(of: text) == columns)
    }

    @Test func `a text is cut at a column, never within a character`() {
        #expect(DisplayWidth.cut("abcdef", to: 6) == "abcdef")
        #expect(DisplayWidth.cut("abcdef", to: 5) == "abcd…")
        #expect(DisplayWidth.cut("日本語", to: 5) == "日本…")
        #expect(DisplayWidth.cut("日本語", to: 4) == "日…")
        #expect(DisplayWidth.cut("abc", to: 0) == "")
    }
}
