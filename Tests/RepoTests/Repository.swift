import FoundationEssentials
import Testing

/// The files of this repository, as a checkout has them.
enum Repository {
    struct Unreadable: Error, CustomStringConvertible {
        var path: String
        var description: String { "cannot read \(path) in the repository" }
    }

    /// The top folder, found from where this file was compiled.
    static let root: String = {
        let file = URL(filePath: #filePath).resolvingSymlinksInPath()
        return file.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    }()

    /// What a build, a run or git itself leaves in a checkout.
    private static func isLeftOver(_ name: String) -> Bool {
        name.hasPrefix(".build") || [".git", ".millpond", ".swiftpm", "demo-data", "Package.resolved"].contains(name)
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(root)/\(path)")
    }

    static func isExecutable(_ path: String) -> Bool {
        FileManager.default.isExecutableFile(atPath: "\(root)/\(path)")
    }

    static func bytes(_ path: String) throws -> Data {
        guard let data = FileManager.default.contents(atPath: "\(root)/\(path)") else { throw Unreadable(path: path) }
        return data
    }

    static func text(_ path: String) throws -> String {
        String(decoding: try bytes(path), as: UTF8.self)
    }

    /// All files below a folder, by path from the top, in order; none when there is no such folder.
    static func files(under folder: String = "", suffix: String = "") throws -> [String] {
        guard folder.isEmpty || exists(folder) else { return [] }
        var found: [String] = []
        let absolute = folder.isEmpty ? root : "\(root)/\(folder)"
        for name in try FileManager.default.contentsOfDirectory(atPath: absolute).sorted() where !isLeftOver(name) {
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            var isFolder = false
            guard FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isFolder) else { continue }
            if isFolder {
                found += try files(under: path, suffix: suffix)
            } else if path.hasSuffix(suffix) {
                found.append(path)
            }
        }
        return found
    }

    private static func sources(under folder: String) throws -> [SwiftSource] {
        try files(under: folder, suffix: ".swift").map { SwiftSource(path: $0, text: try text($0)) }
    }

    private static let parsedSources = Result { try sources(under: "Sources") }
    private static let parsedExamples = Result {
        try sources(under: "examples").filter { !$0.path.contains("/Tests/") }
    }
    private static let parsedBenchmarks = Result { try sources(under: "Benchmarks") }
    private static let parsedTests = Result {
        try sources(under: "Tests") + sources(under: "examples").filter { $0.path.contains("/Tests/") }
    }

    /// Every Swift file of Sources, scanned once for all tests.
    static func sources() throws -> [SwiftSource] { try parsedSources.get() }
    /// Every Swift file of the examples, scanned once for all tests.
    static func examples() throws -> [SwiftSource] { try parsedExamples.get() }
    /// Every Swift file of the benchmarks, scanned once for all tests.
    static func benchmarks() throws -> [SwiftSource] { try parsedBenchmarks.get() }
    /// Every Swift file of Tests, scanned once for all tests.
    static func tests() throws -> [SwiftSource] { try parsedTests.get() }
}

/// Records one issue a place, so that a run names all of them.
func expectNone(_ violations: [Violation], sourceLocation: SourceLocation = #_sourceLocation) {
    for violation in violations {
        Issue.record(Comment(rawValue: violation.description), sourceLocation: sourceLocation)
    }
}
