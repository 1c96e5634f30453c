/// A declaration that other targets can see.
struct VisibleDeclaration: Equatable {
    /// The word that declares it, such as `func` or `struct`.
    var keyword: String
    var name: String
    var line: Int
    var hasDocumentation: Bool
    /// The index of the token that holds the keyword.
    var index: Int
}

extension SwiftSource {
    /// Every `public` and `package` declaration, but extensions, imports and access levels of setters.
    var visibleDeclarations: [VisibleDeclaration] {
        tokens.indices.compactMap { index in
            let isVisible = ["public", "package", "open"].contains { isWord($0, at: index) }
            guard isVisible, !isSymbol("(", at: index + 1), let keyword = keywordIndex(after: index) else { return nil }
            let text = tokens[keyword].text
            return VisibleDeclaration(
                keyword: text,
                name: text == "init" || text == "subscript" ? text : token(keyword + 1)?.text ?? "",
                line: tokens[index].line,
                hasDocumentation: hasDocumentation(line: tokens[index].line),
                index: keyword
            )
        }
    }

    /// Skips the modifiers between the access level and the keyword.
    private func keywordIndex(after start: Int) -> Int? {
        var index = start + 1
        while let token = token(index), token.kind == .word {
            switch token.text {
            case "func", "var", "let", "init", "subscript", "struct", "enum", "actor", "protocol", "typealias",
                "associatedtype", "macro":
                return index
            case "class":
                // `class func` is a modifier, `class Pool` a declaration.
                let isModifier = isWord("func", at: index + 1) || isWord("var", at: index + 1)
                if !isModifier { return index }
            case "static", "final", "mutating", "nonmutating", "nonisolated", "override", "convenience", "required",
                "lazy", "weak", "unowned", "indirect", "dynamic", "isolated", "consuming", "borrowing", "optional",
                "private", "fileprivate", "internal", "package", "public", "async", "distributed", "prefix", "postfix":
                // The `(set)` of `private(set)`, the `(unsafe)` of `nonisolated(unsafe)`.
                if isSymbol("(", at: index + 1) { index = closing(of: index + 1) }
            default:
                return nil
            }
            index += 1
        }
        return nil
    }

    /// Looks above attributes, conditions and plain comments for a line that starts with `///`.
    private func hasDocumentation(line: Int) -> Bool {
        var above = line - 1
        while above > 0 {
            let text = trimmedLine(above)
            if text.hasPrefix("///") { return true }
            if text.hasPrefix("@") || text.hasPrefix("//") || text.hasPrefix("#if") {
                above -= 1
            } else if text.hasPrefix(")"), let attribute = attributeLine(above: above) {
                above = attribute - 1
            } else {
                return false
            }
        }
        return false
    }

    /// The first line of an attribute that closes its parenthesis on the given line.
    private func attributeLine(above line: Int) -> Int? {
        let lowest = max(1, line - 20)
        return (lowest..<line).reversed().first { trimmedLine($0).hasPrefix("@") }
    }

    /// The members that the protocols of this file ask for: what they mean is said there, not at each default.
    var requirements: Set<String> {
        var names: Set<String> = []
        for index in tokens.indices where isWord("protocol", at: index) {
            guard let open = tokens[index...].firstIndex(where: { $0.isSymbol("{") }) else { continue }
            for member in open...closing(of: open) where isWord("func", at: member) || isWord("var", at: member) {
                if let name = token(member + 1) { names.insert(name.text) }
            }
        }
        return names
    }

    /// Whether a property is an option, flag or argument of a command, whose help text says what it is for.
    func isCommandLineArgument(_ declaration: VisibleDeclaration) -> Bool {
        guard declaration.keyword == "var" else { return false }
        // Back over the modifiers and the attribute's parentheses to the attribute's name.
        var index = declaration.index - 1
        var depth = 0
        while let token = token(index) {
            if token.isSymbol(")") { depth += 1 }
            if token.isSymbol("(") { depth -= 1 }
            if depth == 0, isSymbol("@", at: index - 1) {
                return ["Option", "Flag", "Argument", "OptionGroup"].contains(token.text)
            }
            if depth == 0, ["{", "}", ";", "="].contains(token.text) { return false }
            index -= 1
        }
        return false
    }

    /// Whether an initializer does nothing but hand each argument to the property of its name.
    func isMemberwise(_ declaration: VisibleDeclaration) -> Bool {
        guard declaration.keyword == "init",
            let parameters = tokens[declaration.index...].firstIndex(where: { $0.isSymbol("(") })
        else { return false }
        var index = closing(of: parameters) + 1
        guard isSymbol("{", at: index) else { return false }
        index += 1
        while isWord("self", at: index), isSymbol(".", at: index + 1), isSymbol("=", at: index + 3),
            let name = token(index + 2), let value = token(index + 4), name.text == value.text
        {
            index += 5
        }
        return isSymbol("}", at: index)
    }
}
