import ArgumentParser
import FoundationEssentials
import PondInsight
import Testing

@testable import pond

/// What people are told to type is what the program takes: actions, hints, errors, help and the pages.
@Suite struct ActionTests {
    /// What the program says against a command line; nil when it takes it.
    ///
    /// The command is looked up and parses its words by itself: the whole program would build all its commands each time.
    private func complaint(_ words: [String]) -> String? {
        let (command, rest) = Self.command(of: words)
        do {
            _ = try command.parseAsRoot(rest)
            return nil
        } catch {
            return command.exitCode(for: error) == .success ? nil : command.message(for: error)
        }
    }

    /// The command that the first words name, and the words behind it.
    private static func command(of words: [String]) -> (any ParsableCommand.Type, [String]) {
        var command: any ParsableCommand.Type = PondCommand.self
        var rest = words[...]
        while let name = rest.first,
            let child = command.configuration.subcommands.first(where: { $0.configuration.commandName == name })
        {
            command = child
            rest = rest.dropFirst()
        }
        // One that stands for another when it is not named, as `pond slo` does, parses that one's words too.
        return (command, Array(rest))
    }

    /// The same of a command that is only named, as in `pond dead retry`: some arguments make it whole.
    private func complaintOfMention(_ mention: [String]) -> String? {
        let readings = [
            mention.filter { $0 != "…" },
            mention.map { $0.replacing(Mentions.placeholder, with: "E-1f3a9c2e").replacing("…", with: "COMMAND") },
        ].map { words in words.map { $0.replacing(Mentions.placeholder, with: "1") } }
        for words in readings where ([[]] + Self.endings).contains(where: { complaint(words + $0) == nil }) {
            return nil
        }
        return complaint(readings[0])
    }

    private static let endings: [[String]] = [
        ["emails"], ["emails/1732374245000-0"], ["E-1f3a9c2e"], ["--all"], ["email.send"], ["emails", "4"], ["FILE"],
        ["--", "COMMAND"], ["--exec", "COMMAND"], ["--workers", "2", "--", "COMMAND"], ["emails", "--key", "KEY"],
        ["1s"], ["emails", "4", "--for", "1h"], ["KEY", "--queue", "emails"], ["--lines", "FILE"],
        ["--file", "FILE"], ["--file", "FILE", "emails"], ["--db", "FILE"], ["E-1f3a9c2e", "--run", "COMMAND"],
        ["email.send", "--data", "JSON"], ["--queue", "emails", "--class", "B", "--wait", "30s"],
        ["2", "--", "COMMAND"], ["emails", "--max-depth", "5"], ["emails/1732374245000-0", "--reason", "WHY"],
        ["emails/1732374245000-0", "STEP", "--done", "--reason", "WHY"], ["emails/1732374245000-0", "SIGNAL"],
        ["emails/1732374245000-0", "--from", "STEP", "--reason", "WHY"],
    ]

    @Test(arguments: Action.samples)
    func `every action is a command that the program takes`(action: Action) throws {
        let words = try #require(action.arguments)
        #expect(complaint(words) == nil, "\(action.text)")
        #expect(ShellLine.commands(of: action.text) == [["pond"] + words])
    }

    @Test func `there is a sample of every action`() throws {
        let text = try SourceTree.text("Sources/PondInsight/Actions/Action+Commands.swift")
        let made = text.split(separator: "\n").compactMap { line -> Substring? in
            let words = line.split(whereSeparator: { !$0.isLetter })
            guard words.prefix(2) == ["static", "func"] || words.prefix(2) == ["static", "var"] else { return nil }
            return words.count > 2 ? words[2] : nil
        }
        let samples = text.drop { $0 != "[" }.dropFirst()
        #expect(made.count > 20)
        for name in made {
            #expect(samples.contains("\(name)(") || samples.contains("\(name),"), "\(name) is not among the samples")
        }
    }

    @Test func `every command between backticks in a text of the program is one that it takes`() async throws {
        let files = try SourceTree.files(under: "Sources", suffix: ".swift")
        try await check(files, Mentions.commands, atLeast: 60) { complaintOfMention($0) }
    }

    /// Looks at what is found in files, each command once.
    private func check(
        _ paths: [String],
        _ commands: (String) -> [(line: Int, words: [String])],
        atLeast least: Int,
        _ complaint: ([String]) -> String?
    ) async throws {
        var seen: Set<[String]> = []
        for path in paths {
            for (number, words) in commands(try SourceTree.text(path)) where seen.insert(words).inserted {
                let problem = complaint(Array(words.dropFirst()))
                #expect(problem == nil, "\(path):\(number): \(words.joined(separator: " "))")
                // Other tests share the threads.
                await Task.yield()
            }
        }
        #expect(seen.count > least)
    }

    @Test func `every command that a page has a reader type is one that the program takes`() async throws {
        try await check(try SourceTree.pages(), Mentions.typed, atLeast: 60) { complaint($0) }
    }

    @Test func `every command that a page names is one that the program takes`() async throws {
        try await check(try SourceTree.pages(), Mentions.commands, atLeast: 40) { complaintOfMention($0) }
    }

    @Test func `every command that an alert recommends is one that the program takes`() throws {
        var found = 0
        for line in try SourceTree.text("ops/prometheus/rules.yml").split(separator: "\n") {
            guard let action = line.firstRange(of: "action: \"") else { continue }
            let text = line[action.upperBound...].dropLast().replacing("{{ $labels.class }}", with: "B")
                .replacing(/\{\{[^}]*\}\}/, with: "emails")
            for command in ShellLine.commands(of: String(text)) where command.first == "pond" {
                found += 1
                #expect(complaint(Array(command.dropFirst())) == nil, "\(text)")
            }
        }
        #expect(found > 10)
    }

    @Test func `every command of a manifest for Kubernetes is one that the program takes`() throws {
        var found = 0
        for path in try SourceTree.files(under: "ops/kubernetes", suffix: ".yaml") {
            for words in Mentions.started(in: try SourceTree.text(path)) {
                found += 1
                #expect(complaint(Array(words.dropFirst())) == nil, "\(path): \(words.joined(separator: " "))")
            }
        }
        #expect(found > 2)
    }

    @Test(arguments: ["worker lst", "dead retry --cuase x", "status --chek", "queue resume"])
    func `a command that the program does not take is found`(line: String) {
        #expect(complaint(ShellLine.commands(of: line)[0]) != nil)
    }
}
