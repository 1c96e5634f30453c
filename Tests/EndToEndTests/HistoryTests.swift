import Glibc
import PondCore
import PondQueue
import PondRedis
import PondSQLite
import PondTestKit
import Testing

/// `pond history` as a process of its own.
@Suite(.serialized, .redis) struct HistoryTests {
    /// Appends entries of ten events each to a journal, as the library does.
    private static func write(_ entries: Range<Int>, _ queue: Queue, _ pond: Pond) async throws {
        for n in entries {
            let ids = (0..<10).map { "\(n)-\($0)" }.joined(separator: " ")
            _ = try await pond.redis.pipeline([
                RedisCommand("HINCRBY", .text(queue.keys.meta), "journal_events", 10),
                RedisCommand(
                    "XADD",
                    .text(queue.keys.journal),
                    "*",
                    "by",
                    "w",
                    "n",
                    .integer(Int64(10 * n)),
                    "done",
                    .text(ids)
                ),
            ])
        }
    }

    @Test func `a follower that is killed again and again indexes each event once`() async throws {
        try await withDirectory { directory in
            let place = try Place()
            let prefix = RedisServer.uniqueName("p")
            let pond = Pond(try RedisConfiguration(url: place.url), prefix: prefix)
            let queue = try pond.queue("mail")
            _ = try await pond.redis.send(RedisCommand("SADD", .text(Keys.queues(prefix: prefix)), "mail"))
            let file = "\(directory)/h.sqlite"
            let arguments = ["history", "follow", "--file", file, "--redis", place.url, "--prefix", prefix]
            let entries = 1_500
            async let written: Void = Self.write(0..<entries, queue, pond)
            var generator = SystemRandomNumberGenerator()
            for _ in 0..<8 {
                let rest = Int.random(in: 20...400, using: &generator)
                let ended = try await Child.run(arguments) { child in
                    try await child.line("the history follows")
                    // Any moment may be the one at which it dies.
                    try await LocalClock.system.sleep(.milliseconds(rest))
                    child.send(SIGKILL)
                    try await child.exit()
                }
                #expect(ended.signal == SIGKILL)
            }
            try await written
            let last = try await Child.run(arguments + ["--once"])
            #expect(last.code == 0)
            let store = HistoryStore(path: file)
            let status = try await store.status()
            #expect(status.events == 10 * entries && status.gapCount == 0 && status.missed == 0)
            let (rows, jobs) = try await store.counts()
            #expect(rows == 10 * entries && jobs == 10 * entries)
            try await store.close()
            await pond.close()
        }
    }

    @Test func `what pond up has run is found in its history, in words and as JSON`() async throws {
        try await withDirectory { directory in
            try await Child.run(["up", "--workers", "1", "--directory", directory]) { up in
                let line = try await up.line("  redis ")
                let url = String(try #require(line.split(separator: " ").last))
                try await up.line("supervisor", "worker ready")
                let file = ["--file", "\(directory)/history.sqlite"]
                let sent = try await Child.run(
                    ["enqueue", "pond.fail", "--max-attempts", "1", "--correlation-id", "order-7", "--redis", url]
                )
                #expect(sent.code == 0, "\(sent.error)")
                try await eventually("the failure is in the history") {
                    let found = try await Child.run(
                        ["history", "search", "--correlation", "order-7", "--cause", "undecodable_payload"] + file
                    )
                    return found.code == 0 && found.output.contains { $0.contains("pond.fail") && $0.contains("dead") }
                }
                let status = try await Child.run(["history", "status"] + file)
                #expect(status.code == 0 && status.output.contains { $0.contains("runs") })
                let found = try await Child.run(["history", "search", "--correlation", "order-7", "--json"] + file)
                #expect(found.output.first?.contains(#""kind":"HistorySearch""#) == true)
                up.send(SIGINT)
                try await up.exit(within: .seconds(15))
            }
        }
    }

    @Test func `what is not there is said, with the next step`() async throws {
        try await withDirectory { directory in
            let file = ["--file", "\(directory)/no.sqlite"]
            let status = try await Child.run(["history", "status"] + file)
            #expect(status.code == 3 && status.error.contains { $0.contains("pond history follow") })
            let place = try Place()
            let once = try await Child.run(["history", "follow", "--once", "--redis", place.url] + file)
            #expect(once.code == 0, "\(once.error)")
            let job = try await Child.run(["history", "job", "mail/1-0"] + file)
            #expect(job.code == 3)
            let other = try await Child.run(
                ["history", "follow", "--once", "--redis", place.url, "--prefix", "x"] + file
            )
            #expect(other.code == 5 && other.error.contains { $0.contains("--adopt") })
            let adopted = try await Child.run(
                ["history", "follow", "--once", "--adopt", "--redis", place.url, "--prefix", "x"] + file
            )
            #expect(adopted.code == 0)
        }
    }
}
