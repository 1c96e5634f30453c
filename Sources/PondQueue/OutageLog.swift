package import Logging
import Synchronization

/// Says once that something fails, says once that it works again, and nothing in between.
package final class OutageLog: Sendable {
    private let logger: Logger
    private let failures = Mutex(0)

    package init(_ logger: Logger) {
        self.logger = logger
    }

    /// Notes a failure.
    ///
    /// - Returns: how many failures came in a row, this one included.
    @discardableResult
    package func failed(_ what: String, _ error: any Error) -> Int {
        let count = failures.withLock { count -> Int in
            count += 1
            return count
        }
        let metadata: Logger.Metadata = ["what": "\(what)", "error": "\(error)", "failures": "\(count)"]
        if count == 1 {
            logger.warning("redis call failed; trying again until it works", metadata: metadata)
        } else if count.isMultiple(of: 60) {
            logger.error("redis call still fails", metadata: metadata)
        }
        return count
    }

    /// Notes that it works.
    package func worked(_ what: String) {
        let before = failures.withLock { count -> Int in
            defer { count = 0 }
            return count
        }
        if before > 0 {
            logger.info("redis call works again", metadata: ["what": "\(what)", "failures": "\(before)"])
        }
    }
}
