import ArgumentParser
import Millpond
import PondQueue

/// `pond queue get`: one queue, its workers and the causes of its dead.
struct QueueGetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show one queue: what it holds, who serves it, what its dead jobs died of."
    )

    @OptionGroup var queue: OneQueue

    func run() async throws {
        try await queue.run { found, terminal in
            let view = try await QueueView.read(found)
            if queue.output.json { return try terminal.print(view.document) }
            try terminal.print(view.text(for: terminal))
        }
    }
}
