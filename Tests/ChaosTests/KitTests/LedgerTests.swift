import ChaosKit
import Glibc
import Testing

@Suite struct LedgerTimingTests {
    /// A ledger on a thread of its own; it ends with the pipe.
    private func withLedger(_ body: (LedgerClient, String) async throws -> Void) async throws {
        try await withFolder { folder in
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            let (reading, writing) = (ends[0], ends[1])
            let (ended, end) = AsyncStream.makeStream(of: Void.self)
            let server = try LedgerServer(socket: "\(folder)/s", file: "\(folder)/ledger.sqlite")
            let box = Unsent(server)
            try Threads.start {
                _ = Result { try box.server.run(lifeline: reading) }
                end.finish()
            }
            let client = try LedgerClient(socket: "\(folder)/s", process: "w1")
            defer { close(reading) }
            try await body(client, "\(folder)/ledger.sqlite")
            close(writing)
            for await _ in ended {}
        }
    }

    /// Hands the server over to its thread, which alone uses it from then on.
    private final class Unsent: @unchecked Sendable {
        let server: LedgerServer
        init(_ server: LedgerServer) { self.server = server }
    }

    @Test func `a fence below the highest is refused and written down`() async throws {
        try await withLedger { client, file in
            #expect(try await client.record(job: "a", fence: 1))
            #expect(try await client.record(job: "a", fence: 3))
            #expect(try await !client.record(job: "a", fence: 2))
            #expect(try await client.record(job: "a", fence: 3, step: "two"))
            #expect(try await client.record(job: "b", fence: 1))
            let rows = try LedgerFile.rows(in: file)
            #expect(rows.map(\.fence) == [1, 3, 2, 3, 1])
            #expect(rows.map(\.isAccepted) == [true, true, false, true, true])
            #expect(Set(rows.map(\.process)) == ["w1"])
        }
    }

    @Test func `it takes thousands of effects a second`() async throws {
        try await withLedger { client, file in
            let clock = ContinuousClock()
            let time = try await clock.measure {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for task in 0..<50 {
                        group.addTask {
                            for number in 0..<40 { _ = try await client.record(job: "\(task)-\(number)", fence: 0) }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(try LedgerFile.rows(in: file).count == 2_000)
            // Other suites share the cores; alone it is a fifth of this.
            #expect(time < .seconds(10))
        }
    }
}
