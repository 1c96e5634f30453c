import FoundationEssentials

/// The files of this checkout, for tests that read what is written in them.
enum SourceTree {
    private static let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()

    static func text(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: "\(root)/\(path)")), as: UTF8.self)
    }

    /// The files with a suffix, from the top of the checkout.
    static func files(under folder: String, suffix: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: "\(root)/\(folder)")
            .filter { $0.hasSuffix(suffix) }.map { "\(folder)/\($0)" }.sorted()
    }

    /// The pages that users read.
    static func pages() throws -> [String] {
        try ["README.md", "CONTRIBUTING.md"] + files(under: "docs", suffix: ".md")
    }
}

/// Where a text names or shows commands of `pond`.
enum Mentions {
    /// Stands for what a Swift literal puts in.
    static let placeholder = "\u{1}"

    /// The commands between backticks, with the number of their line.
    ///
    /// Of several subcommands behind one command (`job get|key`) the first is
    /// taken.
    static func commands(of text: String) -> [(line: Int, words: [String])] {
        var found: [(Int, [String])] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            guard !line.drop(while: { $0 == " " }).hasPrefix("```") else { continue }
            // A literal may also be a command from its first letter on; a synopsis is none.
            let quoted = between("\"", in: line).filter { part in !part.contains { "`[<".contains($0) } }
            for part in between("`", in: line) + quoted where part.hasPrefix("pond ") {
                let plain = withoutPlaceholders(String(part))
                // Behind the program's name comes a command; what a literal puts there makes a sentence of it.
                guard let words = ShellLine.commands(of: plain).first, words.count > 1, !words[1].hasPrefix(placeholder)
                else {
                    continue
                }
                found.append((index + 1, words))
            }
        }
        return found
    }

    /// What stands between a mark and the next; one that nothing closes is none.
    private static func between(_ mark: Character, in line: Substring) -> [Substring] {
        let parts = line.split(separator: mark, omittingEmptySubsequences: false)
        return stride(from: 1, to: parts.count - 1, by: 2).map { parts[$0] }
    }

    /// The commands that stand in code blocks for a shell, with the number of their line.
    static func typed(in page: String) -> [(line: Int, words: [String])] {
        var found: [(Int, [String])] = []
        var (fence, continued): (Substring?, String) = (nil, "")
        for (index, line) in page.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let trimmed = line.drop { $0 == " " || $0 == ">" }
            if trimmed.hasPrefix("```") {
                fence = fence == nil ? trimmed.drop { $0 == "`" } : nil
                continue
            }
            guard let fence, ["", "sh", "bash", "shell", "console", "text"].contains(fence) else { continue }
            var command = continued + trimmed
            continued = ""
            if command.hasSuffix("\\") {
                continued = String(command.dropLast())
                continue
            }
            for lead in ["$ ", "DO    "] where command.hasPrefix(lead) {
                command = String(command.dropFirst(lead.count))
            }
            found += ShellLine.commands(of: command).compactMap { pond($0) }.map { (index + 1, $0) }
        }
        return found
    }

    /// The commands that a YAML file starts: those of `command: […]`, each with the `args` that stand below it.
    static func started(in yaml: String) -> [[String]] {
        var found: [[String]] = []
        var hasArguments = false
        for line in yaml.split(separator: "\n") {
            let words = line.prefix { $0 != "#" }.split(separator: " ")
            if words.first == "command:", let open = line.firstIndex(of: "["), let close = line.lastIndex(of: "]") {
                let inside = line[line.index(after: open)..<close].split(separator: ",")
                found.append(inside.map { String($0.drop { $0 == " " }) })
                hasArguments = false
            } else if hasArguments, words.first == "-" {
                found[found.count - 1].append(words.dropFirst().joined(separator: " "))
            } else {
                hasArguments = words == ["args:"] && !found.isEmpty
            }
        }
        return found.filter { $0.first == "pond" }
    }

    /// The words from `pond` on, when they run it: by itself, or behind a program that starts another.
    private static func pond(_ words: [String]) -> [String]? {
        guard let place = words.firstIndex(where: { $0 == "pond" || $0.hasSuffix("/pond") }) else { return nil }
        let starters = ["swift", "docker", "sudo", "time", "env", "exec", "watch"]
        guard place == 0 || starters.contains(words[0]), words.count > place + 1 else { return nil }
        // `cp .build/release/pond /usr/bin` and the like do not run it.
        return Array(words[place...])
    }

    /// What a literal puts in is replaced; behind `E-` it is a group's name.
    private static func withoutPlaceholders(_ text: String) -> String {
        var (result, rest) = ("", text[...])
        while let open = rest.firstRange(of: "\\(") {
            result += rest[..<open.lowerBound]
            result += result.hasSuffix("E-") ? "1f3a9c2e" : placeholder
            var depth = 1
            rest = rest[open.upperBound...].drop { letter in
                if letter == "(" { depth += 1 }
                if letter == ")" { depth -= 1 }
                return depth > 0
            }.dropFirst()
        }
        return result + rest
    }
}

/// A line as a shell takes it apart.
enum ShellLine {
    /// The commands of the line, each as its words: cut where a shell begins another, without comments, redirections and
    /// variables that are set before.
    static func commands(of line: String) -> [[String]] {
        var commands: [[String]] = [[]]
        var (word, quote): (String?, Character?) = (nil, nil)
        func end() {
            if let word { commands[commands.count - 1].append(word) }
            word = nil
        }
        scan: for letter in line {
            switch letter {
            case _ where letter == quote: quote = nil
            case _ where quote != nil: word = (word ?? "") + String(letter)
            case "'", "\"": (quote, word) = (letter, word ?? "")
            case "#" where word == nil: break scan
            case " ", "\t": end()
            case "|", "&", ";", "(", ")":
                end()
                commands.append([])
            case "<", ">":
                end()
                // What it reads or writes is no argument.
                commands[commands.count - 1].append("<")
            default: word = (word ?? "") + String(letter)
            }
        }
        end()
        return commands.map { words in
            let plain = words.prefix { $0 != "<" }
            return Array(plain.drop { $0.contains("=") && $0.first?.isUppercase == true })
        }.filter { !$0.isEmpty }
    }
}
