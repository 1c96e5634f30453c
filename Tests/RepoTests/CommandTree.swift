/// The commands of `pond` and their options, read from the declarations of its ParsableCommands.
struct CommandTree {
    private struct Command {
        var name: String
        /// The simple names of the types in `subcommands: […]`.
        var subcommands: [String] = []
    }

    /// By type name; several commands may have a `List` of their own.
    private var commands: [String: [Command]] = [:]
    /// All options and flags of all commands, as typed: `--json`.
    private(set) var options: Set<String> = ["--help", "--version", "-h"]

    init(_ sources: [SwiftSource]) {
        for source in sources {
            collectCommands(of: source)
            collectOptions(of: source)
        }
    }

    /// Whether `pond` has a command of this name.
    func startsWith(_ name: String) -> Bool {
        name == "help" || children(of: "pond").contains(name)
    }

    /// The names that may follow a command; empty when it has no subcommands.
    func children(of name: String) -> Set<String> {
        let types = commands.values.joined().filter { $0.name == name }.flatMap(\.subcommands)
        return Set(types.flatMap { commands[$0, default: []] }.map(\.name))
    }

    private mutating func collectCommands(of source: SwiftSource) {
        // Each command with the tokens of its body, the innermost last.
        var bodies: [(type: String, range: ClosedRange<Int>)] = []
        for index in source.tokens.indices {
            guard source.isWord("struct", at: index) || source.isWord("enum", at: index),
                let open = source.tokens[index...].firstIndex(where: { $0.isSymbol("{") }),
                source.tokens[index..<open].contains(where: { $0.text.hasSuffix("ParsableCommand") })
            else { continue }
            bodies.append((source.tokens[index + 1].text, open...source.closing(of: open)))
        }
        for (type, range) in bodies {
            let nested = bodies.map(\.range).filter { range.contains($0.lowerBound) && $0 != range }
            let own = range.filter { index in !nested.contains { $0.contains(index) } }
            var command = Command(name: Self.kebabCase(type))
            for index in own {
                if source.isWord("commandName", at: index), let name = source.token(index + 2), name.kind == .string {
                    command.name = name.text
                }
                if source.isWord("subcommands", at: index), source.isSymbol("[", at: index + 2) {
                    let list = index + 2...source.closing(of: index + 2)
                    command.subcommands += list.filter { source.isWord("self", at: $0) }.map {
                        Self.typeName(endingAt: $0 - 2, in: source)
                    }
                }
            }
            commands[type, default: []].append(command)
        }
    }

    /// `Worker` of `Worker.self`, and of `Worker<App>.self`.
    private static func typeName(endingAt end: Int, in source: SwiftSource) -> String {
        var index = end
        var depth = 0
        repeat {
            if source.isSymbol(">", at: index) { depth += 1 }
            if source.isSymbol("<", at: index) { depth -= 1 }
            if depth == 0, !source.isSymbol("<", at: index) { break }
            index -= 1
        } while index > 0
        return source.tokens[index].text
    }

    private mutating func collectOptions(of source: SwiftSource) {
        for index in source.tokens.indices where source.isSymbol("@", at: index) {
            guard source.isWord("Option", at: index + 1) || source.isWord("Flag", at: index + 1) else { continue }
            var end = index + 2
            if source.isSymbol("(", at: end) { end = source.closing(of: end) + 1 }
            guard let variable = source.tokens[end...].firstIndex(where: { $0.isWord("var") }),
                let name = source.token(variable + 1)?.text
            else { continue }
            options.insert("--" + Self.kebabCase(name))
            for inner in index..<end {
                guard let text = source.token(inner + 2), text.kind == .string else { continue }
                if source.isWord("customLong", at: inner) { options.insert("--" + text.text) }
                if source.isWord("customShort", at: inner) { options.insert("-" + text.text) }
            }
            if source.tokens[index..<end].contains(where: { $0.isWord("short") || $0.isWord("shortAndLong") }) {
                options.insert("-" + name.prefix(1))
            }
        }
    }

    /// `maxAttempts` is typed `max-attempts`, and `correlationID` `correlation-id`, as the argument parser has it.
    private static func kebabCase(_ name: String) -> String {
        var result = ""
        var isBehindCapital = true
        for letter in name {
            if letter.isUppercase, !isBehindCapital { result += "-" }
            isBehindCapital = letter.isUppercase
            result += letter.lowercased()
        }
        return result
    }
}
