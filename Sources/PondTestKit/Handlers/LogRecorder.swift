public import Logging
import Synchronization

/// A line that a handler has logged.
public struct LoggedLine: Sendable {
    /// How much it matters.
    public let level: Logger.Level
    /// The words, without metadata.
    public let message: String
    /// The handler's metadata and that of its job, as text.
    public let metadata: [String: String]
}

/// Keeps what is logged, for a test to look at.
final class LogRecorder: Sendable {
    private let lines = Mutex<[LoggedLine]>([])

    var all: [LoggedLine] { lines.withLock { $0 } }

    /// A logger that writes here, every level of it.
    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(recorder: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { _, newer in newer }
            let line = LoggedLine(
                level: event.level,
                message: "\(event.message)",
                metadata: all.mapValues { "\($0)" }
            )
            recorder.lines.withLock { $0.append(line) }
        }
    }
}
