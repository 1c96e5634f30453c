import Glibc
import PondCore
import PondInsight
import PondQueue
import PondRedis
import PondSQLite
import PondTestKit
import Subprocess
import Testing

/// A server of the test's own that ends and comes back, with all, some or nothing of what it had.
@Suite(.serialized) struct HistoryRestartTests {
    private static let careful = RedisServer.Options(appendOnly: true, arguments: ["--appendfsync", "always"])
    private static let careless = RedisServer.Options(arguments: ["--save", ""])

    private func write(_ range: Range<Int>, _ queue: Queue, _ bench: HistoryBench) async throws {
        for n in range { try await bench.write(queue, ["done", "\(n)-0"], counting: 1) }
    }

    private func events(_ bench: HistoryBench, _ count: Int) async throws {
        try await bench.eventually("\(count) events") { try await bench.count("pond_history_events") == count }
    }

    @Test func `a restart without loss is followed through without a gap`() async throws {
        try await RedisServer.withServer(Self.careful) { server in
            try await HistoryBench.run(on: server) { bench in
                let mail = try await bench.queue("mail")
                try await bench.following(bench.follower()) {
                    try await write(0..<20, mail, bench)
                    try await events(bench, 20)
                    try await server.restart()
                    try await write(20..<40, mail, bench)
                    try await events(bench, 40)
                }
                #expect(try await bench.doubles() == 0)
                #expect(try await bench.store.status().gapCount == 0)
            }
        }
    }

    @Test func `a server that comes back with less is a gap, and nothing is indexed twice`() async throws {
        try await RedisServer.withServer(Self.careless) { server in
            try await HistoryBench.run(on: server) { bench in
                let mail = try await bench.queue("mail")
                try await bench.following(bench.follower()) {
                    try await write(0..<20, mail, bench)
                    try await bench.redis("SAVE")
                    try await write(20..<30, mail, bench)
                    try await events(bench, 30)
                    // It has the first twenty again, and no more.
                    try await server.restart()
                    try await bench.eventually("the gap is noticed") {
                        try await bench.store.status().gaps.map(\.reason) == [.restarted]
                    }
                    try await write(100..<110, mail, bench)
                    try await events(bench, 40)
                }
                #expect(try await bench.doubles() == 0)
                let status = try await bench.store.status()
                #expect(status.gapCount == 1 && status.gaps.first?.missed == nil)
            }
        }
    }

    @Test func `a server that lost all is read from its start`() async throws {
        try await RedisServer.withServer(Self.careless) { server in
            try await HistoryBench.run(on: server) { bench in
                var mail = try await bench.queue("mail")
                try await write(0..<20, mail, bench)
                #expect(try await bench.follower().followOnce().events == 20)
                try await server.restart()
                mail = try await bench.queue("mail")
                try await write(50..<60, mail, bench)
                let progress = try await bench.follower().followOnce()
                #expect(progress.events == 10 && progress.gaps.map(\.reason) == [.restarted])
                #expect(try await bench.doubles() == 0)
            }
        }
    }

    @Test func `a copy of earlier, under a clock that was turned back, is read without doubles`() async throws {
        try await RedisServer.withServer(Self.careless) { server in
            try await HistoryBench.run(on: server) { bench in
                let journal = try await bench.queue("mail").keys.journal
                // What is too old would be thrown out in between.
                let start = WallClock.read().milliseconds - 60_000
                func add(_ numbers: ClosedRange<Int>) async throws {
                    for n in numbers {
                        try await bench.redis(
                            "XADD",
                            journal,
                            "\(start + 1_000 * Int64(n))-0",
                            "n",
                            "\(n - 1)",
                            "done",
                            "\(n)-0"
                        )
                    }
                }
                try await add(1...9)
                #expect(try await bench.follower().followOnce().events == 9)
                // The journal as of the fifth entry, then a new one whose id is lower than what was read.
                try await bench.redis("DEL", journal)
                try await add(1...5)
                try await bench.redis("XADD", journal, "\(start + 5_500)-0", "n", "5", "done", "new-0")
                let progress = try await bench.follower().followOnce()
                #expect(progress.events == 1 && progress.gaps.map(\.reason) == [.restarted])
                #expect(try await bench.doubles() == 0)
                #expect(try await bench.store.jobs(JobID("new-0")).count == 1)
                #expect(try await bench.follower().followOnce() == HistoryFollower.Progress())
            }
        }
    }

    @Test func `an outage is waited out`() async throws {
        try await RedisServer.withServer(Self.careful) { server in
            try await HistoryBench.run(on: server) { bench in
                let mail = try await bench.queue("mail")
                try await write(0..<5, mail, bench)
                server.kill()
                try await bench.following(bench.follower()) {
                    // It asks in vain for a while; how often is its own business.
                    try await LocalClock.system.sleep(.milliseconds(300))
                    try await server.start()
                    try await events(bench, 5)
                }
            }
        }
    }

    /// A real disk that is small; only root can make one, and this does nothing where root may not mount.
    @Test(.enabled(if: getuid() == 0, "only root can mount"))
    func `on a full disk it keeps its position and goes on when there is room`() async throws {
        try await RedisServer.withServer(Self.careless) { server in
            try await HistoryBench.run(on: server) { bench in
                guard try await shell(#"mount -t tmpfs -o size=2m tmpfs "$1""#, bench.folder) else { return }
                do {
                    try await fillAndGrow(bench)
                    _ = try await shell(#"umount -l "$1""#, bench.folder)
                } catch {
                    _ = try await shell(#"umount -l "$1""#, bench.folder)
                    throw error
                }
            }
        }
    }

    private func fillAndGrow(_ bench: HistoryBench) async throws {
        let mail = try await bench.queue("mail")
        let rest = String(repeating: "no two of these are alike ", count: 20)
        try await bench.following(bench.follower()) {
            for n in 0..<2_000 {
                try await bench.write(mail, ["dead", "\(n)-0 handler 00000001\n\(n) \(rest)\(n)"], counting: 1)
            }
            var seen = -1
            try await bench.eventually("it stands still") {
                let count = try await bench.count("pond_history_events")
                let isSame = count == seen && count > 0
                seen = count
                // Standing still shows in time only.
                if !isSame { try await LocalClock.system.sleep(.milliseconds(500)) }
                return isSame
            }
            #expect(seen < 2_000)
            #expect(try await shell(#"mount -o remount,size=20m "$1""#, bench.folder))
            try await events(bench, 2_000)
        }
        #expect(try await bench.doubles() == 0)
        #expect(try await bench.store.status().gapCount == 0)
        try await bench.store.close()
    }

    private func shell(_ script: String, _ folder: String) async throws -> Bool {
        let result = try await Subprocess.run(
            .name("sh"),
            arguments: ["-c", script, "mount", folder],
            output: .discarded,
            error: .discarded
        )
        return result.terminationStatus.isSuccess
    }
}
