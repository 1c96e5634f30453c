import ArgumentParser
import Millpond
import PondBenchKit
import PondCore
import PondRedis
import Subprocess
import SystemPackage

/// `PondBench start`: from the start of a worker's process to its first fetch, for any program that has a `worker`.
struct StartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Measure how long a worker's program takes from its start to its first fetch."
    )

    @Argument(help: "The program, as in .build/release/pond.")
    var program: String

    @Option(help: ArgumentHelp("How often, at least 1. Defaults to 10.", valueName: "count"))
    var rounds = 10

    func validate() throws {
        guard (1...1_000).contains(rounds) else { throw ValidationError("--rounds is \(rounds), allowed is 1 to 1000") }
    }

    func run() async throws {
        try await runReporting(try OutputOptions.parse([])) { terminal in
            let times = try await Stage.with(sizes: .quick) { stage in
                var times: [Double] = []
                for _ in 0..<rounds { times.append(try await stage.start(of: program).inSeconds * 1e3) }
                return times
            }
            guard let spread = Spread(times) else { return }
            try terminal.print(
                "\(program): \(spread.median.short) ms (\(spread.least.short)-\(spread.most.short)) to the first fetch"
            )
        }
    }
}

extension Stage {
    /// Starts a worker with a job in its queue, and ends it when Redis has seen its first XREADGROUP.
    fileprivate func start(of program: String, clock: LocalClock = .system) async throws -> Duration {
        try await clear()
        _ = try await raw.send(RedisCommand("CONFIG", "RESETSTAT"))
        try await fill(1)
        let words = CPUs.pinned(
            [program, "worker", "--redis", server.url, "--queue", Self.queueName, "--log-level", "critical"],
            to: .clients
        )
        let started = clock.now()
        return try await Subprocess.run(
            .path(FilePath(words[0])),
            arguments: Arguments(Array(words.dropFirst())),
            input: .none,
            output: .discarded,
            error: .discarded
        ) { execution in
            while try await commandCalls()["xreadgroup"] ?? 0 == 0 {
                guard started.duration(to: clock.now()) < .seconds(30) else {
                    throw CommandFailure(.failure, "\(program) has fetched nothing within 30 seconds")
                }
                try await clock.sleep(.microseconds(500))
            }
            let ended = clock.now()
            try execution.send(signal: .kill)
            return started.duration(to: ended)
        }.closureResult
    }
}
