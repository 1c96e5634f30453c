public import PondCore
import Synchronization

extension JobContext {
    /// Leaves a result behind, of which whoever enqueues the same key again is told the checksum.
    ///
    /// The last one counts, and only when the job has a key and is done.
    /// - Parameter time: how long the bytes themselves are kept. Defaults to not at all.
    /// - Throws: `PondError.invalidJob`, when it has more than 64 KiB.
    public func leave(result bytes: [UInt8], keptFor time: Duration? = nil) throws(PondError) {
        let result = try JobResult(bytes, keptFor: time).checked(for: id)
        progress.withLock { $0.result = result }
    }

    /// Leaves behind what a handler returned.
    func keep<Output>(output: Output) throws(ResultRefused) {
        guard let output = output as? any Encodable else { return }
        do throws(PondError) {
            try leave(result: try PayloadCoding.encode(result: output), keptFor: handler.resultTime)
        } catch {
            throw ResultRefused(
                text:
                    "the work is done, but not its result: \(error.message). To send the job back would do the work again"
            )
        }
    }
}

/// A handler has done its work, and what it returned cannot be stored: no further try can help, and each would repeat the work.
package struct ResultRefused: Error, RootCauseDescribing {
    let text: String

    package init(text: String) { self.text = text }

    /// What its group is made of.
    package var rootCauseParts: RootCause.Parts { .init(type: Cause.result.name, message: text) }
}
