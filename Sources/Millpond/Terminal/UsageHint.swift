package import ArgumentParser

/// What ArgumentParser leaves unsaid about a wrong command line.
package enum UsageHint {
    /// A better sentence for the error, or nil where its own is good.
    ///
    /// - Parameters:
    ///   - message: ArgumentParser's.
    ///   - root: the command that the arguments are for.
    package static func sentence(
        for message: String,
        _ arguments: [String],
        root: any ParsableCommand.Type
    ) -> String? {
        let given = arguments.prefix { $0 != "--" }
        return unknownCommand(Array(given), root) ?? dashedValue(message, Array(given))
    }

    /// The first word that should name a command below the one before it, and does not.
    private static func unknownCommand(_ arguments: [String], _ root: any ParsableCommand.Type) -> String? {
        var command = root
        var path = [root._commandName]
        for argument in arguments {
            let known = command.configuration.subcommands
            // Where words may be values of options, nothing can be said.
            guard !known.isEmpty, !argument.hasPrefix("-") else { return nil }
            if let next = known.first(where: { $0._commandName == argument }) {
                command = next
                path.append(argument)
                continue
            }
            guard argument != "help", command.configuration.defaultSubcommand == nil else { return nil }
            let names = known.map { $0._commandName }
            let near = NearMiss.of(argument, among: names).map {
                "did you mean \((path + [$0]).joined(separator: " "))?"
            }
            let name = SafeText.escaped(argument.prefix(60))
            return "there is no command \((path + [name]).joined(separator: " ")); "
                + (near ?? "there are \(names.sorted().joined(separator: ", "))")
        }
        return nil
    }

    /// An option whose value begins with a dash, and is taken for an option itself.
    private static func dashedValue(_ message: String, _ arguments: [String]) -> String? {
        guard let start = message.firstRange(of: "Missing value for '") else { return nil }
        let option = message[start.upperBound...].prefix { $0 != " " && $0 != "'" }
        guard let index = arguments.firstIndex(where: { $0 == option }), index + 1 < arguments.count,
            case let value = arguments[index + 1], value.count > 1, value.hasPrefix("-")
        else { return nil }
        let shown = SafeText.escaped(value.prefix(60))
        return "\(option) has no value: what follows, \(shown), begins with a dash and is taken for an option; "
            + "a value that really begins so is written \(option)=\(shown)"
    }
}
