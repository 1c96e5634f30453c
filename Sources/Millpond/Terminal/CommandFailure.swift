/// Why a command did not do what it was asked, in the two lines that a person sees.
package struct CommandFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// How the process ends.
    package let exitCode: ExitCodes
    /// What failed and why, in one line.
    package let message: String
    /// What to do next, in one line; nil when the message says it.
    package let hint: String?

    package init(_ exitCode: ExitCodes, _ message: String, hint: String? = nil) {
        self.exitCode = exitCode
        self.message = message
        self.hint = hint
    }

    package var description: String { message }
}
