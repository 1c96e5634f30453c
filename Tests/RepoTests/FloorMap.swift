/// The map in CONTRIBUTING.md: one row a target of Sources, written from `Floors`.
enum FloorMap {
    static let page = "CONTRIBUTING.md"
    static let begin = "<!-- The table is written from Tests/RepoTests/Floors.swift, and a test compares them. -->"

    static let rows: [String] =
        ["| Floor | Target | Holds | Stands on |", "| --- | --- | --- | --- |"]
        + Floors.all.filter { $0.folder.hasPrefix("Sources/") }.map(row)

    private static func row(_ floor: Floor) -> String {
        "| \(floor.level) | `\(floor.target)` | \(floor.holds) | \(standsOn(floor)) |"
    }

    /// Our targets in the order of the floors, then other packages by name.
    private static func standsOn(_ floor: Floor) -> String {
        let ours = Floors.all.map(\.target).filter(floor.ours.contains)
        let packages = Set(floor.theirs.map { package[$0] ?? $0 }).sorted()
        return ours.isEmpty && packages.isEmpty ? "–" : (ours + packages).joined(separator: ", ")
    }

    /// The packages of modules that have another name.
    private static let package = [
        "NIOCore": "swift-nio", "NIOPosix": "swift-nio", "NIOHTTP1": "swift-nio", "NIOSSL": "swift-nio-ssl",
        "Logging": "swift-log", "Metrics": "swift-metrics", "CoreMetrics": "swift-metrics",
        "Tracing": "swift-distributed-tracing", "DequeModule": "swift-collections",
        "ServiceLifecycle": "swift-service-lifecycle", "UnixSignals": "swift-service-lifecycle",
        "Subprocess": "swift-subprocess", "SystemPackage": "swift-system",
        "ArgumentParser": "swift-argument-parser", "AsyncHTTPClient": "async-http-client",
    ]

    /// The rows that a page has below the mark.
    static func rows(in text: String) -> [String] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let mark = lines.firstIndex(of: Substring(begin)) else { return [] }
        return lines[(mark + 1)...].drop(while: \.isEmpty).prefix { $0.hasPrefix("|") }.map(String.init)
    }
}
