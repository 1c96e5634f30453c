/// A target as Package.swift declares it.
struct DeclaredTarget: Equatable {
    var name: String
    var level: Int?
    var ours: Set<String> = []
    var theirs: Set<String> = []
}

extension DeclaredTarget {
    /// The libraries and programs of the manifest in its order, each with the floor of the comment above it.
    static func all(in manifest: SwiftSource) -> [DeclaredTarget] {
        let products = products(in: manifest)
        return manifest.tokens.indices.compactMap { index in
            let isTarget = ["target", "executableTarget", "systemLibrary"].contains { manifest.isWord($0, at: index) }
            guard isTarget, manifest.isSymbol(".", at: index - 1), manifest.isWord("name", at: index + 2),
                let name = manifest.token(index + 4)?.text
            else { return nil }
            let floors = manifest.comments.filter {
                $0.line < manifest.tokens[index].line && $0.text.contains("Floor ")
            }
            var target = DeclaredTarget(name: name, level: floors.last.flatMap { $0.text.last?.wholeNumberValue })
            let end = manifest.closing(of: index + 1)
            let list = (index...end).first { manifest.isWord("dependencies", at: $0) }
            guard let open = list.map({ $0 + 2 }) else { return target }
            for token in manifest.tokens[open...manifest.closing(of: open)] {
                if token.kind == .string { target.ours.insert(token.text) }
                if token.kind == .word { target.theirs.insert(products[token.text] ?? token.text) }
            }
            return target
        }
    }

    /// `let nioCore = Target.Dependency.product(name: "NIOCore", …)`: the product behind each name.
    private static func products(in manifest: SwiftSource) -> [String: String] {
        var products: [String: String] = [:]
        for index in manifest.tokens.indices where manifest.isWord("product", at: index) {
            guard manifest.isSymbol("=", at: index - 5), let name = manifest.token(index - 6)?.text,
                let product = manifest.token(index + 4)?.text
            else { continue }
            products[name] = product
        }
        return products
    }
}
