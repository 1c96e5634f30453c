import Testing

@Suite struct PackageTests {
    /// The first argument of each call of a function, where it is a string.
    private func arguments(of function: String, in source: SwiftSource) -> [Token] {
        source.tokens.indices.compactMap { index in
            guard source.isWord(function, at: index), source.isSymbol("(", at: index + 1) else { return nil }
            return source.token(index + 2).flatMap { $0.kind == .string ? $0 : nil }
        }
    }

    private func manifest() throws -> SwiftSource {
        SwiftSource(path: "Package.swift", text: try Repository.text("Package.swift"))
    }

    // The compiler ignores a name that it does not know, so a misspelt feature would be off and nobody told.
    @Test func `every upcoming feature has a name that the compiler knows`() throws {
        let manifest = try manifest()
        let (exitCode, known) = try Shell.run("swiftc -print-supported-features")
        try #require(exitCode == 0, "swiftc -print-supported-features failed: \(known)")
        let features = arguments(of: "enableUpcomingFeature", in: manifest)
        #expect(!features.isEmpty)
        for feature in features where !known.contains("\"name\": \"\(feature.text)\"") {
            let text = "the compiler knows no upcoming feature '\(feature.text)'"
            expectNone([manifest.violation(line: feature.line, text)])
        }
    }

    @Test func `every target in the floors is a folder, and every folder is a target in the floors`() throws {
        let folders = try Repository.files(under: "Sources").map { String($0.split(separator: "/")[1]) }
        let targets = Floors.all.filter { $0.folder.hasPrefix("Sources/") }.map(\.target)
        #expect(Set(folders) == Set(targets))
    }

    @Test func `every one of our targets is compiled under the house's settings`() throws {
        let manifest = try manifest()
        let targets = manifest.tokens.indices.filter { index in
            ["target", "executableTarget", "testTarget"].contains { manifest.isWord($0, at: index) }
                && manifest.isSymbol(".", at: index - 1) && manifest.isSymbol("(", at: index + 1)
        }
        #expect(!targets.isEmpty)
        for index in targets {
            let call = manifest.tokens[index...manifest.closing(of: index + 1)]
            let hasSettings = zip(call, call.dropFirst(2)).contains { $0.isWord("swiftSettings") && $1.isWord("house") }
            if hasSettings { continue }
            let name = call.first { $0.kind == .string }?.text ?? ""
            expectNone([manifest.violation(line: manifest.tokens[index].line, "'\(name)' lacks swiftSettings: house")])
        }
    }
}
