import Glibc
import PondCore
import PondQueue
import PondSQLite
import PondTestKit
import Testing

/// `pond relay` beside an application.
@Suite(.serialized, .redis) struct RelayTests {
    private func add(_ outbox: Outbox, _ place: Place) async throws {
        let queue = place.queue.name.text
        try await outbox.write { db in
            _ = try outbox.enqueue(NewJob(kind: try JobKind("mail.send")), to: queue, in: db)
        }
    }

    @Test func `one relay ships, another takes over when it dies, and SIGTERM ends it in order`() async throws {
        let place = try Place()
        try await withDirectory { directory in
            let outbox = Outbox(path: "\(directory)/app.sqlite")
            try await add(outbox, place)
            let arguments = ["relay", "--db", outbox.store.path, "--redis", place.url]
            let (told, tell) = AsyncStream.makeStream(of: Int32.self)
            async let first = Child.run(arguments) { child in
                try await place.eventually("the first job is there") { $0.ready == 1 }
                tell.yield(child.pid)
                try await child.exit()
            }
            let pid = try #require(await told.first { _ in true })
            let second = try await Child.run(arguments) { child in
                try await child.line("waits for its end")
                kill(pid, SIGKILL)
                try await child.line("the relay ships")
                try await add(outbox, place)
                try await place.eventually("the second job is there") { $0.ready == 2 }
                try await eventually("the row is marked") { try await outbox.status().unsent == 0 }
                child.send(SIGTERM)
                try await child.exit()
            }
            #expect(try await first.code == nil)
            #expect(second.code == 0)
            try await outbox.close()
        }
    }
}
