package import ArgumentParser
import Millpond

/// Enqueues a folder.
package struct WalkCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "walk",
        abstract: "Add one job a file of a folder to the queue.",
        discussion:
            "Lists the files as `find DIR -type f` does. Workers read the same paths, so they need the same disk."
    )

    @Argument(help: ArgumentHelp("The folder.", valueName: "dir"))
    var folder: String

    @Option(help: ArgumentHelp("The queue. Defaults to \(Ingest.queue).", valueName: "queue"))
    var queue: String = Ingest.queue

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func run() async throws {
        try await runReporting(output) { terminal in
            let root = try FolderFeeder.root(folder)
            try await redis.withPond { pond in
                let bar = ProgressBar("enqueued", total: nil, on: terminal, offTerminal: .lines)
                defer { bar.finish(showsSummary: false) }
                let (files, obstacles) = try await FolderFeeder(try pond.queue(queue)).feed(root) {
                    bar.advance(to: $0)
                }
                bar.finish()
                Self.warn(of: obstacles, on: terminal)
                if output.json {
                    let members: [(String, JSONValue)] = [
                        ("folder", .string(root)), ("queue", .string(queue)), ("files", .count(files)),
                        ("unreadable_folders", .count(obstacles.count)),
                    ]
                    try terminal.print(JSONDocument(kind: "Walk", members))
                } else {
                    try terminal.print("\(files)")
                }
            }
        }
    }

    static func warn(of obstacles: [FolderWalk.Obstacle], on terminal: Terminal) {
        for obstacle in obstacles.prefix(5) {
            terminal.say("warning: the folder \(obstacle.path.text) was left out: \(obstacle.reason)")
        }
        if obstacles.count > 5 { terminal.say("warning: \(obstacles.count - 5) more folders were left out") }
    }
}
