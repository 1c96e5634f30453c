// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours compiles with these; dependencies keep their own settings.
///
/// `PLANTED_BUGS` lets the chaos tests switch a known mistake on, to check their checker; a release build cannot have it.
let house: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .define("PLANTED_BUGS", .when(configuration: .debug)),
]

/// `scripts/package` names a folder of static libraries; the linker finds them before the system's shared ones.
let staticLibraries = Context.environment["MILLPOND_STATIC_LIBRARIES"].map { [LinkerSetting.unsafeFlags(["-L\($0)"])] }

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let nioHTTP = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "millpond",
    products: [
        .library(name: "Millpond", targets: ["Millpond"]),
        .library(name: "PondTelemetry", targets: ["PondTelemetry"]),
        .library(name: "PondBridge", targets: ["PondBridge"]),
        .library(name: "PondPrices", targets: ["PondPrices"]),
        .library(name: "PondSQLite", targets: ["PondSQLite"]),
        .library(name: "PondTestKit", targets: ["PondTestKit"]),
        .executable(name: "pond", targets: ["pond"]),
        .executable(name: "ingest", targets: ["ingest"]),
        .executable(name: "mailer", targets: ["mailer"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    ],
    targets: [
        // Floor 0
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .target(name: "CPondDigest", swiftSettings: house),
        .target(name: "PondCore", swiftSettings: house),
        .target(name: "PondProcess", swiftSettings: house),
        .target(name: "PondSaga", dependencies: ["PondCore"], swiftSettings: house),
        .target(
            name: "PondFlow",
            dependencies: ["PondCore", yams],
            resources: [.embedInCode("Schema")],
            swiftSettings: house
        ),
        .target(name: "PondPrices", dependencies: ["PondCore", yams], swiftSettings: house),
        .target(name: "PondScaling", dependencies: ["PondCore"], swiftSettings: house),
        .target(name: "PondSimulation", dependencies: ["PondCore", "PondScaling"], swiftSettings: house),
        .target(
            name: "PondTelemetry",
            dependencies: ["PondCore", logging, metrics, coreMetrics, tracing],
            swiftSettings: house
        ),
        // Floor 1
        .target(
            name: "PondRedis",
            dependencies: ["CHiredis", "PondCore", nioCore, nioPosix, nioSSL, logging],
            swiftSettings: house
        ),
        .target(
            name: "PondSQLite",
            dependencies: ["CPondDigest", "PondCore", grdb, logging, lifecycle],
            swiftSettings: house
        ),
        // Floor 2
        .target(
            name: "PondQueue",
            dependencies: ["CPondDigest", "PondCore", "PondSaga", "PondTelemetry", "PondRedis", logging, lifecycle],
            resources: [.embedInCode("Lua")],
            swiftSettings: house
        ),
        // Floor 3
        .target(
            name: "PondWorker",
            dependencies: [
                "PondCore", "PondSaga", "PondTelemetry", "PondRedis", "PondQueue", logging, lifecycle, deque, metrics,
                tracing,
            ],
            swiftSettings: house
        ),
        .target(
            name: "PondBridge",
            dependencies: [
                "PondCore", "PondSaga", "PondProcess", "PondQueue", "PondWorker", httpClient, nioCore, nioHTTP, logging,
                subprocess, system,
            ],
            swiftSettings: house
        ),
        .target(
            name: "PondFleet",
            dependencies: ["PondCore", "PondScaling", "PondRedis", "PondQueue"],
            swiftSettings: house
        ),
        .target(
            name: "PondSupervisor",
            dependencies: [
                "PondCore", "PondProcess", "PondScaling", "PondRedis", "PondQueue", "PondFleet", logging, lifecycle,
                subprocess,
                system,
            ],
            swiftSettings: house
        ),
        .target(
            name: "PondInsight",
            dependencies: [
                "PondCore", "PondSaga", "PondTelemetry", "PondScaling", "PondRedis", "PondQueue", "PondFleet",
                "PondSQLite",
                logging,
                lifecycle,
            ],
            swiftSettings: house
        ),
        // Floor 4
        .target(
            name: "Millpond",
            dependencies: [
                "PondCore", "PondProcess", "PondSaga", "PondTelemetry", "PondScaling", "PondRedis", "PondQueue",
                "PondWorker", "PondSupervisor",
                logging, lifecycle, unixSignals, arguments, subprocess, system, metrics, nioCore, nioPosix, nioHTTP,
            ],
            swiftSettings: house
        ),
        .target(
            name: "PondTestKit",
            dependencies: [
                "PondCore", "PondSaga", "PondRedis", "PondQueue", "PondWorker", logging, subprocess, system,
            ],
            swiftSettings: house
        ),
        .target(
            name: "PondBenchKit",
            dependencies: ["PondCore", "PondRedis", "PondQueue", "PondWorker"],
            swiftSettings: house
        ),
        // Floor 5
        .executableTarget(
            name: "pond",
            dependencies: [
                "Millpond", "PondBenchKit", "PondBridge", "PondInsight", "PondTelemetry", "PondSQLite",
                "PondSupervisor", "PondFleet", "PondWorker", "PondQueue",
                "PondRedis",
                "PondSimulation",
                "PondScaling", "PondFlow", "PondPrices", "PondSaga", "PondCore", arguments, logging, lifecycle, system,
                yams,
                httpClient,
                nioCore, nioHTTP,
                tracing,
            ],
            swiftSettings: house,
            linkerSettings: staticLibraries
        ),
        .executableTarget(
            name: "ingest",
            dependencies: [
                "Millpond", "PondSQLite", "PondSupervisor", "PondWorker", "PondQueue", "PondRedis", "PondCore",
                grdb, subprocess, system, arguments, logging,
            ],
            path: "examples/ingest/Sources",
            swiftSettings: house
        ),
        .executableTarget(
            name: "mailer",
            dependencies: ["Millpond"],
            path: "examples/mailer/Sources",
            swiftSettings: house
        ),
        .executableTarget(
            name: "onboarding",
            dependencies: ["Millpond"],
            path: "examples/onboarding/Sources",
            swiftSettings: house
        ),
        // The chaos machine: a checker of histories, and a program that makes them.
        .target(
            name: "ChaosKit",
            dependencies: ["PondCore", grdb],
            path: "Tests/ChaosTests/ChaosKit",
            swiftSettings: house
        ),
        .executableTarget(
            name: "chaos",
            dependencies: [
                "ChaosKit", "Millpond", "PondSQLite", "PondSupervisor", "PondWorker", "PondQueue", "PondRedis",
                "PondCore", grdb, arguments, logging,
            ],
            path: "Tests/ChaosTests/Chaos",
            swiftSettings: house
        ),
        // The benchmark, and what it is compared with: a program in C that does the least that Redis has to do.
        .executableTarget(
            name: "floor",
            path: "Benchmarks/Floor",
            swiftSettings: house,
            linkerSettings: [.linkedLibrary("hiredis")]
        ),
        .executableTarget(
            name: "PondBench",
            dependencies: [
                "floor", "PondBenchKit", "Millpond", "PondQueue", "PondRedis", "PondCore", arguments, logging,
                subprocess,
                system,
            ],
            path: "Benchmarks/PondBench",
            swiftSettings: house
        ),
        // Tests: pure values first, then bytes, a real server, real processes.
        .testTarget(name: "PondCoreTests", dependencies: ["PondCore"], swiftSettings: house),
        .testTarget(name: "PondSagaTests", dependencies: ["PondSaga", "PondCore"], swiftSettings: house),
        .testTarget(name: "PondFlowTests", dependencies: ["PondFlow", "PondCore"], swiftSettings: house),
        .testTarget(name: "PondPricesTests", dependencies: ["PondPrices", "PondCore"], swiftSettings: house),
        .testTarget(name: "PondScalingTests", dependencies: ["PondScaling", "PondCore"], swiftSettings: house),
        .testTarget(
            name: "PondSimulationTests",
            dependencies: ["PondSimulation", "PondScaling", "PondCore"],
            swiftSettings: house
        ),
        .testTarget(
            name: "PondRedisTests",
            dependencies: [
                "PondRedis", "PondCore", "PondTestKit", "CHiredis", nioCore, nioPosix, nioEmbedded, logging,
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "PondQueueTests",
            dependencies: [
                "PondFleet", "PondQueue", "PondScaling", "PondTelemetry", "PondRedis", "PondCore", "PondTestKit",
                logging,
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "PondWorkerTests",
            dependencies: [
                "PondWorker", "PondSaga", "PondTelemetry", "PondQueue", "PondRedis", "PondCore", "PondTestKit",
                "ChaosKit",
                logging,
                lifecycle, tracing,
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "PondBridgeTests",
            dependencies: [
                "PondBridge", "PondProcess", "PondWorker", "PondQueue", "PondSaga", "PondRedis", "PondCore",
                "PondTestKit",
                logging,
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "PondSupervisorTests",
            dependencies: [
                "PondSupervisor", "PondProcess", "PondScaling", "PondQueue", "PondRedis", "PondCore", "PondTestKit",
                logging,
                lifecycle,
                system,
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "PondTelemetryTests",
            dependencies: ["PondTelemetry", "PondTestKit", "PondCore", logging, metrics, coreMetrics, tracing],
            swiftSettings: house
        ),
        .testTarget(
            name: "PondInsightTests",
            dependencies: [
                "PondInsight", "PondFleet", "PondTelemetry", "PondSQLite", "PondWorker", "PondQueue", "PondScaling",
                "PondRedis", "PondSaga",
                "PondCore", "PondTestKit", grdb, logging, lifecycle, subprocess, system,
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "PondSQLiteTests",
            dependencies: ["PondSQLite", "PondTestKit", "PondCore", grdb, logging, lifecycle, subprocess, system],
            swiftSettings: house
        ),
        .testTarget(
            name: "IdempotencyTests",
            dependencies: [
                "PondSQLite", "PondWorker", "PondQueue", "PondRedis", "PondCore", "PondTestKit", grdb, logging,
                lifecycle,
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "MillpondTests",
            dependencies: [
                "Millpond", "PondSupervisor", "PondTelemetry", "PondWorker", "PondQueue", "PondRedis", "PondCore",
                "PondTestKit", arguments, logging,
                lifecycle, metrics, coreMetrics, nioCore, nioPosix, nioHTTP,
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "pond", "PondInsight", "PondFleet", "PondSQLite", "PondTestKit", "PondQueue", "PondTelemetry",
                "PondRedis", "PondFlow", "PondSaga",
                "PondCore",
                arguments, logging, subprocess, system,
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "IngestTests",
            dependencies: [
                "ingest", "Millpond", "PondSQLite", "PondCore", "PondTestKit", grdb, subprocess, system, logging,
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "pond", "ingest", "PondSQLite", "PondTestKit", "PondQueue", "PondTelemetry", "PondRedis", "PondCore",
                "PondInsight", "PondSaga", "PondScaling", "PondFleet",
                logging,
                subprocess,
                system,
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "ChaosTests",
            dependencies: ["ChaosKit", "PondCore", grdb],
            path: "Tests/ChaosTests/KitTests",
            swiftSettings: house
        ),
        .testTarget(
            name: "PondBenchTests",
            dependencies: ["PondBench", "PondBenchKit", "PondQueue"],
            swiftSettings: house
        ),
        .testTarget(
            name: "MailerTests",
            dependencies: ["mailer", "Millpond", "PondTestKit"],
            path: "examples/mailer/Tests",
            swiftSettings: house
        ),
        .testTarget(
            name: "OnboardingTests",
            dependencies: ["onboarding", "Millpond", "PondTestKit"],
            path: "examples/onboarding/Tests",
            swiftSettings: house
        ),
        .testTarget(
            name: "PondTestKitTests",
            dependencies: ["PondTestKit", "PondWorker", "PondQueue", "PondSaga", "PondCore", logging],
            swiftSettings: house
        ),
        .testTarget(name: "RepoTests", swiftSettings: house),
    ]
)
