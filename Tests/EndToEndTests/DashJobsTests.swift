import PondCore
import PondQueue
import PondTestKit
import Subprocess
import Testing

/// The screens of jobs and of the dead on a real terminal, with a real worker behind them.
@Suite(.serialized, .redis) struct DashScreenTests {
    /// The most commands that a look may send.
    private static let commandsMax = 60

    private func withTerminal(_ body: (DashTerminal.Ends) async throws -> Void) async throws {
        let ends = try DashTerminal.Ends()
        defer { ends.close() }
        try await body(ends)
    }

    /// Ends the ready jobs of a queue as dead, each third of them with another error.
    private func kill(_ count: Int, in queue: Queue) async throws {
        let kind = try JobKind("order.charge")
        _ = try await queue.enqueue((0..<count).map { _ in NewJob(kind: kind, data: Array("{}".utf8)) })
        let ann = Consumer("ann")
        _ = try await queue.beat(as: ann, about: "{}")
        let errors = ["bank refused the connection", "disk is full", "card \u{1b}[31mstolen\u{1b}[0m 数据库"]
        let deliveries = try await queue.fetch(as: ann, atMost: count).deliveries
        let settlements = try deliveries.enumerated().map { index, delivery -> Settlement in
            let error = errors[index % errors.count]
            return Settlement(
                receipt: delivery.receipt,
                id: try delivery.job.get().id,
                outcome: .dead(cause: .failed, error: error),
                root: RootCause(.init(type: "Charge", message: error), kind: kind.text)
            )
        }
        _ = try await queue.settle(settlements, as: ann)
        _ = try await queue.leave(as: ann)
    }

    private func sleeper(_ options: EnqueueOptions) throws -> NewJob {
        NewJob(kind: try JobKind("pond.sleep"), data: Array("{\"seconds\":600}".utf8), options: options)
    }

    @Test func `an id and a correlation id are found with their reasons, and a root cause is opened`() async throws {
        try await withDirectory { folder in
            let place = try Place()
            let payments = try place.pond.queue("\(place.queue.name)-payments")
            for queue in [place.queue, payments] { try await queue.register() }
            try await kill(300, in: payments)
            var options = EnqueueOptions()
            options.correlationID = "order-4711"
            let running = try await place.queue.enqueue(try sleeper(options)).id
            options.delay = .seconds(3_600)
            for _ in 0..<2 { _ = try await place.queue.enqueue(try sleeper(options)) }
            let file = folder + "/history.sqlite"
            try await Child.run(["worker", "--slots", "1"] + place.options) { worker in
                try await worker.line("worker ready")
                try await EndToEndTests.eventually("the worker is busy", says: worker.log) {
                    try await place.queue.job(running).state == .running
                }
                let followed = try await Child.run(
                    ["history", "follow", "--once", "--file", file, "--redis", place.url]
                )
                #expect(followed.code == 0, "\(followed.error)")
                let address = "\(place.queue.name)/\(running)"
                // How long a try may take is known with the worker's first heartbeat.
                var next = ""
                try await EndToEndTests.eventually("the worker has told of its job", says: { next }) {
                    let why = try await Child.run(["why", address, "--file", file, "--redis", place.url]).output
                    // What is left of its time grows less until the dashboard shows it.
                    let line = why.first { $0.hasPrefix("NEXT") }?.dropFirst(6)
                    next = String(line?.prefix { !$0.isNumber } ?? "")
                    return !next.isEmpty && !next.contains("kind's timeout")
                }
                let shown = next
                try await withTerminal { ends in
                    let arguments = ["dash", "--file", file, "--redis", place.url]
                    let ended = try await DashTerminal.run(arguments, on: ends) { terminal in
                        try await terminal.shows("READY")
                        try await terminal.see(after: "4", address, "pond.sleep", "dead", "scheduled")
                        // An id is pasted, as from a log line.
                        terminal.press("/\u{1b}[200~\(running)\n\u{1b}[201~")
                        try await terminal.see(
                            after: "\r",
                            address,
                            "RUNNING",
                            "running",
                            "has had it for",
                            shown
                        )
                        terminal.press("\u{1b}")
                        try await terminal.see(after: "/order-4711\r", "order-4711: 3 jobs", "held")
                        try await terminal.see(after: "G\r", "HELD", "scheduled")
                        try await terminal.see(after: "/0-99\r", "UNKNOWN", "unknown")
                        ends.resize(120, 40)
                        try await terminal.see(
                            after: "5",
                            "300 jobs of 3 root causes",
                            "bank refused the connection",
                            "open"
                        )
                        try await terminal.see(after: "\r", "100 dead now", "pond dead retry E-", "\(payments.name)/")
                        try await terminal.see(after: "\r", "DEAD", "WHY   ", "dead")
                        ends.resize(40, 9)
                        try await terminal.see(after: "\u{1b}", "Newest jobs")
                        #expect(!terminal.text.contains("\u{1b}[31mstolen"))
                        terminal.press("q")
                    }
                    #expect(ended.status == .exited(0))
                }
            }
        }
    }

    @Test func `with many queues a look still takes few commands, and walks through nothing`() async throws {
        try await RedisServer.withServer { server in
            let place = try Place(server)
            for number in 0..<30 {
                let queue = try place.pond.queue("q\(number)")
                try await queue.register()
                try await kill(3, in: queue)
            }
            let monitor = try RedisMonitor(place.url)
            defer { monitor.close() }
            try await withTerminal { ends in
                let arguments = ["dash", "--every", "200ms", "--redis", place.url]
                let ended = try await DashTerminal.run(arguments, on: ends) { terminal in
                    try await terminal.shows("READY")
                    for (key, text) in [("4", "What just happened"), ("5", "90 jobs of 3 root causes"), ("\r", "DO")] {
                        // Turns take all queues in.
                        try await terminal.see(after: key, text)
                        _ = monitor.take()
                        var commands: [String] = []
                        // Each look lists the queues and the fleets.
                        try await EndToEndTests.eventually("five looks are over", says: { terminal.text }) {
                            commands += monitor.take()
                            return commands.count { $0 == "smembers" } >= 10
                        }
                        // On a busy machine a part of the next one is heard of too.
                        let looks = commands.count { $0 == "smembers" } / 2 + 1
                        #expect(commands.count <= Self.commandsMax * looks, "\(commands.count) in \(looks) looks")
                        #expect(!commands.contains { $0.hasPrefix("scan") || $0.hasPrefix("keys") })
                    }
                    terminal.press("q")
                }
                #expect(ended.status == .exited(0))
            }
        }
    }

    @Test func `while redis is away the screens answer keys, and go on when it is back`() async throws {
        try await RedisServer.withServer(RedisServer.Options(appendOnly: true)) { server in
            let place = try Place(server)
            try await place.queue.register()
            try await kill(3, in: place.queue)
            try await withTerminal { ends in
                let ended = try await DashTerminal.run(["dash"] + place.options, on: ends) { terminal in
                    try await terminal.shows("READY")
                    try await terminal.see(after: "5", "3 jobs of 3 root causes")
                    server.kill()
                    try await terminal.see(after: "", "Redis is away")
                    try await terminal.see(after: "4/17-1\r", "17-1", "Redis is away", "not read")
                    try await server.start()
                    try await terminal.see(after: "r", "UNKNOWN")
                    terminal.press("q")
                }
                #expect(ended.status == .exited(0))
            }
        }
    }
}

extension DashTerminal {
    /// Presses keys, and has all drawn anew until the texts are there.
    fileprivate func see(after keys: String, _ texts: String...) async throws {
        press(keys)
        try await EndToEndTests.eventually(
            "after \(keys) the terminal shows \(texts)",
            within: .seconds(60),
            says: { self.text }
        ) {
            forget()
            press("\u{c}")
            // A screen that is drawn anew comes in parts.
            try await LocalClock.system.sleep(.milliseconds(100))
            let shown = text
            return texts.allSatisfy { shown.contains($0) }
        }
    }
}
