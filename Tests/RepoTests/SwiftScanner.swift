// Cuts Swift source into words, string literals and symbols, well enough to ask where a function ends, what a
// file imports and which calls it makes. It knows comments (nested), strings (raw, multi-line, interpolated),
// regex literals and quoted names, because each of them may hold a brace that closes nothing. It is not a
// parser: it knows no grammar beyond that, and it never fails.

/// A piece of source that is not a comment.
struct Token: Equatable {
    enum Kind {
        /// A keyword, a name or a number.
        case word
        /// A name between backticks, without them; never a keyword.
        case quotedName
        /// A string literal's raw text, without its delimiters and interpolations.
        case string
        /// One character of punctuation.
        case symbol
    }

    var kind: Kind
    var text: String
    var line: Int

    func isWord(_ word: String) -> Bool { kind == .word && text == word }
    func isSymbol(_ symbol: String) -> Bool { kind == .symbol && text == symbol }
}

/// One comment, or one line of a block comment.
struct SourceComment: Equatable {
    var text: String
    var line: Int
}

struct SwiftScanner {
    private(set) var tokens: [Token] = []
    private(set) var comments: [SourceComment] = []

    private let bytes: [UInt8]
    private var index = 0
    private var line = 1

    init(_ source: String) {
        bytes = Array(source.utf8)
        scanCode(inInterpolation: false)
    }

    private func byte(at offset: Int) -> UInt8 {
        offset < bytes.count ? bytes[offset] : 0
    }

    private func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    private mutating func scanCode(inInterpolation: Bool) {
        var depth = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\n"):
                line += 1
                index += 1
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
                index += 1
            case UInt8(ascii: "/"):
                scanSlash()
            case UInt8(ascii: "\""):
                scanString(hashes: 0)
            case UInt8(ascii: "#"):
                scanHash()
            case UInt8(ascii: "`"):
                scanQuotedName()
            case let byte where Self.isWordByte(byte):
                scanWord()
            case UInt8(ascii: "(") where inInterpolation:
                depth += 1
                scanSymbol()
            case UInt8(ascii: ")") where inInterpolation && depth == 0:
                index += 1
                return
            case UInt8(ascii: ")") where inInterpolation:
                depth -= 1
                scanSymbol()
            default:
                scanSymbol()
            }
        }
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...: true
        default: false
        }
    }

    private mutating func scanWord() {
        let start = index
        while index < bytes.count, Self.isWordByte(bytes[index]) { index += 1 }
        tokens.append(Token(kind: .word, text: text(start..<index), line: line))
    }

    private mutating func scanSymbol() {
        tokens.append(Token(kind: .symbol, text: text(index..<index + 1), line: line))
        index += 1
    }

    private mutating func scanQuotedName() {
        let start = index + 1
        index = start
        while index < bytes.count, bytes[index] != UInt8(ascii: "`"), bytes[index] != UInt8(ascii: "\n") { index += 1 }
        tokens.append(Token(kind: .quotedName, text: text(start..<index), line: line))
        index += 1
    }
}

// MARK: Comments and regex literals

extension SwiftScanner {
    private mutating func scanSlash() {
        switch byte(at: index + 1) {
        case UInt8(ascii: "/"): scanLineComment()
        case UInt8(ascii: "*"): scanBlockComment()
        default:
            guard regexMayStartHere, let end = regexEnd(from: index + 1, hashes: 0) else { return scanSymbol() }
            tokens.append(Token(kind: .string, text: text(index + 1..<end), line: line))
            index = end + 1
        }
    }

    private mutating func scanLineComment() {
        let start = index
        while index < bytes.count, bytes[index] != UInt8(ascii: "\n") { index += 1 }
        comments.append(SourceComment(text: text(start..<index), line: line))
    }

    private mutating func scanBlockComment() {
        var depth = 0
        var start = index
        repeat {
            if byte(at: index) == UInt8(ascii: "/"), byte(at: index + 1) == UInt8(ascii: "*") {
                depth += 1
                index += 2
            } else if byte(at: index) == UInt8(ascii: "*"), byte(at: index + 1) == UInt8(ascii: "/") {
                depth -= 1
                index += 2
            } else if byte(at: index) == UInt8(ascii: "\n") {
                comments.append(SourceComment(text: text(start..<index), line: line))
                line += 1
                index += 1
                start = index
            } else {
                index += 1
            }
        } while depth > 0 && index < bytes.count
        comments.append(SourceComment(text: text(start..<min(index, bytes.count)), line: line))
    }

    /// A slash divides when something stands before it that can be divided.
    private var regexMayStartHere: Bool {
        guard byte(at: index + 1) != UInt8(ascii: " "), byte(at: index + 1) != UInt8(ascii: ")") else { return false }
        guard let last = tokens.last else { return true }
        switch last.kind {
        case .symbol: return "(,=:[{!&|?;".contains(last.text)
        case .word: return ["return", "in", "case", "where", "try", "await"].contains(last.text)
        case .quotedName, .string: return false
        }
    }

    private func regexEnd(from start: Int, hashes: Int) -> Int? {
        var position = start
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\\"): position += 2
            case UInt8(ascii: "\n") where hashes == 0: return nil
            case UInt8(ascii: "/") where hasHashes(hashes, at: position + 1): return position
            default: position += 1
            }
        }
        return nil
    }

    private func hasHashes(_ count: Int, at position: Int) -> Bool {
        (0..<count).allSatisfy { byte(at: position + $0) == UInt8(ascii: "#") }
    }
}

// MARK: Strings

extension SwiftScanner {
    /// `#"…"#`, `#/…/#`, or the first character of `#if`, `#expect`, `#filePath`.
    private mutating func scanHash() {
        var hashes = 0
        while byte(at: index + hashes) == UInt8(ascii: "#") { hashes += 1 }
        let next = byte(at: index + hashes)
        if next == UInt8(ascii: "\"") {
            index += hashes
            scanString(hashes: hashes)
        } else if next == UInt8(ascii: "/"), let end = regexEnd(from: index + hashes + 1, hashes: hashes) {
            let body = index + hashes + 1..<end
            tokens.append(Token(kind: .string, text: text(body), line: line))
            line += bytes[body].count { $0 == UInt8(ascii: "\n") }
            index = end + 1 + hashes
        } else {
            scanSymbol()
        }
    }

    private mutating func scanString(hashes: Int) {
        let isMultiLine = byte(at: index + 1) == UInt8(ascii: "\"") && byte(at: index + 2) == UInt8(ascii: "\"")
        let quotes = isMultiLine ? 3 : 1
        index += quotes
        let slot = tokens.count
        tokens.append(Token(kind: .string, text: "", line: line))
        var content: [UInt8] = []
        while index < bytes.count {
            let current = bytes[index]
            if current == UInt8(ascii: "\""), closesString(quotes: quotes, hashes: hashes) {
                index += quotes + hashes
                break
            } else if current == UInt8(ascii: "\\"), hasHashes(hashes, at: index + 1) {
                scanEscape(hashes: hashes, into: &content)
            } else {
                if current == UInt8(ascii: "\n") {
                    // A one-line string that never ends: the compiler will say so; stop here.
                    if !isMultiLine { break }
                    line += 1
                }
                content.append(current)
                index += 1
            }
        }
        tokens[slot].text = String(decoding: content, as: UTF8.self)
    }

    private func closesString(quotes: Int, hashes: Int) -> Bool {
        (0..<quotes).allSatisfy { byte(at: index + $0) == UInt8(ascii: "\"") } && hasHashes(hashes, at: index + quotes)
    }

    private mutating func scanEscape(hashes: Int, into content: inout [UInt8]) {
        let escaped = byte(at: index + 1 + hashes)
        index += 2 + hashes
        if escaped == UInt8(ascii: "(") {
            scanCode(inInterpolation: true)
        } else if escaped == UInt8(ascii: "\n") {
            line += 1
        } else {
            content.append(UInt8(ascii: "\\"))
            content.append(escaped)
        }
    }
}
