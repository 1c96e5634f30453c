import Millpond
import PondCore
import PondQueue
import PondRedis

/// The checks of every queue: what it holds, its keys, its consumers.
struct DoctorQueues {
    private let pond: Pond

    /// Healthy queues are named one by one up to this many.
    private static let namedMax = 20

    init(_ pond: Pond) {
        self.pond = pond
    }

    func findings(isLibraryUsable: Bool) async -> [DoctorFinding] {
        let names: [QueueName]
        do {
            names = try await pond.queues()
        } catch {
            guard error.redis?.prefix == "WRONGTYPE" else { return [.unchecked("queues", error.message)] }
            return [
                .failure(
                    "queues",
                    "the key \(Keys.queues(prefix: pond.prefix)) is of another type, expected is a set",
                    advice: "another program writes it; save what it holds, then RENAME or DEL it"
                )
            ]
        }
        var findings = await unknownQueues(beside: names)
        guard !names.isEmpty else { return findings + [.ok("queues", "none is known yet")] }
        guard isLibraryUsable else {
            return findings + [
                .unchecked(
                    "queues",
                    "\(names.count.of("queue")) cannot be read without this program's function library",
                    advice: "see the library above"
                )
            ]
        }
        var healthy: [DoctorFinding] = []
        for name in names {
            let found = await check(name)
            if found.allSatisfy({ $0.level == .ok }) { healthy += found } else { findings += found }
        }
        if healthy.count > DoctorQueues.namedMax {
            healthy = [.ok("queues", "\(healthy.count.of("queue")) without a fault")]
        }
        return findings + healthy
    }

    private func check(_ name: QueueName) async -> [DoctorFinding] {
        let check = "queue \(name)"
        do {
            let queue = try pond.queue(name.text)
            let keys = await DoctorKeys(queue).findings(check)
            // A key of the wrong type spoils every other reading.
            guard keys.isEmpty else { return keys }
            let depth = try await queue.depth()
            var findings = DoctorQueues.judge(depth, check, reason: try await queue.pauseReason())
            findings += await DoctorStreams(queue).findings(check, depth)
            return findings.isEmpty ? [.ok(check, DoctorQueues.summary(depth))] : findings
        } catch {
            let failure = CommandFailure(describing: error)
            if failure.exitCode == .refused { return [.unchecked(check, failure.message, advice: failure.hint)] }
            return [.failure(check, failure.message, advice: failure.hint ?? "see `pond status`")]
        }
    }

    private static func summary(_ depth: Depth) -> String {
        let wait = depth.ready > 0 ? ", the oldest waits for \(depth.oldestReady.human)" : ""
        return "\(depth.ready.grouped) ready, \(depth.inFlight.grouped) in flight, \(depth.held.grouped) held, "
            + "\(depth.dead.grouped) dead, \(depth.workers.of("worker"))\(wait)"
    }

    /// What the queue's numbers say.
    static func judge(_ depth: Depth, _ check: String, reason: String?) -> [DoctorFinding] {
        var findings: [DoctorFinding] = []
        if let fault = depth.fault {
            findings.append(.failure(check, fault, advice: "look at the key with TYPE; it belongs to Millpond alone"))
        }
        if depth.isPaused {
            let why = reason.map { ": \($0)" } ?? ""
            findings.append(
                .warning(
                    check,
                    "it is paused with \(depth.ready.of("job")) waiting\(why)",
                    advice: "`pond queue resume \(check.dropFirst("queue ".count))` lets it go on"
                )
            )
        } else if depth.workers == 0, depth.ready > 0 {
            findings.append(
                .failure(
                    check,
                    "\(depth.ready.of("job", ("waits", "wait"))), the oldest for \(depth.oldestReady.human), "
                        + "and no worker serves it",
                    advice: "start a worker for this queue, as in `pond supervise`"
                )
            )
        } else if depth.workers == 0, let due = depth.nextDue, depth.now.since(due) > .seconds(2) {
            findings.append(
                .failure(
                    check,
                    "a held job is due for \(depth.now.since(due).human) and no worker serves it",
                    advice: "start a worker for this queue, as in `pond supervise`"
                )
            )
        }
        if depth.dead >= Limits.deadMax / 10 * 9 {
            findings.append(
                .warning(
                    check,
                    "\(depth.dead.grouped) dead jobs, the most that are kept is \(Limits.deadMax.grouped)",
                    advice: "`pond dead list` shows why; retry or discard them before the oldest are dropped"
                )
            )
        }
        if depth.dropped > 0 {
            findings.append(
                .warning(
                    check,
                    "\(depth.dropped.of("dead job")) dropped, as there were too many",
                    advice: "look at the causes with `pond dead list`"
                )
            )
        }
        return findings
    }

    /// Queues that hold jobs but that no worker and no producer of the library has used.
    private func unknownQueues(beside known: [QueueName]) async -> [DoctorFinding] {
        var unknown: Set<String> = []
        var cursor = "0"
        let pattern = pond.prefix.map { "*?[]\\".contains($0) ? "\\\($0)" : "\($0)" }.joined() + ":{*}:ready*"
        // Bounded, so that a server with many other keys is not walked from end to end.
        for _ in 0..<100 {
            let command = RedisCommand(
                "SCAN",
                [.text(cursor), "MATCH", .text(pattern), "COUNT", "1000", "TYPE", "stream"]
            )
            let reply: RESPValue
            do {
                reply = try await pond.redis.send(command)
            } catch {
                return [.unchecked("unknown queues", error.message)]
            }
            guard let parts = reply.array, parts.count == 2, let next = parts[0].string else { break }
            for key in parts[1].array ?? [] {
                if let name = key.string?.split(separator: "{").last?.split(separator: "}").first {
                    unknown.insert(String(name))
                }
            }
            cursor = next
            if cursor == "0" { break }
        }
        unknown.subtract(known.map(\.text))
        guard !unknown.isEmpty else { return [] }
        return [
            .warning(
                "unknown queues",
                "no worker ever served \(unknown.sorted().prefix(5).joined(separator: ", ")), yet jobs wait there",
                advice: "start a worker for them, or check the name that the producer uses"
            )
        ]
    }
}
