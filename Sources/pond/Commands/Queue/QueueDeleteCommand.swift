import ArgumentParser
import Millpond
import PondCore
import PondQueue

/// `pond queue delete`: a queue that is not needed any more.
struct QueueDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete a queue that is empty and that no worker serves.",
        discussion: """
            With it goes what it remembers: the keys of jobs that are done, its journal, its audit and its limit. A producer \
            or a worker that uses the name again begins a new one.
            """
    )

    @Argument(help: "The queue's name.")
    var name: String

    @Flag(help: "Do it without asking.")
    var yes = false

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let queue = try await QueueLookup(pond: pond).existing(name)
                let done = try await queue.depth().done
                terminal.say(
                    "delete for good queue \(queue.name), with its journal and the keys of its done jobs (\(done.grouped) ever)"
                )
                try Confirmation.ask("delete it", count: 1, yes: yes, on: terminal)
                let answer = try await queue.delete()
                guard answer == .deleted else { throw refusal(answer, try await queue.depth()) }
                if output.json {
                    return try terminal.print(QueueDocument.state("deleted", of: queue.name))
                }
                try terminal.print("deleted \(queue.name)")
            }
        }
    }

    private func refusal(_ answer: DeleteAnswer, _ depth: Depth) -> CommandFailure {
        let (what, hint) =
            switch answer {
            case .ready:
                ("it holds \(depth.ready.of("ready job"))", "`pond queue purge \(name)` cancels what waits")
            case .held:
                ("it holds \(depth.held.of("held job"))", "`pond queue purge \(name)` cancels what waits")
            case .waiting:
                ("it holds \(depth.waiting.of("waiting saga"))", "`pond job cancel ID` cancels one")
            case .limited:
                (
                    "a limit holds \(depth.limited.of("job")) of it back",
                    "`pond queue purge \(name)` cancels what waits; `pond limit list` shows the limits"
                )
            case .inFlight:
                ("\(depth.inFlight.of("job", ("is", "are"))) in flight", "wait for the workers, or stop them")
            case .dead:
                ("it holds \(depth.dead.of("dead job"))", "`pond dead discard --all --queue \(name)` forgets them")
            case .workers, .deleted:
                (
                    "\(depth.workers.of("worker", ("serves", "serve"))) it",
                    "`pond worker list \(name)` shows which; stop them first"
                )
            }
        return CommandFailure(.conflict, "queue \(name) is not deleted: \(what)", hint: hint)
    }
}
