import ArgumentParser
import Millpond
import PondQueue

/// Which job a command is about.
struct JobChoice: ParsableArguments {
    @Argument(help: "The job's id, or QUEUE/ID.")
    var id: String

    @Option(help: ArgumentHelp("The job's queue.", valueName: "name"))
    var queue: String?

    /// Finds the job; without a queue it is looked for in all known ones.
    ///
    /// - Throws: `CommandFailure`, when the id is none or no queue has the job.
    func find(on pond: Pond) async throws -> (queue: Queue, report: JobReport) {
        try await QueueLookup(pond: pond).job(try JobAddress(id), in: queue)
    }
}
