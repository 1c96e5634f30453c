import Logging
import PondQueue
import PondSQLite

/// Says once that something fails, and what; once that it works again; and little in between.
struct HistoryOutage {
    private let logger: Logger
    private var failures = 0
    private var what = ""

    init(_ logger: Logger) {
        self.logger = logger
    }

    /// Whether waiting may help.
    static func mayPass(_ error: any Error) -> Bool {
        switch error {
        case let error as SQLiteError: error.mayPass
        case let error as QueueError: error.isTransient
        default: false
        }
    }

    /// Notes a failure.
    ///
    /// - Returns: how many failures came in a row, this one included.
    mutating func failed(_ error: any Error) -> Int {
        failures += 1
        let what =
            error is SQLiteError
            ? "the history cannot be written; its position stays where it is" : "the journals cannot be read"
        // A second trouble in the first one is news too.
        if failures == 1 || what != self.what {
            logger.warning("\(what); trying again until it works", metadata: ["error": "\(error)"])
        } else if failures.isMultiple(of: 60) {
            logger.error("\(what), still", metadata: ["error": "\(error)", "failures": "\(failures)"])
        }
        self.what = what
        return failures
    }

    /// Notes that it works.
    mutating func worked() {
        if failures > 0 { logger.info("the history goes on", metadata: ["failures": "\(failures)"]) }
        failures = 0
    }
}
