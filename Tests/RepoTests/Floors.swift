/// A target and what it may import: the table that CONTRIBUTING.md explains, as rules.
struct Floor {
    var target: String
    /// The folder of its sources, from the top of the repository.
    var folder: String
    /// Modules of this package that it may import.
    var ours: Set<String>
    /// Modules of other packages that it may import.
    var theirs: Set<String>

    init(_ target: String, folder: String? = nil, ours: Set<String> = [], theirs: Set<String> = []) {
        self.target = target
        self.folder = folder ?? "Sources/\(target)"
        self.ours = ours
        self.theirs = theirs
    }
}

enum Floors {
    /// Modules of the toolchain that any target may import; plain `Foundation` is not one of them.
    static let system: Set<String> = [
        "Swift", "Synchronization", "FoundationEssentials", "Glibc", "Musl", "Darwin", "Dispatch", "RegexBuilder",
    ]

    private static let lifecycle: Set<String> = ["Logging", "ServiceLifecycle", "UnixSignals"]
    private static let subprocess: Set<String> = ["Subprocess", "SystemPackage"]
    private static let nio: Set<String> = ["NIOCore", "NIOPosix", "NIOConcurrencyHelpers"]
    private static let lower: Set<String> = ["PondCore", "PondScaling", "PondRedis", "PondQueue"]
    private static let umbrella = lower.union(["PondWorker", "PondSupervisor"])

    static let all = [
        Floor("CHiredis"),
        Floor("PondCore"),
        Floor("PondScaling", ours: ["PondCore"]),
        Floor("PondSimulation", ours: ["PondCore", "PondScaling"]),
        Floor("PondTelemetry", ours: ["PondCore"], theirs: ["Logging", "Metrics", "CoreMetrics", "Tracing"]),
        Floor("PondRedis", ours: ["CHiredis", "PondCore"], theirs: nio.union(["NIOSSL", "Logging"])),
        Floor("PondSQLite", ours: ["PondCore"], theirs: ["Crypto", "GRDB", "Logging", "ServiceLifecycle"]),
        Floor("PondQueue", ours: ["PondCore", "PondScaling", "PondTelemetry", "PondRedis"], theirs: lifecycle),
        Floor(
            "PondWorker",
            ours: lower.union(["PondTelemetry"]),
            theirs: lifecycle.union(["DequeModule", "Metrics", "Tracing"])
        ),
        // Reads what queues and history say, and judges it: the one place for the command line and a console.
        Floor("PondInsight", ours: lower.union(["PondTelemetry", "PondSQLite"]), theirs: lifecycle),
        Floor(
            "PondBridge",
            ours: lower.union(["PondWorker"]),
            theirs: subprocess.union(["AsyncHTTPClient", "NIOCore", "NIOHTTP1", "Logging"])
        ),
        Floor("PondSupervisor", ours: lower, theirs: lifecycle.union(subprocess)),
        // swift-subprocess for the private redis-server of `pond up` and of the demos, NIO for the metrics' server.
        Floor(
            "Millpond",
            ours: umbrella.union(["PondTelemetry"]),
            theirs: lifecycle.union(subprocess).union(nio).union(["ArgumentParser", "Metrics", "NIOHTTP1"])
        ),
        Floor("PondTestKit", ours: lower, theirs: subprocess.union(nio).union(["Logging", "Testing"])),
        Floor("PondBenchKit", ours: lower.union(["PondWorker"])),
        Floor(
            "pond",
            ours: umbrella.union([
                "Millpond", "PondBenchKit", "PondBridge", "PondInsight", "PondTelemetry", "PondSQLite",
                "PondSimulation",
            ]),
            // AsyncHTTPClient, with what its requests are made of, to post spans to a collector.
            theirs: lifecycle.union([
                "ArgumentParser", "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "SystemPackage", "Tracing", "Yams",
            ])
        ),
        Floor(
            "ingest",
            folder: "examples/ingest/Sources",
            ours: umbrella.union(["Millpond", "PondSQLite"]),
            theirs: lifecycle.union(subprocess).union(["ArgumentParser", "Crypto", "GRDB"])
        ),
        Floor("mailer", folder: "examples/mailer/Sources", ours: ["Millpond"], theirs: ["Logging"]),
        Floor("floor", folder: "Benchmarks/Floor"),
        Floor(
            "PondBench",
            folder: "Benchmarks/PondBench",
            ours: ["Millpond", "PondBenchKit", "PondQueue", "PondRedis", "PondCore"],
            theirs: subprocess.union(["ArgumentParser", "Logging"])
        ),
    ]

    /// Programs have no API, so a test may look inside of them with `@testable`.
    static let programs: Set<String> = ["pond", "ingest", "mailer", "PondBench"]

    /// The one module whose API must not leak upwards: the umbrella re-exports, nobody else does.
    static let reexporting = "Millpond"

    /// The imports of a file that its floor does not allow.
    static func violations(in source: SwiftSource, of floor: Floor) -> [Violation] {
        var allowed = floor.ours.union(floor.theirs).union(system)
        // The codec works on bytes; anything of Foundation there would be a copy too many.
        if floor.target == "PondRedis" { allowed.remove("FoundationEssentials") }
        return source.imports.flatMap { line -> [Violation] in
            var found: [Violation] = []
            if !allowed.contains(line.module) {
                found.append(source.violation(line: line.line, "\(floor.target) may not import \(line.module)"))
            }
            if line.isTestable {
                found.append(source.violation(line: line.line, "@testable: make the symbol `package` instead"))
            }
            if line.isReexported, floor.target != reexporting {
                found.append(source.violation(line: line.line, "only \(reexporting) re-exports, not \(floor.target)"))
            }
            return found
        }
    }

    /// The floor a file belongs to, or nil when its target has no row yet.
    static func floor(of path: String) -> Floor? {
        all.first { path.hasPrefix($0.folder + "/") }
    }
}
