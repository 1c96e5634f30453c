import ArgumentParser
import Glibc
import Millpond
import PondCore
import PondFleet
import PondQueue
import PondScaling
import PondSupervisor

/// For how long an order counts, and why it was given.
struct OrderOptions: ParsableArguments {
    @Option(
        name: .customLong("for"),
        help: ArgumentHelp(
            "For how long, at most 30d; then the law decides again. Defaults to 1h.",
            valueName: "duration"
        ),
        transform: Duration.argument
    )
    var duration: Duration?

    @Option(help: ArgumentHelp("Why, for people; at most 1 KiB.", valueName: "text"))
    var reason = ""

    var length: Duration { duration ?? .seconds(3_600) }

    func validate() throws {
        guard length >= .seconds(1), length <= FleetStore.orderDurationMax else {
            throw ValidationError("--for is \(length.human), allowed is 1s to \(FleetStore.orderDurationMax.human)")
        }
        guard reason.utf8.count <= 1_024 else {
            throw ValidationError("--reason has \(reason.utf8.count) bytes, allowed are 1024")
        }
    }

    /// The order, by whoever runs this program.
    func order(_ kind: ScalingOrder.Kind, workers: Int? = nil, now: ServerTime) -> ScalingOrder {
        let user = Environment.value("SUDO_USER") ?? Environment.value("USER") ?? "uid \(getuid())"
        return ScalingOrder(
            kind: kind,
            workers: workers,
            until: now.advanced(by: length),
            by: "\(user)@\(Host.name)",
            reason: reason
        )
    }
}

/// `pond scale pin`: a size that a person decides, for a while.
struct ScalePinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pin",
        abstract: "Keep a queue at a number of workers for a while, whatever the load is.",
        discussion: "With --at-least the load may ask for more. It ends by itself, or with `pond scale unpin`."
    )

    @Argument(help: "The queue.")
    var queue: String

    @Argument(help: "How many workers.")
    var workers: Int

    @Flag(help: "So many or more, as the load needs.")
    var atLeast = false

    @OptionGroup var order: OrderOptions
    @OptionGroup var fleet: FleetOption
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (0...ScaledFleetConfiguration.workersBounds.upperBound).contains(workers) else {
            throw ValidationError(
                "\(workers) workers are not possible; allowed are 0 to \(ScaledFleetConfiguration.workersBounds.upperBound)"
            )
        }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let (store, view) = try await FleetLookup(pond: pond).fleet(fleet.fleet)
                let decision = try view.decision(about: queue, fleet: store.name)
                guard !view.members.isEmpty else {
                    throw CommandFailure(
                        .conflict,
                        "fleet \(store.name) has no host, so nobody would obey the pin",
                        hint: "start one with `pond supervise`, then pin; `pond fleet` shows who is there"
                    )
                }
                let order = order.order(atLeast ? .floor : .pin, workers: workers, now: view.now)
                let until = try await store.order(order, about: .queue(queue), for: self.order.length)
                if let note = note(decision, view) { terminal.say("note: \(note)") }
                try OrderView.show(order, about: queue, until: until, on: terminal, output)
            }
        }
    }
}

extension ScalePinCommand {
    /// What keeps the order from being obeyed in full; nil when nothing does.
    private func note(_ decision: ScalingDecision, _ view: FleetView) -> String? {
        if atLeast {
            guard workers > decision.workersMax else { return nil }
            return "\(queue) has at most \(decision.workersMax) workers, so it gets no more than those"
        }
        let room = view.members.compactMap(\.status?.report.workersMax).reduce(0, +)
        let past = "\(workers) is past the maximum of \(decision.workersMax) that \(queue) has"
        if workers > room {
            let hosts = "the fleet's max_workers and its hosts, which have room for \(room), bound it"
            return workers > decision.workersMax ? "\(past), and \(hosts)" : hosts
        }
        return workers > decision.workersMax ? "\(past); only the fleet's max_workers and its hosts bound it" : nil
    }
}

/// `pond scale pause`: sizes stay as they are.
struct ScalePauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Leave the size of a queue's workers, or of all, as it is for a while.",
        discussion: "Workers that end are still replaced. It ends by itself, or with `pond scale resume`."
    )

    @Argument(help: "The queue; the whole fleet when none is named.")
    var queue: String?

    @OptionGroup var order: OrderOptions
    @OptionGroup var fleet: FleetOption
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let (store, view) = try await FleetLookup(pond: pond).fleet(fleet.fleet)
                if let queue { _ = try view.decision(about: queue, fleet: store.name) }
                let subject = queue.map { OrderSubject.queue($0) } ?? .fleet
                let order = order.order(.pause, now: view.now)
                let until = try await store.order(order, about: subject, for: self.order.length)
                try OrderView.show(order, about: queue ?? "fleet \(store.name)", until: until, on: terminal, output)
            }
        }
    }
}

/// `pond scale unpin`: the law decides about a queue again.
struct ScaleUnpinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unpin",
        abstract: "End a pin: the load decides again."
    )

    @Argument(help: "The queue.")
    var queue: String

    @OptionGroup var fleet: FleetOption
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await OrderView.end([.pin, .floor], "pin", queue, fleet, redis, output)
    }
}

/// `pond scale resume`: the law decides again.
struct ScaleResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "End a pause: the load decides again."
    )

    @Argument(help: "The queue; the whole fleet when none is named.")
    var queue: String?

    @OptionGroup var fleet: FleetOption
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await OrderView.end([.pause], "pause", queue, fleet, redis, output)
    }
}
