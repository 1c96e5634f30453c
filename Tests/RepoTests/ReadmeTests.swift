import Testing

/// Holds a page's commands and paths against what is really there.
struct PageCheck {
    var path: String
    var page: Markdown
    var tree: CommandTree
    var exists: (String) -> Bool

    var violations: [Violation] {
        var found: [Violation] = []
        for command in page.commands {
            for words in Markdown.words(of: command.text) {
                found += check(words).map { Violation(path: path, line: command.number, text: $0) }
            }
        }
        let folder = path.split(separator: "/").dropLast().map { $0 + "/" }.joined()
        for link in page.links where !exists(folder + link.text) {
            found.append(Violation(path: path, line: link.number, text: "links to \(link.text), which is not there"))
        }
        return found
    }

    private func check(_ words: [String]) -> [String] {
        var problems = words.compactMap { word -> String? in
            let plain = word.hasPrefix("./") ? String(word.dropFirst(2)) : word
            let top = ["scripts/", "docs/", "examples/", "Benchmarks/", "Sources/", "Tests/", ".ci/"]
            // What a build makes is there after it.
            if plain.contains("/.build/") { return nil }
            return top.contains(where: plain.hasPrefix) && !exists(plain) ? "\(word) is not there" : nil
        }
        let program = words.firstIndex { $0 == "pond" || $0.hasSuffix("/pond") }
        if let program, starts(words, at: program) {
            problems += checkPond(Array(words[(program + 1)...]))
        }
        return problems
    }

    /// `pond …` itself, or behind a program that starts another; not `mkdir pond`.
    private func starts(_ words: [String], at program: Int) -> Bool {
        program == 0 || ["swift", "docker", "sudo", "time", "env", "exec", "watch"].contains(words[0])
    }

    private func checkPond(_ arguments: [String]) -> [String] {
        let unknown = arguments.filter { $0.hasPrefix("-") && $0 != "-" && $0 != "--" }
            .map { String($0.prefix { $0 != "=" }) }
            .filter { !tree.options.contains($0) }
            .map { "no command of pond has the option \($0)" }
        guard let first = arguments.first, !first.hasPrefix("-") else { return unknown }
        guard tree.startsWith(first) else { return unknown + ["pond has no command '\(first)'"] }
        let children = tree.children(of: first)
        guard !children.isEmpty, arguments.count > 1, !arguments[1].hasPrefix("-") else { return unknown }
        // `list|show|retry` in a synopsis names several.
        let missing = arguments[1].split(separator: "|").filter { !children.contains(String($0)) }
        return unknown + missing.map { "pond \(first) has no command '\($0)'" }
    }
}

@Suite struct ReadmeTests {
    private func tree() throws -> CommandTree {
        CommandTree(try Repository.sources())
    }

    @Test func `the README is there`() {
        #expect(Repository.exists("README.md"), "README.md is not written yet; this test then reads its commands")
    }

    @Test func `the job in the README is the example that is built`() throws {
        let example = try Repository.text("examples/mailer/Sources/Mailer.swift")
        #expect(try Repository.text("README.md").contains("```swift\n\(example)```\n"))
    }

    @Test func `the code on the page of inbox and outbox is code that is built`() throws {
        let code = try Repository.text("Tests/PondSQLiteTests/Example.swift")
        let page = try Repository.text("docs/inbox-outbox.md")
        let blocks = page.split(separator: "\n```swift\n").dropFirst().compactMap {
            $0.split(separator: "\n```\n").first
        }
        #expect(blocks.count == 3)
        for block in blocks { #expect(code.contains(block)) }
    }

    @Test func `every command and path of every page exists`() throws {
        let tree = try tree()
        for path in try Repository.files(suffix: ".md") {
            let page = Markdown(try Repository.text(path))
            expectNone(PageCheck(path: path, page: page, tree: tree, exists: Repository.exists).violations)
        }
    }

    private let sample = """
        struct Pond: AsyncParsableCommand {
            static let configuration = CommandConfiguration(commandName: "pond", subcommands: [Dead.self, Up<A, B<C>>.self])
        }
        struct Dead: ParsableCommand {
            static let configuration = CommandConfiguration(subcommands: [Dead.List.self])
            struct List: ParsableCommand {
                @Flag(name: [.short, .customLong("as-json")], help: "x") var json = false
                @Option var maxAge: Int
            }
        }
        struct Up<A, B>: ParsableCommand {}
        """

    private func problems(_ page: String) -> [String] {
        let tree = CommandTree([SwiftSource(path: "P.swift", text: sample)])
        return PageCheck(path: "docs/a.md", page: Markdown(page), tree: tree) { $0 == "scripts/demo" || $0 == "docs/b" }
            .violations.map(\.text)
    }

    @Test(arguments: [
        "pond up", "$ pond dead list --max-age 3 --as-json -j", "A=1 ./scripts/demo --chaos | pond dead list",
        "swift run pond up", "pond --help", "pond dead list # pond nothing", "echo 'pond nothing'", "mkdir pond",
        "pond dead \\\nlist",
    ])
    func `a command that exists passes`(line: String) {
        #expect(problems("text\n```sh\n\(line)\n```\n") == [])
    }

    @Test(arguments: [
        ("pond down", "pond has no command 'down'"),
        ("pond list", "pond has no command 'list'"),
        ("pond dead lost", "pond dead has no command 'lost'"),
        ("pond up --fast=1", "no command of pond has the option --fast"),
        ("scripts/run", "scripts/run is not there"),
        ("a && .build/debug/pond down", "pond has no command 'down'"),
        ("docker compose exec supervisor pond down", "pond has no command 'down'"),
    ])
    func `a command that does not exist is found`(line: String, problem: String) {
        #expect(problems("```\n\(line)\n```\n") == [problem])
        #expect(problems("```swift\n\(line)\n```\n") == [])
    }

    @Test func `a link leads to a file, seen from its page`() {
        let page = "[x](b#part) [y](https://a/b) [z](#here) ![i](c.png)"
        #expect(problems(page) == ["links to c.png, which is not there"])
    }
}
