package import ArgumentParser
import PondCore

/// Runs a command's work; a failure is told in two lines on standard error and becomes the right exit code.
///
/// - Parameter body: is handed the streams that the options ask for.
/// - Throws: `ExitCode`, and ArgumentParser's own errors as they are.
package func runReporting(
    _ output: OutputOptions,
    _ body: (Terminal) async throws -> Void
) async throws {
    let terminal = output.terminal
    do {
        try await body(terminal)
    } catch let error as ExitCode {
        throw error
    } catch let error as CleanExit {
        throw error
    } catch let error as ValidationError {
        throw error
    } catch {
        let failure = CommandFailure(describing: error)
        failure.report(on: terminal, asJSON: output.json)
        throw ExitCode(failure.exitCode.rawValue)
    }
}

extension CommandFailure {
    /// Tells the person, or the program, what failed.
    package func report(on terminal: Terminal, asJSON: Bool) {
        // Whoever closed the output does not want to hear about it.
        guard exitCode != .outputClosed else { return }
        if asJSON {
            terminal.say(document.text)
            return
        }
        let mark = terminal.tinted("error:", .red, on: .error)
        terminal.say("\(mark) \(SafeText.escaped(message))")
        if let hint { terminal.say("  \(terminal.tinted("next:", .bold, on: .error)) \(SafeText.escaped(hint))") }
    }

    /// The failure for programs.
    var document: JSONDocument {
        JSONDocument(
            kind: "Error",
            [
                ("code", .string(exitCode.word)), ("exit_code", .int(Int64(exitCode.rawValue))),
                ("message", .string(message)), ("hint", hint.map { .string($0) } ?? .null),
            ]
        )
    }
}

extension AsyncParsableCommand {
    /// Parses the command line and runs the command that it names; everything wrong is reported.
    ///
    /// A wrong command line ends with exit code 2, as everywhere else in Millpond, instead of ArgumentParser's 64. One that
    /// is not UTF-8 is wrong.
    /// - Returns: the exit code for the process.
    package static func runAsProgram(_ arguments: [String] = Array(CommandLine.arguments.dropFirst())) async -> Int32 {
        let asJSON = arguments.prefix { $0 != "--" }.contains("--json")
        if let flaw = ArgumentBytes.flaw {
            flaw.report(on: .standard(), asJSON: asJSON)
            return flaw.exitCode.rawValue
        }
        do {
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return ExitCodes.ok.rawValue
        } catch {
            return end(with: error, arguments, asJSON: asJSON)
        }
    }

    private static func end(with error: any Error, _ arguments: [String], asJSON: Bool) -> Int32 {
        let terminal = Terminal.standard()
        let code = exitCode(for: error)
        if error is ExitCode { return code.rawValue }
        if code.isSuccess {
            // The text of --help and --version.
            terminal.write(fullMessage(for: error) + "\n", to: .output)
            return code.rawValue
        }
        let isUsage = code == .validationFailure
        let hint = isUsage ? UsageHint.sentence(for: message(for: error), arguments, root: Self.self) : nil
        guard isUsage, !asJSON else {
            let exitCode = isUsage ? ExitCodes.usage : .failure
            CommandFailure(exitCode, hint ?? message(for: error)).report(on: terminal, asJSON: asJSON)
            return exitCode.rawValue
        }
        // ArgumentParser's own text, which names the option and shows the usage, under our mark.
        let text = fullMessage(for: error)
        let isMarked = text.hasPrefix("Error: ")
        let mark = terminal.tinted("error:", .red, on: .error) + " "
        if let hint {
            // Its first line is replaced, its usage stays.
            terminal.say(mark + hint + text.drop { $0 != "\n" })
        } else {
            terminal.say(isMarked ? mark + text.dropFirst("Error: ".count) : text)
        }
        return ExitCodes.usage.rawValue
    }
}
