import PondCore
import PondSQLite
import PondTestKit
import Synchronization
import Testing

/// How fast a relay is.
///
/// Other suites would keep the processors busy meanwhile, so this runs apart from them.
@Suite struct RelayTimingTests {
    @Test func `a commit of this process wakes the relay within 50 ms`() async throws {
        try await OutboxTests.withOutbox { outbox, _ async throws in
            let sink = KeyedSink()
            let clock = LocalClock.system
            let times = Mutex<[Duration]>([])
            try await RelayTests.relaying(outbox, to: sink) {
                for n in 1...50 {
                    try await outbox.write { db in
                        _ = try outbox.enqueue(try OutboxTests.job("\(n)"), to: "mails", in: db)
                    }
                    let committed = clock.now()
                    await sink.wait(for: n)
                    times.withLock { $0.append(committed.duration(to: clock.now())) }
                    // Back to its rest, or the next commit would find it awake.
                    try await eventually("the row is marked") { try await outbox.status().unsent == 0 }
                }
            }
            let median = times.withLock { $0.sorted()[25] }
            print("wake-up: median \(median), longest \(times.withLock { $0.max() ?? .zero })")
            #expect(median <= .milliseconds(50))
        }
    }
}
