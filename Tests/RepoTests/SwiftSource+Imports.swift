/// One `import` line.
struct ImportLine: Equatable {
    /// The module, without a submodule or a symbol behind it.
    var module: String
    var line: Int
    var isTestable = false
    var isReexported = false
}

extension SwiftSource {
    /// Every import, whatever stands before it: `public import X`, `@testable import X`, `import struct X.Y`.
    var imports: [ImportLine] {
        tokens.indices.compactMap { index in
            guard isWord("import", at: index) else { return nil }
            let kinds = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias", "actor"]
            let hasKind = kinds.contains { isWord($0, at: index + 1) }
            guard let module = token(index + (hasKind ? 2 : 1)), module.kind == .word else { return nil }
            let line = tokens[index].line
            let before = tokens[..<index].reversed().prefix { $0.line == line }
            return ImportLine(
                module: module.text,
                line: line,
                isTestable: before.contains { $0.isWord("testable") },
                isReexported: before.contains { $0.isWord("_exported") }
            )
        }
    }
}
