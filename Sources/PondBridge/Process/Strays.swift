import Glibc

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
        return ProcessTable.all().filter { process in
            guard process != getpid(), let environment = SmallFile.bytes("/proc/\(process)/environ") else {
                return false
            }
            return environment.split(separator: 0).contains { $0.elementsEqual(word) }
        }
    }
}
