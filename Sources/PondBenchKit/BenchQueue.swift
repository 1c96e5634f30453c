package import PondCore
package import PondQueue

/// A queue with a name that no other has, for as long as a measurement takes.
package struct BenchQueue: Sendable {
    /// The queue.
    package let queue: Queue

    /// Makes a name on a server; nothing is written yet.
    package init(on pond: Pond) throws(PondError) {
        let name = "bench-" + String(UInt64.random(in: .min ... .max), radix: 36)
        queue = try pond.queue(name)
    }

    /// Removes every key of the queue, and its name from the list of queues.
    ///
    /// - Throws: `QueueError`, when the server does not answer: then `pond status` still shows the queue.
    package func remove() async throws(QueueError) { try await queue.erase() }
}
