/// A Swift file, cut into lines, tokens and comments once, for all rules to look at.
struct SwiftSource {
    /// The path from the top of the repository.
    var path: String
    var lines: [Substring]
    var tokens: [Token]
    var comments: [SourceComment]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        // The newline at the end of the last line starts no further line.
        if lines.last == "" { lines.removeLast() }
        let scanner = SwiftScanner(text)
        tokens = scanner.tokens
        comments = scanner.comments
    }

    func violation(line: Int, _ text: String) -> Violation {
        Violation(path: path, line: line, text: text)
    }

    /// The line with this number, counted from 1, without its indentation; empty outside of the file.
    func trimmedLine(_ number: Int) -> Substring {
        guard lines.indices.contains(number - 1) else { return "" }
        return lines[number - 1].drop { $0 == " " || $0 == "\t" }
    }

    /// Whether the line above is a comment that gives a reason for this one.
    func hasReason(above line: Int) -> Bool {
        let above = trimmedLine(line - 1)
        return above.hasPrefix("//") && above.contains { $0.isLetter }
    }

    /// The token at an index, or nil outside of the file.
    func token(_ index: Int) -> Token? {
        tokens.indices.contains(index) ? tokens[index] : nil
    }

    func isSymbol(_ symbol: String, at index: Int) -> Bool {
        token(index)?.isSymbol(symbol) ?? false
    }

    func isWord(_ word: String, at index: Int) -> Bool {
        token(index)?.isWord(word) ?? false
    }

    /// The index of the token that closes the bracket at `open`; the last token's when nothing closes it.
    func closing(of open: Int) -> Int {
        var depth = 0
        for index in open..<tokens.count where tokens[index].kind == .symbol {
            switch tokens[index].text {
            case "(", "[", "{": depth += 1
            case ")", "]", "}":
                depth -= 1
                if depth == 0 { return index }
            default: break
            }
        }
        return tokens.count - 1
    }
}

/// A place that breaks a rule of this repository.
struct Violation: CustomStringConvertible, Equatable {
    var path: String
    var line: Int
    var text: String

    var description: String { "\(path):\(line): \(text)" }
}
