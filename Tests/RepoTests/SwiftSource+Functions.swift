/// A function, initializer, accessor block or subscript with a body.
struct FunctionSpan: Equatable {
    var name: String
    var line: Int
    /// From the line of the keyword to the line of the closing brace, both counted.
    var length: Int
}

extension SwiftSource {
    /// Every declaration that has a body of statements, in the order of the file.
    var functions: [FunctionSpan] {
        tokens.indices.compactMap { index in
            guard let name = functionName(at: index), let open = bodyStart(after: index) else { return nil }
            let line = tokens[index].line
            return FunctionSpan(name: name, line: line, length: tokens[closing(of: open)].line - line + 1)
        }
    }

    private func functionName(at index: Int) -> String? {
        let token = tokens[index]
        guard token.kind == .word, !isSymbol(".", at: index - 1) else { return nil }
        switch token.text {
        case "func":
            return self.token(index + 1)?.text
        case "init":
            // A call is written `.init(` or `Type(`; what is left is a declaration.
            let isDeclaration = ["(", "?", "!", "<"].contains { isSymbol($0, at: index + 1) }
            return isDeclaration ? "init" : nil
        case "deinit" where isSymbol("{", at: index + 1), "subscript" where isSymbol("(", at: index + 1):
            return token.text
        case "var" where !bindsInCondition(index):
            return self.token(index + 1)?.text
        default:
            return nil
        }
    }

    /// `if var x {`: the brace belongs to the `if`.
    private func bindsInCondition(_ index: Int) -> Bool {
        ["if", "while", "guard", "case", "for"].contains { isWord($0, at: index - 1) } || isSymbol(",", at: index - 1)
    }

    /// The index of the opening brace; nil for a requirement of a protocol and for a stored property.
    private func bodyStart(after start: Int) -> Int? {
        let isVariable = isWord("var", at: start)
        var depth = 0
        var index = start + 1
        while let token = token(index) {
            switch token.text {
            case _ where token.kind == .string || token.kind == .quotedName: break
            case "(", "[": depth += 1
            case ")", "]": depth -= 1
            case "{" where depth == 0: return index
            case "}" where depth == 0: return nil
            case "=" where depth == 0 && isVariable: return nil
            case _ where depth == 0 && index > start + 1 && token.kind == .word && Self.startsDeclaration(token.text):
                return nil
            case _ where depth == 0 && isVariable && token.line != tokens[index - 1].line: return nil
            default: break
            }
            index += 1
        }
        return nil
    }

    private static func startsDeclaration(_ word: String) -> Bool {
        switch word {
        case "func", "var", "let", "init", "deinit", "subscript", "associatedtype", "typealias", "case", "static",
            "public", "package", "internal", "fileprivate", "private", "mutating", "nonmutating", "override",
            "struct", "class", "enum", "actor", "extension", "protocol", "import":
            true
        default: false
        }
    }
}
