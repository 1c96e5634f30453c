package import PondCore
import PondRedis

/// What became of jobs of an export that were sent to a queue.
package struct ImportAnswer: Sendable {
    /// The number of the last job of this export that the queue has dealt with.
    package let cursor: Int64
    /// Jobs that are runnable now.
    package let ready: Int
    /// Jobs that wait for their time.
    package let held: Int
    /// Jobs whose key was known, so that nothing was added.
    package let duplicates: Int
    /// Jobs that were sent before.
    package let before: Int
    /// The first job that was refused, with the reason; those behind it were not looked at.
    package let refused: (number: Int64, error: QueueError)?
}

extension Queue {
    /// The most jobs of one import call, and the most bytes of their payloads; Redis does nothing else meanwhile.
    package static let importBatchMax = (jobs: 200, bytes: 1_048_576)

    /// Adds jobs of an export, each once however often it is sent.
    ///
    /// The number of the last job is kept in the queue's `meta` and moves with every job, in the same call; so when an
    /// answer is lost, sending the same again is right.
    ///
    /// - Parameters:
    ///   - export: the export's id, 1 to 64 codes, digits and hyphens.
    ///   - jobs: with their numbers in the export, which ascend. None only asks for the cursor.
    package func importJobs(
        _ jobs: [(number: Int64, job: NewJob)],
        of export: String
    ) async throws(QueueError) -> ImportAnswer {
        var arguments: [RedisArgument] = [.text(export)]
        for (number, job) in jobs {
            let words = try job.functionArguments()
            arguments += [.integer(number), .integer(Int64(words.count))]
            arguments += words
        }
        var reader = try ReplyReader("pond_import", try await pond.call("pond_import", keys, arguments))
        return ImportAnswer(
            cursor: try reader.number(),
            ready: Int(try reader.number()),
            held: Int(try reader.number()),
            duplicates: Int(try reader.number()),
            before: Int(try reader.number()),
            refused: reader.isAtEnd
                ? nil : (try reader.number(), QueueError(.reply(try reader.text()), doing: "import into \(name)"))
        )
    }
}
