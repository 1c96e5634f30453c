import GRDB
import Glibc
import Logging
import PondCore
import PondSQLite
import PondTestKit
import Testing

/// Applications and relays that are killed, with 10,000 rows over several lanes.
@Suite struct OutboxProcessTests {
    private static let rows = 10_000
    private static let lanes = 4
    private static let rowsEach = 20

    private static func outbox(_ folder: String) -> Outbox {
        Outbox(path: "\(folder)/app.sqlite", schemas: [InboxTests.schema])
    }

    private static func relay(_ outbox: Outbox, _ sink: FileSink) -> OutboxRelay {
        OutboxRelay(outbox, to: sink, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// What the application does: it books and lets a mail follow, and goes on where it was cut off.
    private static func book(_ outbox: Outbox) async throws {
        var done = try await outbox.store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM bookings") ?? 0 }
        while done < rows {
            let first = done
            try await outbox.write { db in
                for n in first..<first + rowsEach {
                    try db.execute(sql: "INSERT INTO bookings (n) VALUES (?)", arguments: [n])
                    try outbox.enqueue(try OutboxTests.job("\(n)"), to: "queue-\(n % lanes)", in: db)
                }
            }
            done += rowsEach
        }
    }

    private func killBooking(_ folder: String, at point: String) async {
        await #expect(processExitsWith: .signal(SIGKILL)) { [folder = folder as String, point = point as String] in
            dieAt(point)
            try await Self.book(Self.outbox(folder))
        }
    }

    private func killRelay(_ folder: String, at point: String) async {
        await #expect(processExitsWith: .signal(SIGKILL)) { [folder = folder as String, point = point as String] in
            dieAt(point)
            try await Self.relay(Self.outbox(folder), FileSink("\(folder)/sink.sqlite")).run()
        }
    }

    /// Every number came once, and those of a lane in order.
    private func expectAll(_ sink: FileSink) async throws {
        let numbers = try await sink.numbers()
        #expect(numbers.count == Self.lanes)
        for lane in 0..<Self.lanes {
            let wanted = Array(stride(from: lane, to: Self.rows, by: Self.lanes))
            #expect(numbers["queue-\(lane)"] == wanted)
        }
    }

    @Test func `an application that is killed at its commits loses no job and sends none too many`() async throws {
        try await withFolder { folder in
            for point in ["before-outbox-commit", "after-outbox-commit"] {
                for nth in [1, 40, 90] { await killBooking(folder, at: "\(point):\(nth)") }
            }
            let (outbox, sink) = (Self.outbox(folder), FileSink("\(folder)/sink.sqlite"))
            let committed = try await outbox.store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM bookings") }
            #expect(committed == (0 + 39 + 89 + 1 + 40 + 90) * Self.rowsEach)
            #expect(try await outbox.status().unsent == committed)
            try await Self.book(outbox)
            #expect(try await Self.relay(outbox, sink).shipOnce() == Self.rows)
            try await expectAll(sink)
            try await outbox.close()
            try await sink.close()
        }
    }

    @Test func `a relay that is killed anywhere leaves each job once and the lanes in order`() async throws {
        try await withFolder { folder in
            let (outbox, sink) = (Self.outbox(folder), FileSink("\(folder)/sink.sqlite"))
            try await Self.book(outbox)
            for point in ["before-ship", "after-ship", "after-mark", "after-purge"] {
                for nth in [1, 3] { await killRelay(folder, at: "\(point):\(nth)") }
            }
            let left = try await outbox.status().unsent
            #expect(left > 0 && left < Self.rows)
            _ = try await Self.relay(outbox, sink).shipOnce()
            try await expectAll(sink)
            // A kill between the two files ships the batch again: the test has reached what it is about.
            #expect(try await sink.repeats() > 0)
            #expect(try await outbox.status().unsent == 0)
            try await outbox.close()
            try await sink.close()
        }
    }

    @Test func `an application and a relay that are killed at the same time agree in the end`() async throws {
        try await withFolder { folder in
            async let booking: Void = {
                for point in ["before-outbox-commit:60", "after-outbox-commit:60", "before-outbox-commit:9"] {
                    await killBooking(folder, at: point)
                }
                let outbox = Self.outbox(folder)
                try await Self.book(outbox)
                try await outbox.close()
            }()
            for point in ["after-ship:2", "after-mark:4", "before-ship:6", "after-purge:1", "after-ship:1"] {
                await killRelay(folder, at: point)
            }
            try await booking
            let (outbox, sink) = (Self.outbox(folder), FileSink("\(folder)/sink.sqlite"))
            _ = try await Self.relay(outbox, sink).shipOnce()
            try await expectAll(sink)
            try await outbox.close()
            try await sink.close()
        }
    }
}
