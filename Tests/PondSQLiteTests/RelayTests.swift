import GRDB
import Logging
import PondCore
import PondSQLite
import PondTestKit
import ServiceLifecycle
import Synchronization
import Testing

@Suite struct RelayTests {
    private func fill(_ outbox: Outbox, lanes: Int, rows: Int) async throws {
        try await outbox.write { db in
            for n in 0..<rows {
                for lane in 0..<lanes {
                    try outbox.enqueue(try OutboxTests.job("\(n)"), to: "queue-\(lane)", in: db)
                }
            }
        }
    }

    /// Runs a relay around a body, and stops it in order.
    static func relaying(
        _ outbox: Outbox,
        to sink: KeyedSink,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        let relay = OutboxTests.relay(outbox, sink)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await relay.run() }
            do { try await body() } catch {
                relay.stop()
                throw error
            }
            relay.stop()
            try await group.waitForAll()
        }
    }

    @Test func `each lane's rows are shipped in order, and nothing is left`() async throws {
        try await OutboxTests.withOutbox { outbox, _ async throws in
            try await fill(outbox, lanes: 7, rows: 300)
            let sink = KeyedSink()
            #expect(try await OutboxTests.relay(outbox, sink).shipOnce() == 2_100)
            let wanted = (0..<300).map { "\($0)" }
            for lane in 0..<7 { #expect(sink.texts("queue-\(lane)") == wanted) }
            #expect(try await outbox.status().lanes == [])
            let rows = try await outbox.store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM pond_outbox") }
            #expect(rows == 0)
        }
    }

    @Test func `large rows go in several batches`() async throws {
        try await OutboxTests.withOutbox { outbox, _ async throws in
            let text = String(repeating: "x", count: 1_000_000)
            try await outbox.write { db in
                for _ in 0..<20 { try outbox.enqueue(try OutboxTests.job(text), to: "mails", in: db) }
            }
            let sink = KeyedSink()
            #expect(try await OutboxTests.relay(outbox, sink).shipOnce() == 20)
            #expect(sink.calls == 3)
        }
    }

    @Test func `a row that is refused parks its lane and no other`() async throws {
        try await OutboxTests.withOutbox { outbox, _ async throws in
            for text in ["1", "bad", "3"] {
                try await outbox.write { db in
                    for lane in ["a", "b"] {
                        let job = try OutboxTests.job(lane == "a" ? text : "fine-\(text)", key: "\(lane)-\(text)")
                        try outbox.enqueue(job, to: "mails", lane: lane, in: db)
                    }
                }
            }
            let isMended = Mutex(false)
            let sink = KeyedSink { job, _ in
                job.data == Array("bad".utf8) && !isMended.withLock { $0 } ? .refused("too bad") : nil
            }
            #expect(try await OutboxTests.relay(outbox, sink).shipOnce() == 4)
            #expect(sink.texts("mails").filter { $0.hasPrefix("fine") } == ["fine-1", "fine-bad", "fine-3"])
            #expect(sink.texts("mails").filter { !$0.hasPrefix("fine") } == ["1"])
            let status = try await outbox.status()
            #expect(status.lanes.map(\.name) == ["a"] && status.lanes[0].parked?.reason == "too bad")
            #expect(status.unsent == 2)
            // Nothing moves by itself.
            #expect(try await OutboxTests.relay(outbox, sink).shipOnce() == 0)
            isMended.withLock { $0 = true }
            #expect(try await outbox.unpark("a"))
            for lane in ["a", "c"] { #expect(try await outbox.unpark(lane) == false) }
            #expect(try await OutboxTests.relay(outbox, sink).shipOnce() == 2)
            #expect(sink.texts("mails").filter { !$0.hasPrefix("fine") } == ["1", "bad", "3"])
        }
    }

    @Test func `a row that is discarded lets its lane go on`() async throws {
        try await OutboxTests.withOutbox { outbox, _ async throws in
            try await outbox.write { db in
                for text in ["bad", "2", "3"] {
                    try outbox.enqueue(try OutboxTests.job(text, key: text), to: "mails", in: db)
                }
            }
            let sink = KeyedSink { job, _ in job.data == Array("bad".utf8) ? .refused("no") : nil }
            #expect(try await OutboxTests.relay(outbox, sink).shipOnce() == 0)
            #expect(try await outbox.discard(row: 3))
            #expect(try await outbox.discard(row: 3) == false)
            #expect(try await outbox.status().parked.count == 1)
            #expect(try await outbox.discard(row: 1))
            #expect(try await OutboxTests.relay(outbox, sink).shipOnce() == 1)
            #expect(sink.texts("mails") == ["2"])
        }
    }

    @Test func `a row that cannot be read parks its lane`() async throws {
        try await OutboxTests.withOutbox { outbox, _ async throws in
            try await fill(outbox, lanes: 2, rows: 2)
            try await outbox.store.write { try $0.execute(sql: "UPDATE pond_outbox SET envelope = x'7b' WHERE id = 1") }
            let sink = KeyedSink()
            #expect(try await OutboxTests.relay(outbox, sink).shipOnce() == 2)
            #expect(try await outbox.status().lanes[0].parked?.reason.contains("cannot be read") == true)
            #expect(sink.texts("queue-1") == ["0", "1"])
        }
    }

    @Test func `a lane whose queue is full rests and is tried again, and the others go on`() async throws {
        try await OutboxTests.withOutbox { outbox, _ async throws in
            try await fill(outbox, lanes: 2, rows: 3)
            let refusals = Mutex(2)
            let sink = KeyedSink { _, queue in
                guard queue == "queue-0" else { return nil }
                let isFull = refusals.withLock { refusals in
                    refusals -= 1
                    return refusals >= 0
                }
                return isFull ? .later("the queue is full") : nil
            }
            try await Self.relaying(outbox, to: sink) {
                try await eventually("all rows are taken") { sink.taken.count == 6 }
            }
            #expect(sink.texts("queue-1") == ["0", "1", "2"])
            #expect(Set(sink.texts("queue-0")) == ["0", "1", "2"])
        }
    }

    @Test func `a sink that fails is called again after a rest, and never in a hurry`() async throws {
        try await OutboxTests.withOutbox { outbox, _ async throws in
            struct Gone: Error {}
            let isBack = Mutex(false)
            let sink = KeyedSink { _, _ in
                guard isBack.withLock({ $0 }) else { throw Gone() }
                return nil
            }
            try await Self.relaying(outbox, to: sink) {
                try await outbox.write { db in
                    _ = try outbox.enqueue(try OutboxTests.job("x"), to: "mails", in: db)
                }
                try await eventually("the sink is called") { sink.calls > 0 }
                let clock = LocalClock.system
                let began = clock.now()
                // The wake-up of every commit must not cut the rest short.
                while began.duration(to: clock.now()) < .seconds(1) {
                    try await outbox.write { db in _ = try outbox.enqueue(try OutboxTests.job("x"), to: "mails", in: db)
                    }
                }
                #expect((1...9).contains(sink.calls), "\(sink.calls) calls in a second")
                isBack.withLock { $0 = true }
                try await eventually("all rows are taken") { try await outbox.status().unsent == 0 }
            }
        }
    }

    @Test func `a sink that answers for too few is not believed`() async throws {
        try await OutboxTests.withOutbox { outbox, _ async throws in
            struct Mute: JobSink {
                func ship(_ jobs: [(queue: String, job: NewJob)]) async throws -> [ShipAnswer] { [] }
            }
            try await fill(outbox, lanes: 1, rows: 2)
            let error = await #expect(throws: OutboxError.self) { try await OutboxRelay(outbox, to: Mute()).shipOnce() }
            #expect(error?.code == .wrongAnswer)
            #expect(try await outbox.status().unsent == 2)
        }
    }

    @Test func `a commit of another connection is noticed`() async throws {
        try await OutboxTests.withOutbox { outbox, _ async throws in
            let other = Outbox(path: outbox.store.path)
            let sink = KeyedSink()
            try await Self.relaying(outbox, to: sink) {
                // First one with the same connection, but another wake-up.
                let twin = try Outbox(outbox.store)
                try await twin.write { db in
                    _ = try twin.enqueue(try OutboxTests.job("0"), to: "mails", in: db)
                }
                try await eventually("row 0 is taken") { sink.taken.count == 1 }
                for n in 2...4 {
                    try await other.write { db in
                        _ = try other.enqueue(try OutboxTests.job("\(n)"), to: "mails", in: db)
                    }
                    try await eventually("row \(n) is taken") { sink.taken.count == n }
                }
            }
            try await other.close()
        }
    }

    @Test func `a relay waits for the end of the one that ships`() async throws {
        try await OutboxTests.withOutbox { outbox, _ async throws in
            let (first, second) = (KeyedSink(), KeyedSink())
            try await Self.relaying(outbox, to: first) {
                try await fill(outbox, lanes: 1, rows: 1)
                await first.wait(for: 1)
                #expect(try await outbox.status().isRelayed)
                let error = await #expect(throws: OutboxError.self) {
                    try await OutboxTests.relay(outbox, second).shipOnce()
                }
                #expect(error?.code == .relayed)
            }
            #expect(try await outbox.status().isRelayed == false)
            try await Self.relaying(outbox, to: second) {
                try await fill(outbox, lanes: 1, rows: 1)
                await second.wait(for: 1)
            }
            #expect(first.taken.count == 1 && second.taken.count == 1)
        }
    }

    @Test func `a graceful shutdown of its service group ends it`() async throws {
        try await OutboxTests.withOutbox { outbox, _ async throws in
            let sink = KeyedSink()
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let services = ServiceGroup(services: [OutboxTests.relay(outbox, sink)], logger: logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await services.run() }
                try await fill(outbox, lanes: 1, rows: 3)
                await sink.wait(for: 3)
                await services.triggerGracefulShutdown()
                try await group.waitForAll()
            }
            #expect(try await outbox.status().unsent == 0)
        }
    }

    @Test func `a cancellation ends it, and what was not answered for stays`() async throws {
        try await OutboxTests.withOutbox { outbox, _ async throws in
            /// A sink that answers only when it is cancelled.
            struct Silent: JobSink {
                let called: AsyncStream<Never>.Continuation

                func ship(_ jobs: [(queue: String, job: NewJob)]) async throws -> [ShipAnswer] {
                    called.finish()
                    try await Waiting.untilCancelled()
                    return []
                }
            }
            try await fill(outbox, lanes: 1, rows: 1)
            let (isCalled, called) = AsyncStream.makeStream(of: Never.self)
            let relay = OutboxRelay(outbox, to: Silent(called: called))
            await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    do { try await relay.run() } catch { return error is CancellationError }
                    return false
                }
                for await _ in isCalled {}
                group.cancelAll()
                #expect(await group.next() == true)
            }
            let status = try await outbox.status()
            #expect(status.unsent == 1 && !status.isRelayed)
        }
    }
}
