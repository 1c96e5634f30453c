import ArgumentParser
import Millpond
import PondQueue

/// What a command takes that is about one queue, and about nothing else.
struct OneQueue: ParsableArguments {
    @Argument(help: "The queue's name.")
    var name: String

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    /// Runs `body` with the queue, which has to be there.
    func run(_ body: (Queue, Terminal) async throws -> Void) async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                try await body(try await QueueLookup(pond: pond).existing(name), terminal)
            }
        }
    }
}
