/// Asks before many things are changed at once.
package enum Confirmation {
    /// Lets the command go on when `--yes` was given, or when a person types the count.
    ///
    /// - Throws: `CommandFailure` with the code `usage` off a terminal, `interrupted` when the person types anything else.
    package static func ask(
        _ action: String,
        count: Int,
        yes: Bool,
        on terminal: Terminal,
        answer: () -> String? = { readLine() }
    ) throws(CommandFailure) {
        guard !yes else { return }
        guard terminal.traits.isInputTTY, terminal.traits.isErrorTTY else {
            throw CommandFailure(
                .usage,
                "--yes is needed to \(action): there is no terminal to ask on",
                hint: "nothing was changed; look at the plan above, then add --yes"
            )
        }
        terminal.write("Type \(count) to \(action): ", to: .error)
        let typed = (answer() ?? "").filter { $0.isASCII && !$0.isWhitespace && $0 != "," }
        guard typed == String(count) else {
            throw CommandFailure(.interrupted, "not confirmed, so nothing was changed")
        }
    }
}
