import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@testable import pond

@Suite(.redis) struct QueueExportTests {
    @Test func `a held job that is held again before the end is reached is written once`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        let count = Queue.exportPageMax + 50
        for _ in 0..<count {
            _ = try await queue.enqueue(NewJob(kind: try JobKind("a.b"), options: .after(.seconds(60))))
        }
        let first = try #require(try await queue.export(.held, after: "", upTo: "").jobs.first)
        var export = QueueExport(queue, states: [.held], ends: [:], after: nil)
        var lines: [Substring] = []
        try await export.run(
            write: { text in
                lines += text.split(separator: "\n")
                // It ran, failed, and is to be tried again behind all others.
                let due = queue.keys.base + ":due"
                try await desk.command("ZADD", .text(due), "XX", "9999999999999", .text(first.id.text))
            },
            progress: { _ in }
        )
        #expect(lines.count == count)
        #expect(export.number == count)
        #expect(lines.count { $0.contains("\"id\":\"\(first.id)\"") } == 1)
    }
}
