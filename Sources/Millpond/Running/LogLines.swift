import ArgumentParser
package import Logging

/// The log of a program: standard error, one line an event.
package enum LogLines {
    /// The level that the option, else `MILLPOND_LOG_LEVEL`, else `info` says.
    ///
    /// - Throws: `CommandFailure` when the variable holds something else than a level.
    package static func level(_ option: Logger.Level?) throws(CommandFailure) -> Logger.Level {
        if let option { return option }
        guard let text = Environment.value("MILLPOND_LOG_LEVEL") else { return .info }
        guard let level = Logger.Level(rawValue: text.lowercased()) else {
            throw CommandFailure(
                .usage,
                "MILLPOND_LOG_LEVEL is \"\(SafeText.escaped(text.prefix(40)))\", which is no level",
                hint: "set it to one of \(levels)"
            )
        }
        return level
    }

    /// For `@Option(transform: LogLines.level)`.
    package static func level(_ text: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: text.lowercased()) else {
            throw ValidationError("\"\(SafeText.escaped(text.prefix(40)))\" is no level; use one of \(levels)")
        }
        return level
    }

    private static var levels: String {
        Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
    }

    /// Sends every logger of the process to `handler`, at the level; only the first call of a process counts.
    package static func start(
        _ level: Logger.Level,
        _ handler: @escaping @Sendable (String) -> any LogHandler = handler
    ) {
        LoggingSystem.bootstrap { label in
            var handler = handler(label)
            handler.logLevel = level
            return handler
        }
    }

    /// Writes to standard error.
    package static func handler(label: String) -> any LogHandler {
        StreamLogHandler(label: label, stream: EscapingStream())
    }
}

/// Standard error, an event a write, so that the lines of many processes do not mix, and without control characters,
/// so that a job's payload cannot forge a line.
private struct EscapingStream: TextOutputStream, Sendable {
    func write(_ string: String) {
        let line = string.hasSuffix("\n") ? string.dropLast() : string[...]
        do {
            try Descriptor.write(Array((SafeText.escaped(line) + "\n").utf8), to: 2)
        } catch {
            // There is no place left to say that the log cannot be written.
            return
        }
    }
}
