import Logging
import Synchronization

/// Says once, and loudly, what keeps every job from ending well.
///
/// A program that is not there, an address that does not know the route: with each job it would be lost among its own
/// repetitions.
final class Complaints: Sendable {
    private let last = Mutex<String?>(nil)
    private let logger: Logger

    init(_ logger: Logger) {
        self.logger = logger
    }

    /// Says it, unless it was the last that was said.
    func say(_ cause: String, _ text: String) {
        let isNew = last.withLock { last in
            defer { last = cause }
            return last != cause
        }
        guard isNew else { return }
        logger.error(
            "the handler cannot run any job until this is mended; the jobs are tried again",
            metadata: ["cause": "\(cause)", "error": "\(text)"]
        )
    }

    /// A job came through, so the next complaint is news.
    func clear() { last.withLock { $0 = nil } }
}
