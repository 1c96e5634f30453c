import ArgumentParser
import Millpond
import PondBenchKit
import PondCore
import PondQueue

/// `pond bench`: how fast this Redis and this machine carry jobs.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure how fast jobs go through a Redis, in a queue of its own.",
        discussion: """
            Enqueues jobs one at a time and in bulk, drains them with a worker in this process, and measures how long \
            a job takes from enqueue to its handler. No queue of yours is touched: the jobs go through one with a name \
            that nobody else has, which is removed in the end. The server is kept busy meanwhile, so mind who else \
            uses it.
            """
    )

    @Option(help: ArgumentHelp("Jobs to enqueue and drain, 100 to 1000000. Defaults to 20000.", valueName: "count"))
    var jobs = 20_000

    @Option(help: ArgumentHelp("The longest that each part may take, 1 to 600. Defaults to 10.", valueName: "count"))
    var seconds = 10

    @Option(help: ArgumentHelp("Handlers that run at a time, 1 to 1024. Defaults to 10.", valueName: "count"))
    var slots = 10

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (100...1_000_000).contains(jobs) else {
            throw ValidationError("--jobs is \(jobs), allowed is 100 to 1000000")
        }
        guard (1...600).contains(seconds) else { throw ValidationError("--seconds is \(seconds), allowed is 1 to 600") }
        guard (1...Limits.slotsMax).contains(slots) else {
            throw ValidationError("--slots is \(slots), allowed is 1 to \(Limits.slotsMax)")
        }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            // Ctrl-C cancels what is measured, and then the queue is still removed.
            let result = try await withStopSignals(hangUp: .stops, .quiet) { _ in
                try await redis.withPond { pond in try await measureAndRemove(pond) }
            }
            guard let result else { throw CommandFailure.stopped }
            if output.json { return try terminal.print(result.document) }
            try terminal.print(result.text(for: terminal))
        }
    }

    private func measureAndRemove(_ pond: Pond) async throws -> BenchResult {
        try await pond.installLibrary()
        let bench = try BenchQueue(on: pond)
        let measured: Result<BenchResult, any Error>
        do { measured = .success(try await measure(bench.queue)) } catch {
            measured = .failure(Task.isCancelled ? CancellationError() : error)
        }
        // In a task of its own, because this one may have been cancelled.
        try await Task { try await bench.remove() }.value
        return try measured.get()
    }

    private func measure(_ queue: Queue) async throws -> BenchResult {
        let limit = Duration.seconds(seconds)
        let enqueueing = EnqueueBench(queue)
        let one = try await enqueueing.oneByOne(jobs, atMost: limit / 2)
        let onExecutor = EnqueueBench(queue, executor: queue.pond.executor)
        let oneOnExecutor = try await onExecutor.oneByOne(jobs, atMost: limit / 2)
        let many = try await enqueueing.many(jobs, atMost: limit / 2)
        let waiting = one.jobs + oneOnExecutor.jobs + many.jobs
        let drain = try await DrainBench(queue, slots: slots, handling: .decoded).run(waiting, atMost: limit * 6)
        // Each job and its pause take some 6 ms.
        let latency = try await LatencyBench(queue, slots: slots).idle(min(1_000, jobs, seconds * 150))
        return BenchResult(
            one: one,
            oneOnExecutor: oneOnExecutor,
            many: many,
            drain: drain.pace,
            latency: latency,
            slots: slots
        )
    }
}

/// What `pond bench` found.
struct BenchResult: Sendable {
    let one: Pace
    /// The same by a task on the connection's thread, which polls for its replies.
    let oneOnExecutor: Pace
    let many: Pace
    let drain: Pace
    let latency: Histogram
    let slots: Int

    private var quantiles: [(name: String, microseconds: Int)] {
        [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1)].map { name, part in
            (name, Int((latency.quantile(part).inSeconds * 1e6).rounded()))
        }
    }

    func text(for terminal: Terminal) -> String {
        var table = Table([.text("measured"), .number("jobs"), .number("seconds"), .number("jobs/s")])
        let rows = [
            ("enqueue, one at a time", one), ("the same, on pond.executor", oneOnExecutor),
            ("enqueue, 1000 a call", many), ("drain, \(slots.of("slot"))", drain),
        ]
        for (title, pace) in rows {
            let seconds = "\((pace.seconds * 100).rounded() / 100)"
            table.add([.text(title), .count(pace.jobs), .text(seconds), .count(Int(pace.perSecond))])
        }
        let parts = quantiles.map { "\($0.name == "p999" ? "p99.9" : $0.name) \($0.microseconds.grouped) us" }
        return table.text(for: terminal) + "\n\nenqueue to handler, idle: " + parts.joined(separator: ", ")
    }

    var document: JSONDocument {
        func value(_ pace: Pace) -> JSONValue {
            .object([
                ("jobs", .count(pace.jobs)), ("seconds", .double(pace.seconds)),
                ("jobs_per_second", .double(pace.perSecond)),
            ])
        }
        return JSONDocument(
            kind: "Bench",
            [
                ("enqueue_one", value(one)), ("enqueue_one_on_executor", value(oneOnExecutor)),
                ("enqueue_many", value(many)), ("drain", value(drain)),
                ("slots", .count(slots)),
                ("latency_us", .object(quantiles.map { ($0.name, .count($0.microseconds)) })),
            ]
        )
    }
}
