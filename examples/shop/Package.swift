// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "shop",
    dependencies: [
        // The name is needed because the folder of a checkout may be called anything.
        .package(name: "millpond", path: "../.."),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        .executableTarget(
            name: "shop",
            dependencies: [
                .product(name: "Millpond", package: "millpond"),
                .product(name: "PondSQLite", package: "millpond"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ]
        ),
        .testTarget(
            name: "ShopTests",
            dependencies: ["shop", .product(name: "PondTestKit", package: "millpond")]
        ),
    ]
)
