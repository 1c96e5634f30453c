import Glibc
import PondCore
import PondInsight
import PondQueue
import PondRedis
import PondSQLite
import PondTestKit
import Testing

@Suite(.redis) struct HistoryFollowerTests {
    @Test func `all queues are followed, the waiting jobs too, without taking anything`() async throws {
        try await HistoryBench.run { bench in
            let mail = try await bench.queue("mail")
            let pay = try await bench.queue("pay")
            _ = try await mail.open()
            var options = EnqueueOptions()
            options.correlationID = "order-7"
            options.priority = .high
            let job = NewJob(kind: try JobKind("mail.send"), data: Array("secret payload".utf8), options: options)
            let sent = try await mail.enqueue(job)
            try await bench.write(
                pay,
                ["facts", "1-0\tpay.charge\torder-7\t\t1\t5\t9", "done", "1-0 2-0"],
                counting: 2
            )
            let progress = try await bench.follower().followOnce()
            #expect(progress.events == 2 && progress.waiting == 1 && progress.gaps.isEmpty)
            let jobs = try await bench.store.jobs(correlatedBy: "order-7")
            #expect(Set(jobs.map { "\($0.queue)/\($0.id)" }) == ["mail/\(sent.id)", "pay/1-0"])
            #expect(jobs.contains { $0.queue == "mail" && $0.last == nil })
            #expect(try await mail.depth().ready == 1)
            let again = try await bench.follower().followOnce()
            #expect(again == HistoryFollower.Progress())
        }
    }

    @Test func `jobs that were moved are no new ones, and waiting jobs can be left out`() async throws {
        try await HistoryBench.run { bench in
            let mail = try await bench.queue("mail")
            try await bench.redis("XADD", mail.keys.ready(.normal), "*", "kind", "a", "id", "5-0", "data", "x")
            let ms = WallClock.read().milliseconds
            try await bench.redis("XADD", mail.keys.ready(.low), "\(ms)-1", "kind", "b", "class", "C", "data", "x")
            try await bench.redis("XADD", mail.keys.ready(.low), "\(ms)-2", "data", "no kind")
            #expect(try await bench.follower { $0.readsWaiting = false }.followOnce().waiting == 0)
            #expect(try await bench.follower().followOnce().waiting == 1)
            let job = try #require(try await bench.store.jobs(JobID("\(ms)-1l")).first)
            #expect(job.kind == "b" && job.jobClass == "C" && job.enqueuedAt == ServerTime(milliseconds: ms))
            #expect(try await bench.store.status().unreadable == 1)
        }
    }

    @Test func `it waits for what comes, finds new queues and catches up after a while`() async throws {
        try await HistoryBench.run { bench in
            try await bench.following(bench.follower()) {
                let mail = try await bench.queue("mail")
                for n in 0..<50 { try await bench.write(mail, ["done", "\(n)-0 \(n)-1"], counting: 2) }
                try await bench.eventually("the first hundred are there") {
                    try await bench.count("pond_history_events") == 100
                }
                try await bench.write(mail, ["dead", "x-0 handler 1f3a9c2e\nbroke"], counting: 1)
                try await bench.eventually("the dead one is there") {
                    try await bench.store.jobs(JobID("x-0")).first?.last?.group == "1f3a9c2e"
                }
            }
            #expect(try await bench.store.status().gapCount == 0)
        }
    }

    @Test func `a trimmed journal is a gap to the event`() async throws {
        try await HistoryBench.run { bench in
            let mail = try await bench.queue("mail")
            for n in 0..<10 { try await bench.write(mail, ["done", "\(n)-0 \(n)-1 \(n)-2"], counting: 3) }
            #expect(try await bench.follower().followOnce().events == 30)
            for n in 10..<60 { try await bench.write(mail, ["done", "\(n)-0", "unsampled", "1"], counting: 2) }
            try await bench.redis("XTRIM", mail.keys.journal, "MAXLEN", "=", "20")
            let progress = try await bench.follower().followOnce()
            #expect(progress.events == 20 && progress.missed == 60)
            #expect(progress.gaps.map(\.reason) == [.trimmed])
            #expect(try await bench.store.status().missed == 60)
        }
    }

    @Test func `two followers on a file index each event once`() async throws {
        try await HistoryBench.run { bench in
            let mail = try await bench.queue("mail")
            try await withThrowingTaskGroup(of: Void.self) { group in
                let followers = (0..<2).map { _ in bench.follower() }
                for follower in followers { group.addTask { try await follower.run() } }
                for n in 0..<200 {
                    try await bench.write(mail, ["done", "\(n)-0"], counting: 1)
                    // Whichever has the file, the other goes on where it stopped.
                    if n == 100 { followers[0].stop() }
                }
                try await bench.eventually("all are there") { try await bench.count("pond_history_events") == 200 }
                followers[1].stop()
                try await group.waitForAll()
            }
            #expect(try await bench.doubles() == 0)
        }
    }

    @Test func `one reading at a time, and the second is told so`() async throws {
        try await HistoryBench.run { bench in
            let lock = try bench.store.lock()
            let error = await #expect(throws: HistoryError.self) { _ = try await bench.follower().followOnce() }
            #expect(error?.code == .followed && error?.message.contains(bench.store.store.path) == true)
            withExtendedLifetime(lock) {}
        }
    }

    @Test func `a file of another server is refused unless it is adopted`() async throws {
        try await HistoryBench.run { bench in
            _ = try await bench.follower { $0.server = "redis://a mp" }.followOnce()
            let error = await #expect(throws: HistoryError.self) {
                _ = try await bench.follower { $0.server = "redis://b mp" }.followOnce()
            }
            #expect(error?.code == .otherServer && error?.message.contains("redis://a mp") == true)
            _ = try await bench.follower { ($0.server, $0.adopts) = ("redis://b mp", true) }.followOnce()
            _ = try await bench.follower { $0.server = "redis://b mp" }.followOnce()
        }
    }

    @Test func `a file goes on when its queues are found at another address, as after a failover`() async throws {
        try await HistoryBench.run { bench in
            let mail = try await bench.queue("mail")
            for n in 0..<3 { try await bench.write(mail, ["done", "\(n)-0"], counting: 1) }
            _ = try await bench.follower { $0.server = "redis://a mp" }.followOnce()
            // The last one did not reach the replica, and others have come since.
            let reply = try await bench.redis("XREVRANGE", mail.keys.journal, "+", "-", "COUNT", "1")
            let last = try #require(reply.array?.first?.array?.first?.string)
            try await bench.redis("XDEL", mail.keys.journal, last)
            try await bench.write(mail, ["done", "7-0"], counting: 1)
            let progress = try await bench.follower { $0.server = "redis://b mp" }.followOnce()
            #expect(progress.events == 1)
            #expect(try await bench.store.status().server == "redis://b mp")
        }
    }

    @Test func `a file is refused where the same queue has another journal`() async throws {
        try await HistoryBench.run { bench in
            let mail = try await bench.queue("mail")
            try await bench.write(mail, ["done", "1-0"], counting: 1)
            _ = try await bench.follower { $0.server = "redis://a mp" }.followOnce()
            try await bench.redis("DEL", mail.keys.journal)
            try await bench.write(mail, ["done", "2-0"], counting: 1)
            await #expect(throws: HistoryError.self) {
                _ = try await bench.follower { $0.server = "redis://b mp" }.followOnce()
            }
        }
    }

    @Test func `hostile entries do not stop it`() async throws {
        try await HistoryBench.run { bench in
            let mail = try await bench.queue("mail")
            let other = try await bench.queue("other")
            let journal = mail.keys.journal
            try await bench.redis("SET", other.keys.journal, "no stream")
            try await bench.redis("XADD", journal, "1-1", "x", "y")
            let binary = RedisArgument.bytes([0xff, 0x00, 0xfe, 0x0a, 0xc0])
            _ = try await bench.pond.redis.send(
                RedisCommand(
                    "XADD",
                    .text(journal),
                    "2-1",
                    binary,
                    binary,
                    "by",
                    binary,
                    "done",
                    binary,
                    "dead",
                    binary
                )
            )
            let long = String(repeating: "y", count: 5_000_000)
            try await bench.redis("XADD", journal, "3-1", "done", long, "n", long, "facts", long)
            try await bench.redis(
                "XADD",
                journal,
                "4-1",
                "n",
                "9223372036854775807",
                "unsampled",
                "9223372036854775807"
            )
            try await bench.redis("XADD", journal, "9223372036854775808-1", "done", "no-time")
            try await bench.redis("XADD", journal, "18446744073709551615-1", "done", "last")
            try await bench.redis("XADD", mail.keys.ready(.normal), "18446744073709551615-1", "kind", "k")
            let progress = try await bench.follower().followOnce()
            #expect(progress.events >= 2)
            #expect(try await bench.store.status().unreadable >= 2)
            let end = StreamID(milliseconds: .max, sequence: 1)
            let positions = try await bench.store.positions()
            #expect(positions[HistorySource(queue: "mail", .journal)]?.position == end)
            // What is no stream is followed as soon as it is one.
            try await bench.following(bench.follower()) {
                try await bench.redis("DEL", other.keys.journal)
                try await bench.write(other, ["done", "good-0"], counting: 1)
                try await bench.eventually("the other queue is followed") {
                    try await bench.store.jobs(JobID("good-0")).count == 1
                }
            }
        }
    }

    @Test func `how far behind it is shows in the status`() async throws {
        try await HistoryBench.run { bench in
            let mail = try await bench.queue("mail")
            try await bench.write(mail, ["done", "1-0"], counting: 1)
            _ = try await bench.follower().followOnce()
            try await bench.redis("HINCRBY", mail.keys.meta, "journal_events", "41")
            _ = try await bench.follower().followOnce()
            #expect(try await bench.store.status().behind == 41)
        }
    }
}
