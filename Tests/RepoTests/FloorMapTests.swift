import Testing

@Suite struct FloorMapTests {
    private func manifest(_ text: String) -> [DeclaredTarget] {
        DeclaredTarget.all(in: SwiftSource(path: "Package.swift", text: text))
    }

    @Test func `the map in CONTRIBUTING is the one that the floors are held by`() throws {
        let found = FloorMap.rows(in: try Repository.text(FloorMap.page))
        #expect(
            found == FloorMap.rows,
            """
            the table of \(FloorMap.page) differs from Floors.swift; it should be:
            \(FloorMap.rows.joined(separator: "\n"))
            """
        )
    }

    @Test func `the manifest has the same targets in the same order with the same imports`() throws {
        let declared = manifest(try Repository.text("Package.swift"))
        let floors = Floors.all.filter { $0.level < 5 || $0.folder.hasPrefix("Sources/") }
        let expected = floors.map { floor in
            DeclaredTarget(name: floor.target, level: floor.level, ours: floor.ours, theirs: floor.theirs)
        }
        let libraries = declared.filter { target in floors.contains { $0.target == target.name } }
        #expect(libraries.map(\.name) == expected.map(\.name))
        for (target, floor) in zip(libraries, expected) {
            #expect(target.level == floor.level, "\(target.name): the floor above it in Package.swift")
            let text = "\(target.name): Package.swift and Floors.swift name other"
            #expect(target.ours == floor.ours, "\(text) targets: \(difference(target.ours, floor.ours))")
            #expect(target.theirs == floor.theirs, "\(text) products: \(difference(target.theirs, floor.theirs))")
        }
    }

    private func difference(_ one: Set<String>, _ other: Set<String>) -> String {
        one.symmetricDifference(other).sorted().joined(separator: ", ")
    }

    @Test func `a table is found below its mark only`() {
        let page = "| a |\n\(FloorMap.begin)\n\n| b |\n| c |\n\n| d |\n"
        #expect(FloorMap.rows(in: page) == ["| b |", "| c |"])
        #expect(FloorMap.rows(in: "| a |\n").isEmpty)
    }

    @Test func `a manifest is read with floors, targets and products`() {
        let text = """
            let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
            // Floor 0
            .systemLibrary(name: "C"),
            // Floor 1
            .target(name: "A", dependencies: ["C", nio], swiftSettings: house),
            .testTarget(name: "T", dependencies: ["A"]),
            """
        #expect(
            manifest(text) == [
                DeclaredTarget(name: "C", level: 0),
                DeclaredTarget(name: "A", level: 1, ours: ["C"], theirs: ["NIOCore"]),
            ]
        )
    }
}
