import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue
import PondRedis

/// `pond tail`: what happens to jobs, a line an event.
struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Show what happens to jobs, a line an event, from the queues' journals.",
        discussion: """
            It begins with the newest events, in the order of time; with -f it goes on until it is stopped. With --json each \
            event is a document on a line of its own. A kind whose journal is sampled shows a part of its jobs.
            """
    )

    @Flag(name: [.customShort("f"), .long], help: "Go on with what comes, until it is stopped.")
    var follow = false

    @Option(help: ArgumentHelp("Only this queue; may be repeated.", valueName: "name"))
    var queue: [String] = []

    @Option(help: ArgumentHelp("Only jobs of this kind; may be repeated.", valueName: "kind"))
    var kind: [String] = []

    @Option(
        help: ArgumentHelp("Only this event, as done or dead; may be repeated.", valueName: "event"),
        transform: TailCommand.event
    )
    var event: [JournalEvent.Kind] = []

    @Option(help: ArgumentHelp("How many of the newest events to begin with, 0 to 10000.", valueName: "n"))
    var limit = 20

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    /// How long one read waits.
    private static let block = Duration.seconds(2)

    func validate() throws {
        guard (0...10_000).contains(limit) else { throw ValidationError("--limit is \(limit), allowed is 0 to 10000") }
    }

    private static func event(_ text: String) throws -> JournalEvent.Kind {
        guard let kind = JournalEvent.Kind(rawValue: text) else {
            let known = JournalEvent.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("\"\(SafeText.escaped(text.prefix(40)))\" is no event; known are \(known)")
        }
        return kind
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let names = try await names(pond, terminal)
                var tail = JournalTail(pond, queues: names, filter: TailFilter(kinds: Set(kind), events: Set(event)))
                // Read also when none is shown: it is where following begins.
                for event in try await tail.newest(max(1, limit)).suffix(limit) { try show(event, on: terminal) }
                guard follow else { return }
                let reader = pond.makeReader()
                defer { terminal.say("") }
                while !Task.isCancelled { try await follow(&tail, reader, terminal) }
                await reader.close()
            }
        }
    }

    /// The queues that were named.
    ///
    /// One that is not there is an error, unless it is waited for: then that is said.
    private func names(_ pond: Pond, _ terminal: Terminal) async throws -> [QueueName] {
        var names: [QueueName] = []
        for name in queue {
            do {
                names.append(try await QueueLookup(pond: pond).existing(name).name)
            } catch let failure as CommandFailure where failure.exitCode == .notFound && follow {
                names.append(try QueueName(name))
                terminal.say("\(SafeText.escaped(failure.message)) yet; waiting for it")
            }
        }
        return names
    }

    private func follow(_ tail: inout JournalTail, _ reader: RedisClient, _ terminal: Terminal) async throws {
        do {
            let news = try await tail.next(on: reader, block: Self.block)
            for (queue, count) in news.missed.sorted(by: { $0.key < $1.key }) {
                terminal.say("\(count.formatted) of \(queue) were trimmed before they were read")
            }
            for event in news.events { try show(event, on: terminal) }
        } catch let failure as CommandFailure {
            throw failure
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            // Who follows wants to go on when the server is back.
            CommandFailure(describing: error).report(on: terminal, asJSON: output.json)
            try await LocalClock.system.sleep(.seconds(1))
        }
    }

    private func show(_ event: TailEvent, on terminal: Terminal) throws {
        let view = TailView(event: event)
        try terminal.print(output.json ? view.document.text : view.line(for: terminal))
    }
}

extension Int64 {
    fileprivate var formatted: String { Int(clamping: self).of("event") }
}
