/// Why a history cannot be followed, although its file and Redis are well.
package struct HistoryError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of refusal, to branch on.
    package enum Code: Sendable, Hashable {
        /// The file is the history of another server, or of other keys on it.
        case otherServer
        /// Another follower fills the file just now.
        case followed
    }

    /// What was wrong, to branch on.
    package let code: Code
    /// What failed, why, and what to do next.
    package let message: String

    package var description: String { message }
}
