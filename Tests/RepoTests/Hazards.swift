/// Calls that are wrong in Sources, or right only for a reason that stands in the line above.
enum Hazards {
    /// The one file that may read a clock of the machine and sleep on it.
    static let clockFile = "Sources/PondCore/Time.swift"

    static func violations(in source: SwiftSource) -> [Violation] {
        var found = source.path == clockFile ? [] : clockReads(in: source)
        for (line, what) in needingReason(in: source) where !source.hasReason(above: line) {
            found.append(source.violation(line: line, "\(what) needs the reason as a comment in the line above"))
        }
        for comment in source.comments {
            for mark in ["TODO", "FIXME", "XXX"] where comment.text.contains(mark) {
                found.append(source.violation(line: comment.line, "\(mark): do it, or open an issue"))
            }
        }
        return found
    }

    /// Places that read a clock which a test cannot turn.
    static func clockReads(in source: SwiftSource) -> [Violation] {
        source.tokens.indices.compactMap { index in
            let token = source.tokens[index]
            guard token.kind == .word, readsClock(token.text, at: index, in: source) else { return nil }
            return source.violation(line: token.line, "'\(token.text)' reads a fixed clock; take a LocalClock instead")
        }
    }

    private static func readsClock(_ word: String, at index: Int, in source: SwiftSource) -> Bool {
        let isCall = source.isSymbol("(", at: index + 1)
        let isMember = source.isSymbol(".", at: index - 1)
        switch word {
        case "DispatchTime", "DispatchWallTime", "SuspendingClock":
            return true
        case "clock_gettime", "gettimeofday", "usleep", "nanosleep":
            return isCall
        case "Date", "ContinuousClock", "LocalInstant":
            return isCall && !isMember
        case "sleep":
            return isMember && source.isWord("Task", at: index - 2)
        case "now" where isMember:
            // `clock.now()` is the LocalClock's own; `.now` and `Date.now` are not.
            guard let receiver = source.token(index - 2), receiver.kind == .word else {
                return !source.isSymbol(")", at: index - 2) && !source.isSymbol("]", at: index - 2)
            }
            return receiver.text.first?.isUppercase == true || ["return", "in", "case"].contains(receiver.text)
        default:
            return false
        }
    }

    /// Places, and what stands there, that are allowed with a reason.
    static func needingReason(in source: SwiftSource) -> [(line: Int, what: String)] {
        source.tokens.indices.compactMap { index in
            let token = source.tokens[index]
            guard token.kind == .word, let what = hazard(token.text, at: index, in: source) else { return nil }
            return (token.line, what)
        }
    }

    private static func hazard(_ word: String, at index: Int, in source: SwiftSource) -> String? {
        switch word {
        case "try" where source.isSymbol("?", at: index + 1): return "'try?'"
        case "try" where source.isSymbol("!", at: index + 1): return "'try!'"
        case "fatalError" where source.isSymbol("(", at: index + 1): return "'fatalError'"
        case "unchecked" where source.isSymbol("@", at: index - 1): return "'@unchecked'"
        case "nonisolated" where source.isSymbol("(", at: index + 1) && source.isWord("unsafe", at: index + 2):
            return "'nonisolated(unsafe)'"
        case "Task": return startsTask(at: index, in: source) ? "an unstructured 'Task'" : nil
        default: return nil
        }
    }

    /// `Task {`, `Task(priority: …) {`, `Task<A, B> {`, `Task.detached`; not `Task.isCancelled`, not the type alone.
    private static func startsTask(at index: Int, in source: SwiftSource) -> Bool {
        guard !source.isWord("struct", at: index - 1), !source.isWord("extension", at: index - 1) else { return false }
        var next = index + 1
        if source.isSymbol("<", at: next) {
            var depth = 0
            repeat {
                if source.isSymbol("<", at: next) { depth += 1 }
                if source.isSymbol(">", at: next) { depth -= 1 }
                next += 1
            } while depth > 0 && next < source.tokens.count
        }
        if source.isSymbol(".", at: next) {
            return ["detached", "immediate", "immediateDetached", "init"].contains { source.isWord($0, at: next + 1) }
        }
        return source.isSymbol("{", at: next) && !isResultType(at: index, in: source) || source.isSymbol("(", at: next)
    }

    /// In `-> Task<A, B> {` the brace opens the body of a function.
    private static func isResultType(at index: Int, in source: SwiftSource) -> Bool {
        let isArrow = source.isSymbol(">", at: index - 1) && source.isSymbol("-", at: index - 2)
        return isArrow || source.isSymbol(":", at: index - 1)
    }
}
