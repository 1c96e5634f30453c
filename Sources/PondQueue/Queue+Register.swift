import Logging
import PondCore
import PondRedis
import Synchronization

/// Whether this process has made a queue known; one for each queue of a pond.
final class Registration: Sendable {
    private let isDone = Atomic<Bool>(false)

    var isKnown: Bool { isDone.load(ordering: .relaxed) }

    func done() { isDone.store(true, ordering: .relaxed) }
}

extension Queue {
    /// Makes the queue known to `pond status` and `pond queue list`.
    ///
    /// A server that refuses that is only warned of, because no job depends on it: on a cluster the set of queues is perhaps on
    /// another node, and a user may have no right to it.
    package func register() async throws(QueueError) {
        let command = RedisCommand("SADD", .text(Keys.queues(prefix: pond.prefix)), .text(name.text))
        do throws(QueueError) {
            _ = try await pond.run(command, doing: "registering queue \(name)")
        } catch {
            guard let refusal = error.redis?.prefix, Queue.refusals.contains(refusal) else { throw error }
            pond.logger.warning(
                "the queue cannot be made known; status, doctor and the dashboard show it only when they are told its name",
                metadata: ["queue": "\(name)", "error": "\(error)"]
            )
        }
        registration.done()
    }

    /// The answers that stay the same however often one asks.
    private static let refusals: Set<String> = ["MOVED", "CROSSSLOT", "NOPERM", "WRONGTYPE"]

    /// The same after jobs were added, which must not fail for it: whatever goes wrong is tried again with the next job.
    nonisolated(nonsending) func registerAfterEnqueue() async {
        do throws(QueueError) { try await register() } catch {
            pond.logger.debug(
                "the queue is not known yet",
                metadata: ["queue": "\(name)", "error": "\(error)"]
            )
        }
    }
}
