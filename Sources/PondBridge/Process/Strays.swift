import Glibc
import PondProcess

/// Processes that a handler left behind in sessions of their own, where a signal to its group does not reach them.
///
/// They are known by a word of their environment, which every process inherits.
enum Strays {
    /// The variable that marks a handler and all that it starts.
    static let variable = "MILLPOND_HANDLER"
    private static let passesMax = 3

    /// Kills every process of this user that bears the mark.
    static func kill(_ mark: String) {
        // One that forks while we look is met in the next pass.
        for _ in 0..<passesMax {
            let found = all(with: mark)
            if found.isEmpty { return }
            for process in found { Glibc.kill(process, SIGKILL) }
        }
    }

    private static func all(with mark: String) -> [Int32] {
        let word = Array("\(variable)=\(mark)".utf8)
        return ProcessTable.all.filter { $0 != getpid() && ProcessTable.wasStarted($0, with: word) }
    }
}
