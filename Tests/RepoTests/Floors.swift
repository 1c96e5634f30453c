/// A target and what it may import.
///
/// The map in CONTRIBUTING.md is written from this table, and tests hold every import,
/// Package.swift and the map against it.
struct Floor {
    var target: String
    /// A target stands on lower floors, and on targets before it on its own.
    var level: Int
    /// What a reader finds there, for the map.
    var holds: String
    /// The folder of its sources, from the top of the repository.
    var folder: String
    /// Modules of this package that it may import.
    var ours: Set<String>
    /// Modules of other packages that it may import.
    var theirs: Set<String>

    init(
        _ target: String,
        level: Int = 5,
        holds: String = "",
        folder: String? = nil,
        ours: Set<String> = [],
        theirs: Set<String> = []
    ) {
        self.target = target
        self.level = level
        self.holds = holds
        self.folder = folder ?? "Sources/\(target)"
        self.ours = ours
        self.theirs = theirs
    }
}

enum Floors {
    /// Modules of the toolchain that any target may import; plain `Foundation` is not one of them.
    static let system: Set<String> = [
        "Swift", "Synchronization", "FoundationEssentials", "Glibc", "SwiftOverlayShims", "Musl", "Darwin", "Dispatch",
        "RegexBuilder",
        "Testing",
    ]

    private static let lifecycle: Set<String> = ["Logging", "ServiceLifecycle"]
    private static let subprocess: Set<String> = ["Subprocess", "SystemPackage"]
    private static let nio: Set<String> = ["NIOCore", "NIOPosix"]
    private static let lower: Set<String> = ["PondCore", "PondScaling", "PondRedis", "PondQueue"]

    static let all = libraries + programs

    private static let libraries = [
        Floor("CHiredis", level: 0, holds: "a module map for the C library, nothing else"),
        Floor("CPondDigest", level: 0, holds: "SHA-1 and SHA-256 in C, to tell contents apart"),
        Floor("PondCore", level: 0, holds: "values: jobs, outcomes, retry policy, limits, time, the wire's fields"),
        Floor(
            "PondProcess",
            level: 0,
            holds: "processes as the kernel shows them: to wait for an end, to find one again, to look a program up"
        ),
        Floor(
            "PondSaga",
            level: 0,
            holds: "what is remembered of a flow of steps, what comes next in it, and where that is written down",
            ours: ["PondCore"]
        ),
        Floor(
            "PondFlow",
            level: 0,
            holds: "flows as documents: read, checked, put in order, drawn, and what a step takes from where",
            ours: ["PondCore"],
            theirs: ["Yams"]
        ),
        Floor(
            "PondPrices",
            level: 0,
            holds: "price books as files: what models, tools and CPU time cost",
            ours: ["PondCore"],
            theirs: ["Yams"]
        ),
        Floor(
            "PondScaling",
            level: 0,
            holds: "how many workers there should be, as a pure function; sharing among queues, placement on hosts",
            ours: ["PondCore"]
        ),
        Floor(
            "PondSimulation",
            level: 0,
            holds: "load, laws and a clock of its own, to try the scaling out",
            ours: ["PondCore", "PondScaling"]
        ),
        Floor(
            "PondTelemetry",
            level: 0,
            holds: "metrics and their text, spans and their export, what users of a class were promised",
            ours: ["PondCore"],
            theirs: ["Logging", "Metrics", "CoreMetrics", "Tracing"]
        ),
        Floor(
            "PondRedis",
            level: 1,
            holds: "the Redis client: codec, connection, pipelining, reconnect; knows no jobs",
            ours: ["CHiredis", "PondCore"],
            theirs: nio.union(["NIOSSL", "Logging"])
        ),
        Floor(
            "PondSQLite",
            level: 1,
            holds: "the only importer of GRDB: inbox, outbox, a store of keys, the history",
            ours: ["CPondDigest", "PondCore"],
            theirs: lifecycle.union(["GRDB"])
        ),
        Floor(
            "PondQueue",
            level: 2,
            holds: "everything a queue keeps in Redis, and the Lua library that changes it",
            ours: ["CPondDigest", "PondCore", "PondSaga", "PondTelemetry", "PondRedis"],
            theirs: lifecycle
        ),
        Floor(
            "PondWorker",
            level: 3,
            holds: "the runtime: fetch, slots, lease, handlers, settle",
            ours: ["PondCore", "PondSaga", "PondTelemetry", "PondRedis", "PondQueue"],
            theirs: lifecycle.union(["DequeModule", "Metrics", "Tracing"])
        ),
        Floor(
            "PondBridge",
            level: 3,
            holds: "handlers that are other programs: child processes and HTTP",
            ours: ["PondCore", "PondSaga", "PondProcess", "PondQueue", "PondWorker"],
            theirs: subprocess.union(["AsyncHTTPClient", "NIOCore", "NIOHTTP1", "Logging"])
        ),
        Floor(
            "PondFleet",
            level: 3,
            holds: "what a fleet keeps in Redis: its hosts and their leader, its plan, people's orders",
            ours: lower
        ),
        Floor(
            "PondSupervisor",
            level: 3,
            holds: "worker processes: spawn, restart, resize, stop; a host's part of a fleet",
            ours: lower.union(["PondProcess", "PondFleet"]),
            theirs: lifecycle.union(subprocess)
        ),
        Floor(
            "PondInsight",
            level: 3,
            holds:
                "where a job is and why, how queues stand, the doctor, the history's follower, the dead, service "
                + "levels: read and judged once, for the command line and a console",
            ours: lower.union(["PondSaga", "PondTelemetry", "PondSQLite", "PondFleet"]),
            theirs: lifecycle
        ),
        Floor(
            "Millpond",
            level: 4,
            holds: "what an application imports, the private Redis of demos, and the server of metrics",
            ours: lower.union(["PondProcess", "PondSaga", "PondTelemetry", "PondWorker", "PondSupervisor"]),
            theirs: lifecycle.union(subprocess).union(nio).union([
                "ArgumentParser", "Metrics", "NIOHTTP1", "UnixSignals",
            ])
        ),
        Floor(
            "PondTestKit",
            level: 4,
            holds: "for users' tests and ours: run a handler, drain a queue, a real Redis, a clock to turn",
            ours: ["PondCore", "PondSaga", "PondRedis", "PondQueue", "PondWorker"],
            theirs: subprocess.union(["Logging"])
        ),
        Floor(
            "PondBenchKit",
            level: 4,
            holds: "what is measured: enqueueing, draining, latency; for `pond bench` and `Benchmarks/PondBench`",
            ours: ["PondCore", "PondRedis", "PondQueue", "PondWorker"]
        ),
    ]

    private static let programs = [
        Floor(
            "pond",
            level: 5,
            holds: "the command line program: one file a command, in folders by noun",
            ours: lower.union([
                "Millpond", "PondBenchKit", "PondBridge", "PondInsight", "PondTelemetry", "PondSQLite",
                "PondFlow", "PondPrices", "PondSaga", "PondSimulation", "PondSupervisor", "PondFleet", "PondWorker",
            ]),
            theirs: lifecycle.union([
                "ArgumentParser", "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "SystemPackage", "Tracing", "Yams",
            ])
        ),
        Floor(
            "ingest",
            folder: "examples/ingest/Sources",
            ours: ["Millpond", "PondSQLite", "PondSupervisor", "PondWorker", "PondQueue", "PondRedis", "PondCore"],
            theirs: subprocess.union(["ArgumentParser", "GRDB", "Logging"])
        ),
        Floor("mailer", folder: "examples/mailer/Sources", ours: ["Millpond"]),
        Floor("onboarding", folder: "examples/onboarding/Sources", ours: ["Millpond"]),
        Floor("shop", folder: "examples/shop/Sources", ours: ["Millpond", "PondSQLite"], theirs: ["GRDB"]),
        Floor("floor", folder: "Benchmarks/Floor"),
        Floor(
            "PondBench",
            folder: "Benchmarks/PondBench",
            ours: ["floor", "Millpond", "PondBenchKit", "PondQueue", "PondRedis", "PondCore"],
            theirs: subprocess.union(["ArgumentParser", "Logging"])
        ),
    ]

    /// Programs have no API, so a test may look inside of them with `@testable`.
    static let testable: Set<String> = ["pond", "ingest", "mailer", "shop", "onboarding", "PondBench"]

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
