import Millpond
import PondCore
import PondQueue

/// Finds queues and jobs by what a person typed.
struct QueueLookup {
    let pond: Pond

    /// The queue of that name, or all known ones.
    func queues(_ name: String?) async throws -> [Queue] {
        if let name { return [try pond.queue(name)] }
        return try await pond.queues().map { try pond.queue($0.text) }
    }

    /// A queue that holds something, or that a worker or a producer has used.
    ///
    /// - Throws: `CommandFailure` with the code `notFound` that names the known ones.
    func existing(_ name: String) async throws -> Queue {
        let queue = try pond.queue(name)
        let known = try await pond.queues()
        if known.contains(queue.name) { return queue }
        let depth = try await queue.depth()
        if depth.added + depth.held + depth.dead > 0 || depth.isPaused || depth.fault != nil { return queue }
        throw CommandFailure(.notFound, "there is no queue \(name)", hint: QueueLookup.hint(naming: known))
    }

    /// The job at an address `queue/id`, or with an id in the named queue, or in any known one.
    ///
    /// - Throws: `CommandFailure` with the code `notFound`, or `usage` when several queues have such a job.
    func job(_ address: JobAddress, in queue: String?) async throws -> (queue: Queue, report: JobReport) {
        let searched = try await queues(address.queue ?? queue)
        var found: [(queue: Queue, report: JobReport)] = []
        for queue in searched {
            let report = try await queue.job(address.id)
            if report.state != .unknown { found.append((queue, report)) }
        }
        if found.count > 1 {
            let addresses = found.map { "\($0.queue.name)/\(address.id)" }.joined(separator: ", ")
            throw CommandFailure(
                .usage,
                "\(found.count) queues have a job \(address.id)",
                hint: "name one: \(addresses)"
            )
        }
        if let job = found.first { return job }
        if let named = address.queue ?? queue { try await findElsewhere(address.id, than: named) }
        throw notFound(address, searched.map(\.name))
    }

    /// - Throws: `CommandFailure` with the code `notFound` that names the queue which has the job, when one has.
    private func findElsewhere(_ id: JobID, than queue: String) async throws {
        for other in try await queues(nil) where other.name.text != queue {
            guard try await other.job(id).state != .unknown else { continue }
            throw CommandFailure(
                .notFound,
                "there is no job \(id) in queue \(queue); queue \(other.name) has one",
                hint: "name it so: \(other.name)/\(id)"
            )
        }
    }

    private func notFound(_ address: JobAddress, _ searched: [QueueName]) -> CommandFailure {
        let place =
            switch searched.count {
            case 0: "any queue, as no queue is known yet"
            case 1: "queue \(searched[0])"
            default: "\(searched.count) known queues"
            }
        return CommandFailure(
            .notFound,
            "there is no job \(address.id) in \(place): it ended (done, cancelled, expired or discarded), or it never existed",
            hint: searched.count == 1
                ? "check the id and the queue; `pond status` lists the queues"
                : "check the id, or name its queue with --queue; `pond status` lists the queues"
        )
    }

    private static func hint(naming known: [QueueName]) -> String {
        guard !known.isEmpty else { return "no queue is known yet; a queue begins with its first job or worker" }
        let shown = known.prefix(10).map(\.text).joined(separator: ", ")
        return "known are \(shown)" + (known.count > 10 ? " and \(known.count - 10) more" : "")
    }
}

/// A job's id as typed, with or without its queue before a slash.
struct JobAddress: Hashable {
    let queue: String?
    let id: JobID

    /// - Throws: `CommandFailure` with the code `usage`.
    init(_ text: String) throws {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let id = parts.last, !id.isEmpty, parts.first?.isEmpty == false else {
            throw CommandFailure(
                .usage,
                "\"\(text)\" is no job's id",
                hint: "write ID or QUEUE/ID, as in emails/1732374245000-0"
            )
        }
        queue = parts.count == 2 ? String(parts[0]) : nil
        self.id = JobID(String(id))
    }
}
