package import PondCore
import PondRedis

/// How a job that was sent back goes on.
package enum JobFate: String, Sendable, Hashable, CaseIterable {
    /// It waits or runs, and has not failed.
    case open
    /// It is dead, or waits for another try after a failure.
    case failed
    /// It is nowhere: done, cancelled or forgotten.
    case ended
}

extension Queue {
    /// How jobs go on whose attempts began at 0.
    ///
    /// - Parameter ids: at most `Limits.deadBatchMax`.
    package func fates(of ids: [JobID]) async throws(QueueError) -> [JobFate] {
        let reply = try await pond.call("pond_fates", keys, ids.map { .text($0.text) }, readOnly: true)
        var reader = try ReplyReader("pond_fates", reply)
        var fates: [JobFate] = []
        for _ in ids {
            let word = try reader.text()
            guard let fate = JobFate(rawValue: word) else {
                throw QueueError(.unexpectedReply, "pond_fates answered \"\(word)\", which this version does not know")
            }
            fates.append(fate)
        }
        return fates
    }
}
