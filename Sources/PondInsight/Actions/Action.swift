/// Something to do about what was found: a command of `pond` to copy, or words.
///
/// Every command that this module recommends is made in `Action+Commands.swift`, and a test parses one of each as the
/// program itself does.
package struct Action: Sendable, Hashable, Codable, CustomStringConvertible {
    /// As a person reads it, or copies it into a shell.
    package var text: String
    /// The words behind `pond`; nil for what is no command of it.
    package var arguments: [String]?

    package var description: String { text }

    /// What no command does.
    package static func words(_ text: String) -> Action { Action(text: text, arguments: nil) }

    /// A command of the program.
    static func pond(_ arguments: String...) -> Action {
        Action(text: "pond " + arguments.map { quoted($0) }.joined(separator: " "), arguments: arguments)
    }

    /// The command between backticks, as sentences have it; words as they are.
    package var inSentence: String { arguments == nil ? text : "`\(text)`" }

    /// A word as a shell takes it for one.
    static func quoted(_ word: String) -> String {
        let isPlain = !word.isEmpty && word.utf8.allSatisfy { plainBytes.contains($0) }
        return isPlain ? word : "'" + word.replacing("'", with: #"'\''"#) + "'"
    }

    private static let plainBytes = Set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,".utf8
    )
}
