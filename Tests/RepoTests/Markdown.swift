/// What a Markdown page promises: the commands of its code fences and the files it links to.
struct Markdown {
    struct Line: Equatable {
        var text: String
        var number: Int
    }

    /// The lines of fences that a reader types into a shell, continued lines joined.
    private(set) var commands: [Line] = []
    /// The targets of links and images inside the repository, without their anchors.
    private(set) var links: [Line] = []

    private static let shells: Set<Substring> = ["", "sh", "bash", "shell", "console", "text"]

    init(_ text: String) {
        var fence: Substring?
        var continued: Line?
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let trimmed = line.drop { $0 == " " || $0 == ">" }
            if trimmed.hasPrefix("```") {
                fence = fence == nil ? trimmed.drop { $0 == "`" } : nil
                continue
            }
            guard let language = fence else {
                links += Self.targets(in: line).map { Line(text: $0, number: index + 1) }
                continue
            }
            guard Self.shells.contains(language.prefix { $0.isLetter }) else { continue }
            var command = continued ?? Line(text: "", number: index + 1)
            command.text += trimmed.hasPrefix("$ ") ? trimmed.dropFirst(2) : trimmed
            if command.text.hasSuffix("\\") {
                command.text.removeLast()
                continued = command
            } else {
                if !command.text.isEmpty { commands.append(command) }
                continued = nil
            }
        }
    }

    private static func targets(in line: Substring) -> [String] {
        line.split(separator: "](", omittingEmptySubsequences: false).dropFirst().compactMap { rest in
            let target = rest.prefix { $0 != ")" && $0 != "#" && $0 != " " }
            return target.isEmpty || target.contains("://") || target.hasPrefix("mailto:") ? nil : String(target)
        }
    }

    /// The commands of a line, each as its words: cut at pipes, without quotes, comments and variables set before.
    static func words(of command: String) -> [[String]] {
        var commands: [[String]] = [[]]
        var word = ""
        var quote: Character?
        func end() {
            if !word.isEmpty { commands[commands.count - 1].append(word) }
            word = ""
        }
        scan: for letter in command {
            switch letter {
            case _ where letter == quote: quote = nil
            case _ where quote != nil: word.append(letter)
            case "'", "\"": quote = letter
            case "#" where word.isEmpty: break scan
            case " ", "\t": end()
            case "|", "&", ";", "(", ")":
                end()
                commands.append([])
            default: word.append(letter)
            }
        }
        end()
        return commands.map { words in Array(words.drop { $0.contains("=") && !$0.hasPrefix("-") }) }
            .filter { !$0.isEmpty }
    }
}
