/// What `/bin/sh -c` is given for a handler's command.
///
/// A shell that waits for its one command stands in the way: signals end the shell first, and the command's end arrives as
/// an exit code. So a command that is one simple command takes the shell's place, as if it had been written with `exec`.
package enum ShellCommand {
    /// The command, with `exec` before it where that changes nothing but who the process is.
    package static func replacingShell(_ command: String) -> String {
        isSimple(command) ? "exec \(command)" : command
    }

    /// Whether it is one program with its arguments and redirections, and no work for the shell itself.
    static func isSimple(_ command: String) -> Bool {
        guard let word = firstWord(of: command), !word.isEmpty else { return false }
        // A path is always a program.
        if word.contains("/") { return true }
        let isName = word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "+"):
                true
            default: false
            }
        }
        return isName && !shellsOwn.contains(word)
    }

    /// The first word as it is written; nil when there is more than one command, or something that is not understood.
    private static func firstWord(of command: String) -> String? {
        var word = ""
        var isInWord = true
        var quote: Character?
        var isEscaped = false
        for character in command.drop(while: { $0 == " " || $0 == "\t" }) {
            defer { if isInWord { word.append(character) } }
            if isEscaped {
                isEscaped = false
                // A line that goes on below is rare, and not worth a mistake.
                if character == "\n" { return nil }
                continue
            }
            switch (quote, character) {
            case (nil, "\\"), ("\"", "\\"): isEscaped = true
            case (nil, "'"), (nil, "\""): quote = character
            case (let open?, _) where open == character: quote = nil
            case (nil, ";"), (nil, "&"), (nil, "|"), (nil, "("), (nil, ")"), (nil, "\n"), (nil, "\r\n"), (nil, "`"),
                (nil, "#"):
                return nil
            case (nil, " "), (nil, "\t"): isInWord = false
            default: break
            }
        }
        guard quote == nil, !isEscaped else { return nil }
        // An assignment before a command belongs to the shell.
        let isAssignment = word.firstIndex(of: "=") != nil
        return isAssignment ? nil : word
    }

    /// Reserved words, and what a shell does by itself.
    private static let shellsOwn: Set<String> = [
        "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "function", "select",
        "time", "in", ".", "alias", "bg", "break", "builtin", "cd", "command", "continue", "declare", "echo", "enable",
        "eval", "exec", "exit", "export", "false", "fg", "getopts", "hash", "jobs", "kill", "let", "local", "printf",
        "pwd",
        "read", "readonly", "return", "set", "shift", "source", "test", "times", "trap", "true", "type", "typeset",
        "ulimit",
        "umask", "unalias", "unset", "wait",
    ]
}
