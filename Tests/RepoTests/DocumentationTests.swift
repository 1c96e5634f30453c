import Testing

/// Which visible declarations must say what they are for.
enum Documentation {
    /// Witnesses of well-known protocols and of the language mean what they mean everywhere.
    private static let known: Set<String> = [
        // The standard library
        "hash", "encode", "description", "debugDescription", "rawValue", "makeIterator", "makeAsyncIterator", "next",
        "unownedExecutor", "asUnownedSerialExecutor",
        // Result builders
        "buildBlock", "buildExpression", "buildOptional", "buildEither", "buildArray", "buildPartialBlock",
        "buildLimitedAvailability", "buildFinalResult",
        // Testing, ArgumentParser, NIO
        "provideScope", "configuration", "InboundIn", "InboundOut", "OutboundIn", "OutboundOut", "handlerAdded",
        "handlerRemoved", "channelActive", "channelInactive", "channelRead", "channelReadComplete", "errorCaught",
        "userInboundEventTriggered", "channelWritabilityChanged",
    ]

    static func violations(in source: SwiftSource) -> [Violation] {
        var known = known.union(source.requirements)
        let hasCommands = source.tokens.contains { $0.text.hasSuffix("ParsableCommand") }
        if hasCommands { known.formUnion(["run", "validate"]) }
        return source.visibleDeclarations.filter { declaration in
            !declaration.hasDocumentation && !isOperator(declaration) && !known.contains(declaration.name)
                && !source.isMemberwise(declaration) && !source.isCommandLineArgument(declaration)
        }.map { source.violation(line: $0.line, "\($0.keyword) '\($0.name)' has no ///") }
    }

    private static func isOperator(_ declaration: VisibleDeclaration) -> Bool {
        declaration.keyword == "func" && !(declaration.name.first.map { $0.isLetter || $0 == "_" } ?? false)
    }
}

@Suite struct DocumentationTests {
    private func texts(_ code: String) -> [String] {
        Documentation.violations(in: SwiftSource(path: "X.swift", text: code)).map(\.text)
    }

    @Test func `every public and package declaration is documented`() throws {
        for source in try Repository.sources() { expectNone(Documentation.violations(in: source)) }
    }

    @Test(arguments: [
        ("public struct A {}", "struct 'A'"),
        ("public final class A {}", "class 'A'"),
        ("public class func f() {}", "func 'f'"),
        ("package static func f() {}", "func 'f'"),
        ("public private(set) var a = 1", "var 'a'"),
        ("public package(set) var a = 1", "var 'a'"),
        ("static public let a = 1", "let 'a'"),
        ("@discardableResult\npublic mutating func f() -> Int { 1 }", "func 'f'"),
        ("// Not a doc comment.\npublic init(a: Int) { b = a }", "init 'init'"),
        ("/// About something else.\n\npublic var a = 1", "var 'a'"),
        ("public nonisolated(unsafe) var a = 1", "var 'a'"),
    ])
    func `a bare declaration is found`(code: String, name: String) {
        #expect(texts(code) == ["\(name) has no ///"])
        #expect(texts("/// Says it.\n" + code.replacing("/// About something else.\n\n", with: "")).isEmpty)
    }

    @Test(arguments: [
        "public import A", "public extension A {}", "struct A {}", "private let a = 1", "let a = \"public var b\"",
        "public static func == (a: A, b: A) -> Bool { true }", "public var description: String { \"\" }",
        "/// Says it.\n@available(\n    *, deprecated\n)\npublic func f() {}",
        "/// Says it.\n// And why it is safe.\npublic final class A: @unchecked Sendable {}",
        "public init(a: Int, b: Int) {\n    self.a = a\n    self.b = b\n}",
        "public init() {}", "@Option(help: \"Says it.\")\npackage var a = 1", "@OptionGroup package var a: B",
        "protocol P { func f() }\nextension P { public func f() {} }",
    ])
    func `what needs no words is left alone`(code: String) {
        #expect(texts(code).isEmpty)
    }
}
