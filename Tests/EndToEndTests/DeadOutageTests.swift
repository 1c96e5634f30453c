import Glibc
import PondCore
import PondQueue
import PondTestKit
import Testing

/// What becomes of the jobs that an outage of a web service kills, with real processes on all sides.
@Suite(.redis, .serialized) struct DeadOutageTests {
    private static let kinds = ["mail.send", "bill.charge", "thumb.make"]
    /// How many jobs die; `MILLPOND_OUTAGE_JOBS=10000` is the whole of it.
    private static let jobs = getenv("MILLPOND_OUTAGE_JOBS").flatMap { Int(String(cString: $0)) } ?? 600

    /// Enqueues jobs with one try each.
    private func enqueue(_ place: Place, _ count: Int) async throws {
        var options = EnqueueOptions()
        options.attemptsMax = 1
        let jobs = try (0..<count).map { NewJob(kind: try JobKind(Self.kinds[$0 % 3]), data: [], options: options) }
        for start in stride(from: 0, to: count, by: 1_000) {
            _ = try await place.queue.enqueue(Array(jobs[start..<min(start + 1_000, count)])).map { try $0.get() }
        }
    }

    /// A worker that posts the queue's jobs to the endpoint, beside `body`.
    private func withWorker(
        _ place: Place,
        _ endpoint: Endpoint,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        // Without its brake: here every job is meant to die.
        let arguments =
            ["worker", "--http", endpoint.url(), "--slots", "64", "--brake", "0", "--log-level", "error"]
            + place.options
        try await Child.run(arguments) { worker in
            try await body()
            worker.send(SIGTERM)
            try await worker.exit()
        }
    }

    /// Kills jobs by an endpoint that is as told, and hands their group over.
    private func kill(_ count: Int, _ place: Place, _ endpoint: Endpoint) async throws -> GroupID {
        try await enqueue(place, count)
        try await place.eventually("all are dead", within: .seconds(600)) { $0.dead == count }
        let groups = try await place.queue.groups()
        #expect(groups.map(\.count) == [count], "\(groups.map(\.title))")
        return try #require(groups.first?.id)
    }

    private func retry(_ place: Place, _ id: GroupID, _ more: String...) async throws -> Child.Ended {
        try await Child.run(["dead", "retry", "\(id)", "--yes"] + more + place.options) {
            try await $0.exit(within: .seconds(600))
        }
    }

    @Test(arguments: ["down", "503"])
    func `an outage is one group, a retry stops itself while it lasts and empties the group when it is over`(
        outage: String
    ) async throws {
        let (place, count, clock) = (try Place(), Self.jobs, ContinuousClock())
        try await Endpoint.run { endpoint in
            try await endpoint.become("up")
            try await endpoint.become(outage)
            try await withWorker(place, endpoint) {
                let began = clock.now
                let id = try await kill(count, place, endpoint)
                let dying = began.duration(to: clock.now)
                let kinds = try await place.queue.group(id)?.kinds.map(\.count)
                #expect(kinds?.reduce(0, +) == count && kinds?.count == 3)
                let json = try await Child.run(["dead", "groups", "--json"] + place.options)
                #expect(json.output.joined().components("\"\(id)\"") == 1, "\(json.output)")

                let stopped = try await retry(place, id)
                #expect(stopped.code == 8, "\(stopped.error)")
                #expect(stopped.error.joined().contains("more than 20% failed again"))
                try await place.eventually("those that were tried are dead again") { $0.dead == count }
                #expect(try await place.queue.groups().map(\.count) == [count])

                try await endpoint.become(outage == "down" ? "up" : "200")
                let reviving = try await clock.measure {
                    let over = try await retry(place, id)
                    #expect(over.code == 0, "\(over.error)")
                }
                let (depth, group) = (try await place.queue.depth(), try await place.queue.group(id))
                #expect(depth.dead == 0 && depth.done == count)
                #expect(group?.count == 0 && group?.state == .resolved)
                #expect(group.map { $0.ever > count && $0.ever <= count + 5 } == true, "\(String(describing: group))")
                print("\(outage): \(count) jobs died in \(dying), were sent back and done in \(reviving)")
            }
        }
    }

    @Test func `Ctrl-C ends a retry between two batches, and the same command goes on`() async throws {
        let (place, count) = (try Place(), 200)
        try await Endpoint.run { endpoint in
            try await endpoint.become("up")
            try await endpoint.become("503")
            try await withWorker(place, endpoint) {
                let id = try await kill(count, place, endpoint)
                try await endpoint.become("200")
                let arguments = ["dead", "retry", "\(id)", "--yes", "--rate", "30/s", "--reason", "it is back"]
                let stopped = try await Child.run(arguments + place.options) { child in
                    // The handful and the tenth are through, and the rest is on its way.
                    try await place.eventually("the last stage is begun") { $0.done >= 50 }
                    child.send(SIGINT)
                    try await child.exit()
                }
                #expect(stopped.code == 130, "\(stopped)")
                #expect(stopped.error.joined().contains("run the same command again to go on"), "\(stopped.error)")
                let audit = try await place.queue.auditEntries()
                #expect(audit.map(\.action) == ["retry", "retry"] && audit.last?.result == "begun")
                #expect(audit.first?.result.hasPrefix("interrupted: retried ") == true, "\(audit)")
                #expect(audit.first?.reason == "it is back")
                try await place.eventually("what was sent ends") { $0.ready + $0.inFlight + $0.held == 0 }
                let depth = try await place.queue.depth()
                #expect(depth.dead > 0 && depth.dead + depth.done == count)
                #expect(try await place.queue.group(id)?.count == depth.dead)
                #expect(try await retry(place, id).code == 0)
                #expect(try await place.queue.depth().done == count)
                #expect(try await place.queue.auditEntries().first?.result.hasPrefix("finished: retried ") == true)
            }
        }
    }

    @Test func `a web service is told of a group, and one that fails or hangs is reported`() async throws {
        let place = try Place()
        try await Endpoint.run { endpoint in
            try await endpoint.become("up")
            try await endpoint.become("500")
            try await withWorker(place, endpoint) {
                let id = try await kill(3, place, endpoint)
                func escalate(_ path: String, _ more: String...) async throws -> Child.Ended {
                    let words = [
                        "dead", "escalate", "\(id)", "--yes", "--reason", "INC-7", "--post", endpoint.url(path),
                    ]
                    return try await Child.run(words + more + place.options)
                }
                let unwell = try await escalate("hook")
                #expect(unwell.code == 1 && unwell.error.joined().contains("answered 500"), "\(unwell.error)")
                let hangs = try await escalate("hang", "--hook-timeout", "300ms")
                #expect(hangs.code == 1 && hangs.error.joined().contains("did not answer"), "\(hangs.error)")
                try await endpoint.become("202")
                let told = try await escalate("hook")
                #expect(told.code == 0 && told.output == ["told of \(id): 3 dead jobs"], "\(told)")
                let posts = endpoint.child.lines(.output).filter { $0.hasPrefix("posted application/json ") }
                #expect(posts.count == 2)
                for word in ["\"DeadEscalation\"", "\"\(id)\"", "\"dead\":3", "\"INC-7\"", "\(place.queue.name)/"] {
                    #expect(posts.allSatisfy { $0.contains(word) }, "\(word) in \(posts)")
                }
                let results = try await place.queue.auditEntries().map(\.result)
                #expect(results.map { $0.prefix(6) } == ["told", "failed", "failed"])
                #expect(try await place.queue.depth().dead == 3)
            }
        }
    }
}

extension String {
    /// How often a text is in it.
    fileprivate func components(_ text: String) -> Int { ranges(of: text).count }
}
