import Testing

/// A file of the function library.
struct LuaSource {
    var path: String
    var text: String

    /// `pond_settle` of `…/pond_settle.lua`.
    var baseName: String {
        let file = path.split(separator: "/").last ?? ""
        return String(file.hasSuffix(".lua") ? file.dropLast(4) : file)
    }

    /// The names it registers, in either spelling of `redis.register_function`.
    var registered: [String] {
        let calls = text.split(separator: "redis.register_function", omittingEmptySubsequences: false).dropFirst()
        return calls.compactMap { rest in
            var rest = rest.drop { $0.isWhitespace || $0 == "(" }
            if rest.first == "{" {
                guard let name = rest.firstRange(of: "function_name") else { return nil }
                rest = rest[name.upperBound...].drop { $0.isWhitespace || $0 == "=" }
            }
            guard let quote = rest.first, quote == "'" || quote == "\"" else { return nil }
            return String(rest.dropFirst().prefix { $0 != quote })
        }
    }

    /// The comment lines at the top, without their dashes.
    var header: [Substring] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.prefix { $0.hasPrefix("--") || $0.hasPrefix("#!") }.map { $0.drop { $0 == "-" || $0 == " " } }
    }

    var violations: [Violation] {
        func violation(_ text: String) -> Violation { Violation(path: path, line: 1, text: text) }
        guard !baseName.hasPrefix("_") else {
            return registered.map { violation("registers \($0); a file that begins with '_' only helps") }
        }
        guard registered == [baseName] else {
            return [violation("must register '\(baseName)' and nothing else, registers \(registered)")]
        }
        return ["KEYS", "ARGV", "returns"].compactMap { word in
            header.contains { $0.hasPrefix(word) } ? nil : violation("its first comment has no line '\(word)'")
        }
    }
}

@Suite struct LuaTests {
    private static let folder = "Sources/PondQueue/Lua"
    private static let reference = "docs/wire-format.md"

    private func library() throws -> [LuaSource] {
        try Repository.files(under: Self.folder, suffix: ".lua").map {
            LuaSource(path: $0, text: try Repository.text($0))
        }
    }

    @Test func `one function a file, named like it, with KEYS, ARGV and returns in its header`() throws {
        let library = try library()
        #expect(!library.isEmpty, "no Lua file below \(Self.folder)")
        for file in library { expectNone(file.violations) }
    }

    @Test(.enabled(if: Repository.exists(reference), "docs/wire-format.md is not written yet"))
    func `every function is in the wire format's reference`() throws {
        let text = try Repository.text(Self.reference)
        for name in try library().flatMap(\.registered) {
            let isMentioned = text.contains(name)
            #expect(isMentioned, "\(Self.reference) does not mention \(name)")
        }
    }

    @Test func `a header that lacks a line is found`() {
        let body = "redis.register_function('pond_a', function(keys, args) end)"
        let whole = "-- Does a.\n--\n-- KEYS 1 the queue\n-- ARGV none\n-- returns OK\n\(body)"
        #expect(LuaSource(path: "L/pond_a.lua", text: whole).violations.isEmpty)
        let cut = whole.replacing("-- ARGV none\n", with: "")
        #expect(LuaSource(path: "L/pond_a.lua", text: cut).violations.count == 1)
        #expect(LuaSource(path: "L/pond_a.lua", text: body).violations.count == 3)
    }

    @Test func `a file named otherwise than its function is found`() {
        let call = "redis.register_function{\n  function_name = \"pond_a\", callback = f }"
        let body = "-- KEYS\n-- ARGV\n-- returns\n" + call
        #expect(LuaSource(path: "L/pond_a.lua", text: body).violations.isEmpty)
        #expect(LuaSource(path: "L/pond_b.lua", text: body).violations.count == 1)
        #expect(LuaSource(path: "L/_a.lua", text: body).violations.count == 1)
        #expect(LuaSource(path: "L/_a.lua", text: "local function help() end").violations.isEmpty)
    }
}
