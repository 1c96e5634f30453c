import ArgumentParser
import Millpond
import PondCore
import PondQueue

/// `pond queue resume`: workers fetch from a queue again.
struct QueueResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Let workers fetch from a paused queue again."
    )

    @OptionGroup var queue: OneQueue

    func run() async throws {
        try await queue.run { found, terminal in
            let wasPaused = try await found.depth().isPaused
            try await found.resume()
            if queue.output.json { return try terminal.print(QueueDocument.state("running", of: found.name)) }
            try terminal.print(
                wasPaused
                    ? "resumed \(found.name); workers fetch again within a second" : "\(found.name) was not paused"
            )
        }
    }
}
