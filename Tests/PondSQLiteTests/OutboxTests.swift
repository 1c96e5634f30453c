import GRDB
import Logging
import PondCore
import PondSQLite
import PondTestKit
import Testing

@Suite struct OutboxTests {
    /// An outbox in a folder of its own, with the clock that it reads.
    static func withOutbox(_ body: (Outbox, HandClock) async throws -> Void) async throws {
        try await withFolder { folder in
            let clock = HandClock()
            let store = SQLiteStore(
                path: "\(folder)/a.sqlite",
                schemas: [InboxTests.schema, Outbox.schema, Inbox.schema]
            )
            let outbox = try Outbox(store, wallClock: clock.read)
            try await body(outbox, clock)
            try await outbox.close()
        }
    }

    static func job(_ text: String, kind: String = "mail.send", key: String? = nil) throws -> NewJob {
        var job = NewJob(kind: try JobKind(kind), data: Array(text.utf8))
        if let key { job.options.key = try IdempotencyKey(key) }
        return job
    }

    static func relay(_ outbox: Outbox, _ sink: KeyedSink) -> OutboxRelay {
        OutboxRelay(outbox, to: sink, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func shipAll(_ outbox: Outbox, _ sink: KeyedSink = KeyedSink()) async throws -> KeyedSink {
        _ = try await Self.relay(outbox, sink).shipOnce()
        return sink
    }

    @Test func `a job goes with the change that it follows from, or not at all`() async throws {
        try await Self.withOutbox { outbox, _ async throws in
            struct NoStock: Error {}
            try await outbox.write { db in
                try db.execute(sql: "INSERT INTO bookings DEFAULT VALUES")
                try outbox.enqueue(try Self.job("1"), to: "mails", in: db)
            }
            await #expect(throws: NoStock.self) {
                try await outbox.write { db in
                    try outbox.enqueue(try Self.job("2"), to: "mails", in: db)
                    throw NoStock()
                }
            }
            let sink = try await shipAll(outbox)
            #expect(sink.texts("mails") == ["1"])
            #expect(try await outbox.status().unsent == 0)
        }
    }

    @Test func `a job keeps all that it was given`() async throws {
        try await Self.withOutbox { outbox, clock async throws in
            var job = try Self.job("\u{0}é", key: "a\u{0}b")
            job.options.correlationID = "c"
            job.options.causationID = "d"
            job.options.traceparent = "e"
            job.options.tracestate = "f"
            job.options.jobClass = .c
            job.options.attemptsMax = 3
            job.options.timeout = .seconds(7)
            job.options.expires = ServerTime(milliseconds: 978_307_200_008)
            job.options.budget = Budget(wall: .seconds(9), cpu: .seconds(10), usd: 0.25)
            job.options.priority = .high
            job.options.checksDepth = true
            job.options.headers = ["h": "\u{0}"]
            job.options.runAt = ServerTime(milliseconds: 978_307_200_011)
            let given = job
            try await outbox.write { db in _ = try outbox.enqueue(given, to: "mails", in: db) }
            clock.advance(by: .seconds(100))
            let (told, tell) = AsyncStream.makeStream(of: NewJob.self)
            _ = try await shipAll(
                outbox,
                KeyedSink { job, _ in
                    tell.yield(job)
                    return nil
                }
            )
            tell.finish()
            for await shipped in told {
                #expect(shipped.data == given.data && shipped.kind == given.kind)
                #expect("\(shipped.options)" == "\(given.options)")
            }
        }
    }

    @Test func `a job that a handler adds belongs to the intent of its own job`() async throws {
        try await Self.withOutbox { outbox, _ async throws in
            let parent = try Handed(id: "7-0", data: "{}")
            let own = try Self.job("2")
            var named = own
            named.options.correlationID = "mine"
            let given = named
            try await outbox.write { db in
                try outbox.enqueue(own, to: "mails", causedBy: parent, in: db)
                try outbox.enqueue(given, to: "mails", causedBy: parent, in: db)
                try outbox.enqueue(own, to: "mails", in: db)
            }
            let (told, tell) = AsyncStream.makeStream(of: EnqueueOptions.self)
            _ = try await shipAll(
                outbox,
                KeyedSink { job, _ in
                    tell.yield(job.options)
                    return nil
                }
            )
            tell.finish()
            var ids: [String?] = []
            for await options in told { ids += [options.correlationID, options.causationID] }
            #expect(ids == ["7-0", "7-0", "mine", "7-0", nil, nil])
        }
    }

    @Test(arguments: [(60, 25, 35), (60, 60, nil), (60, 1_000, nil), (60, -500, 60)] as [(Int, Int, Int?)])
    func `a delay is counted from the write`(delay: Int, waited: Int, left: Int?) async throws {
        try await Self.withOutbox { outbox, clock async throws in
            var job = try Self.job("1")
            job.options.delay = .seconds(delay)
            let given = job
            try await outbox.write { db in _ = try outbox.enqueue(given, to: "mails", in: db) }
            clock.advance(by: .seconds(waited))
            let (told, tell) = AsyncStream.makeStream(of: Duration?.self)
            _ = try await shipAll(
                outbox,
                KeyedSink { job, _ in
                    tell.yield(job.options.delay)
                    return nil
                }
            )
            tell.finish()
            for await shipped in told { #expect(shipped == left.map { .seconds($0) }) }
        }
    }

    @Test func `what no queue would take is refused when it is written, and the transaction goes on`() async throws {
        try await Self.withOutbox { outbox, _ async throws in
            let good = try Self.job("good")
            var large = good
            large.data = [UInt8](repeating: 0, count: Limits.payloadBytesMax + 1)
            var crowded = good
            crowded.options.headers = Dictionary(uniqueKeysWithValues: (0..<30).map { ("h\($0)", "") })
            var both = good
            both.options.delay = .seconds(1)
            both.options.runAt = Limits.earliestTime
            var negative = good
            negative.options.delay = .seconds(-1)
            let bad: [(NewJob, String, String?)] = [
                (large, "mails", nil), (crowded, "mails", nil), (both, "mails", nil), (negative, "mails", nil),
                (good, "No queue", nil), (good, "mails", ""), (good, "mails", "a\u{0}"),
                (good, "mails", String(repeating: "x", count: 129)),
            ]
            try await outbox.write { db in
                for (job, queue, lane) in bad {
                    let error = #expect(throws: OutboxError.self) {
                        try outbox.enqueue(job, to: queue, lane: lane, in: db)
                    }
                    #expect(error?.code == .invalid)
                }
                try outbox.enqueue(good, to: "mails", in: db)
            }
            #expect(try await shipAll(outbox).texts("mails") == ["good"])
        }
    }

    @Test func `there is a most of lanes`() async throws {
        try await Self.withOutbox { outbox, _ async throws in
            let job = try Self.job("1")
            let error = await #expect(throws: OutboxError.self) {
                try await outbox.write { db in
                    for lane in 0...SQLiteLimits.lanesMax {
                        try outbox.enqueue(job, to: "mails", lane: "\(lane)", in: db)
                    }
                }
            }
            #expect(error?.code == .full)
        }
    }

    @Test func `every row has a key of its own, which it keeps`() async throws {
        try await Self.withOutbox { outbox, _ async throws in
            try await outbox.write { db in
                for text in ["1", "2"] { try outbox.enqueue(try Self.job(text), to: "mails", in: db) }
                try outbox.enqueue(try Self.job("3", key: "own"), to: "mails", in: db)
            }
            struct Gone: Error {}
            let lost = KeyedSink { _, _ in throw Gone() }
            await #expect(throws: Gone.self) { _ = try await shipAll(outbox, lost) }
            let status = try await outbox.status()
            #expect(status.unsent == 3 && status.lanes[0].tries == 1 && status.lanes[0].lastError == "Gone()")
            let keys = try await shipAll(outbox).taken.map(\.key)
            #expect(keys.count == 3 && keys[2] == "own")
            #expect(keys[0].hasPrefix("outbox:") && keys[0].hasSuffix(":1") && keys[1].hasSuffix(":2"))
            #expect(keys[0].split(separator: ":")[1].count == 32)
            // Numbers are not used again, although the table is empty.
            try await outbox.write { db in _ = try outbox.enqueue(try Self.job("4"), to: "mails", in: db) }
            #expect(try await shipAll(outbox).taken.map(\.key).last?.hasSuffix(":4") == true)
        }
    }

    @Test func `an inbox and an outbox of one file share a transaction`() async throws {
        try await Self.withOutbox { outbox, _ async throws in
            let inbox = try Inbox(outbox.store)
            for _ in 0..<2 {
                try await Handed().inbox(inbox) { db in
                    try db.execute(sql: "INSERT INTO bookings DEFAULT VALUES")
                    try outbox.enqueue(try Self.job("receipt"), to: "mails", in: db)
                }
            }
            #expect(try await shipAll(outbox).texts("mails") == ["receipt"])
        }
    }

    @Test func `the status names lanes, ages and reasons, for another process too`() async throws {
        try await Self.withOutbox { outbox, clock async throws in
            #expect(try await outbox.status().oldestAge == nil)
            try await outbox.write { db in
                for text in ["bad", "2"] { try outbox.enqueue(try Self.job(text), to: "mails", lane: "é", in: db) }
            }
            clock.advance(by: .seconds(30))
            try await outbox.write { db in _ = try outbox.enqueue(try Self.job("full"), to: "bills", in: db) }
            clock.advance(by: .seconds(12))
            _ = try await shipAll(
                outbox,
                KeyedSink { job, queue in
                    queue == "bills"
                        ? .later("the queue is full") : job.data == Array("bad".utf8) ? .refused("no") : nil
                }
            )
            let other = try Outbox(
                SQLiteStore(path: outbox.store.path, schema: Outbox.schema),
                wallClock: clock.read
            )
            let status = try await other.status()
            try await other.close()
            #expect(status.lanes.map(\.name) == ["bills", "é"] && !status.isRelayed)
            #expect(status.oldestAge == .seconds(42))
            #expect(status.lanes[0].oldestAge == .seconds(12) && status.lanes[0].lastError == "the queue is full")
            #expect(status.lanes[0].parked == nil && status.lanes[0].tries == 1)
            let parked = try #require(status.parked.first?.parked)
            #expect(parked.row == 1 && parked.reason == "no" && parked.since == clock.read())
        }
    }
}
