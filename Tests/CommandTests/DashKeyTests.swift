import Testing

@testable import pond

@Suite struct DashKeyTests {
    private func keys(_ pieces: String...) -> [DashKey] {
        var parser = KeyParser()
        return pieces.flatMap { parser.take(Array($0.utf8)) } + parser.pause()
    }

    @Test func `letters, arrows and named keys are known`() {
        #expect(
            keys("jé\r\u{7f}\t\u{3}\u{c}") == [
                .character("j"), .character("é"), .enter, .backspace, .tab, .interrupt, .redraw,
            ]
        )
        #expect(
            keys("\u{1b}[A\u{1b}OB\u{1b}[5~\u{1b}[6~\u{1b}[H\u{1b}[4~") == [
                .up, .down, .pageUp, .pageDown, .home, .end,
            ]
        )
    }

    @Test func `keys survive any cut of their bytes`() {
        let bytes = Array("a\u{1b}[Bé\u{1b}[6~😀\u{1b}[200~paste\u{1b}[201~z".utf8)
        var whole = KeyParser()
        let expected = whole.take(bytes)
        #expect(
            expected == [
                .character("a"), .down, .character("é"), .pageDown, .character("😀"), .paste("paste"), .character("z"),
            ]
        )
        for cut in 0...bytes.count {
            var parser = KeyParser()
            #expect(parser.take(Array(bytes[..<cut])) + parser.take(Array(bytes[cut...])) == expected)
        }
        var single = KeyParser()
        #expect(bytes.flatMap { single.take([$0]) } == expected)
    }

    @Test func `a lone Esc is a key once nothing follows it`() {
        var parser = KeyParser()
        #expect(parser.take([0x1b]).isEmpty)
        #expect(parser.pause() == [.escape])
        #expect(keys("\u{1b}q") == [.escape, .character("q")])
    }

    @Test func `what is pasted is one key, and of a long text the beginning`() {
        #expect(keys("\u{1b}[200~qqy\r\u{1b}[2", "01~x") == [.paste("qqy\r"), .character("x")])
        #expect(keys("\u{1b}[200~a\u{1b}[201~\u{1b}[200~b\u{1b}[201~") == [.paste("a"), .paste("b")])
        #expect(keys("\u{1b}[200~never ends").isEmpty)
        let long = String(repeating: "x", count: 100_000)
        #expect(
            keys("\u{1b}[200~" + long, long + "\u{1b}[201~q") == [.paste(String(long.prefix(8_192))), .character("q")]
        )
    }

    @Test func `an unknown or endless sequence, and bytes that are no text, are dropped`() {
        #expect(keys("\u{1b}[1;5Zx\u{1b}[15~") == [.character("x")])
        var parser = KeyParser()
        #expect(parser.take([0x1b, 0x5b] + [UInt8](repeating: 0x31, count: 100) + Array("x".utf8)).count <= 100)
        #expect(parser.take([0xff, 0x80, 0xc3]).isEmpty)
        #expect(parser.take(Array("x".utf8)).contains(.character("x")))
    }
}
