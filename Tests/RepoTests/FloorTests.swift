import Testing

@Suite struct FloorTests {
    private func source(_ text: String) -> SwiftSource { SwiftSource(path: "Sources/X/Y.swift", text: text) }

    @Test func `every import is allowed by the floor of its target`() throws {
        for source in try Repository.sources() + Repository.examples() + Repository.benchmarks() {
            // An example may be a package of its own.
            if source.path.hasSuffix("/Package.swift") { continue }
            guard let floor = Floors.floor(of: source.path) else {
                Issue.record("\(source.path): its target has no row in Floors.swift; add one")
                continue
            }
            expectNone(Floors.violations(in: source, of: floor))
        }
    }

    @Test func `no test imports a library with @testable`() throws {
        for source in try Repository.tests() {
            let imports = source.imports.filter { $0.isTestable && !Floors.testable.contains($0.module) }
            let lines = imports.map(\.line)
            expectNone(lines.map { source.violation(line: $0, "@testable: make the symbol `package` instead") })
        }
    }

    @Test func `the floors have no way back down`() {
        for (index, floor) in Floors.all.enumerated() {
            if index > 0 { #expect(Floors.all[index - 1].level <= floor.level, "\(floor.target) stands out of order") }
            for target in floor.ours {
                let isBefore = Floors.all[..<index].contains { $0.target == target }
                #expect(isBefore, "\(floor.target) must not stand on \(target)")
            }
        }
    }

    @Test func `each of the dear dependencies has one place`() {
        func users(of module: String) -> [String] {
            Floors.all.filter { $0.theirs.contains(module) && $0.folder.hasPrefix("Sources/") }.map(\.target)
        }
        #expect(users(of: "GRDB") == ["PondSQLite"])
        #expect(users(of: "Subprocess") == ["PondBridge", "PondSupervisor", "Millpond", "PondTestKit"])
        #expect(users(of: "AsyncHTTPClient") == ["PondBridge", "pond"])
        #expect(users(of: "ArgumentParser") == ["Millpond", "pond"])
        #expect(users(of: "NIOSSL") == ["PondRedis"])
    }

    @Test(arguments: [
        ("import Foundation", "Foundation"),
        ("public import Foundation", "Foundation"),
        ("import struct Foundation.Data", "Foundation"),
        ("import NIOCore.Sub", "NIOCore"),
        ("@preconcurrency internal import GRDB", "GRDB"),
        ("#if canImport(X)\nimport PondQueue\n#endif", "PondQueue"),
    ])
    func `a forbidden import is found in every spelling`(text: String, module: String) {
        let found = Floors.violations(in: source(text), of: Floor("X"))
        #expect(found.map(\.text) == ["X may not import \(module)"])
    }

    @Test func `an import in a comment or a string is none`() {
        let text = #"""
            // import Foundation
            /* import Foundation */
            let a = "import Foundation"
            let b = `import`
            """#
        #expect(source(text).imports.isEmpty)
    }

    @Test func `a re-export is the umbrella's business only`() {
        let text = "@_exported public import PondCore"
        #expect(Floors.violations(in: source(text), of: Floor("X", ours: ["PondCore"])).count == 1)
        #expect(Floors.violations(in: source(text), of: Floor("Millpond", ours: ["PondCore"])).isEmpty)
    }

    @Test func `PondRedis stays free of every Foundation`() {
        let found = Floors.violations(in: source("import FoundationEssentials"), of: Floor("PondRedis"))
        #expect(found.count == 1)
    }
}
