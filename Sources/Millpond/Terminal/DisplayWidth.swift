/// How many columns of a terminal a text takes.
package enum DisplayWidth {
    /// The columns of a text without control characters: wide East Asian letters and emoji take two, marks none.
    package static func columns(of text: some StringProtocol) -> Int {
        // Most text is ASCII, where bytes are columns.
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        return text.reduce(0) { $0 + columns(of: $1) }
    }

    /// The text in at most `limit` columns; what is cut off leaves an ellipsis.
    package static func cut(_ text: String, to limit: Int) -> String {
        guard columns(of: text) > limit else { return text }
        guard limit > 0 else { return "" }
        var result = ""
        var width = 0
        for character in text {
            width += columns(of: character)
            if width > limit - 1 { break }
            result.append(character)
        }
        return result + "…"
    }

    private static func columns(of character: Character) -> Int {
        let scalars = character.unicodeScalars
        // The variation selector asks for the emoji form, and two regional letters make one flag.
        if scalars.contains("\u{fe0f}") || scalars.count(where: { $0.properties.isEmojiModifier }) > 0 { return 2 }
        return scalars.lazy.map { columns(of: $0) }.max() ?? 0
    }

    private static func columns(of scalar: Unicode.Scalar) -> Int {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: return isWide(scalar) ? 2 : 1
        }
    }

    private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.properties.isEmojiPresentation { return true }
        return wide.contains { $0.contains(scalar.value) }
    }

    /// The blocks of Unicode's `East_Asian_Width` W and F, without the single symbols among them.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115f, 0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0x9fff, 0xa000...0xa4cf,
        0xa960...0xa97f, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff01...0xff60, 0xffe0...0xffe6,
        0x1b000...0x1b2ff, 0x1f200...0x1f2ff, 0x20000...0x2fffd, 0x30000...0x3fffd,
    ]
}
