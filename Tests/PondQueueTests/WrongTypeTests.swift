import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// A function is atomic against others, not against its own errors: what fails half-way must leave every job in exactly
/// one place.
///
/// Each key of the queue in turn holds something of another type while each verb is called.
@Suite(.redis) struct WrongTypeTests {
    static let keys = [
        "ready", "ready:front", "ready:high", "ready:low", "held", "due", "dead", "dead:at", "causes", "beats",
        "workers",
        "meta", "journal", "moved", "cancel", "bell", "keys:live", "keys", "started", "spent", "groups",
        "groups:empty", "audit", "sagas", "waiting", "waits",
        // The groups that the jobs of these situations are in: failed a.b, failed a, poison a.b.
        "group:f14b4eeb", "group:26efa3cb", "group:679490c7",
    ]

    /// A wish to cancel that could not be read stays behind its job; it is read again when the job comes again.
    private static func leftover(_ key: String) -> String? { key == "cancel" ? "cancel flag" : nil }

    @Test(arguments: Situation.all) func `a verb that fails leaves every job in one place`(
        situation: Situation
    ) async throws {
        for key in Self.keys {
            try await Bench.run { bench in
                _ = try await bench.queue.open()
                var ids = try await situation.prepare(bench)
                try await bench.breakKey(key)
                do {
                    ids += try await situation.act(bench, ids)
                } catch let error as QueueError {
                    #expect(
                        error.redis?.prefix == "WRONGTYPE" || error.message.contains("WRONGTYPE"),
                        "\(key): \(error)"
                    )
                } catch let error as RedisError {
                    #expect(error.prefix == "WRONGTYPE", "\(key): \(error)")
                }
                try await bench.mendKey(key)
                // What ended while the journal could not be written left no word of it.
                if key == "journal" { ids = try await bench.stillThere(ids) }
                try await bench.expectWhole(ids, "\(key) was broken", ignoring: Self.leftover(key))
            }
        }
    }

    @Test(arguments: Situation.all) func `a verb that failed works once the key is mended`(
        situation: Situation
    ) async throws {
        for key in Self.keys where key != "journal" {
            try await Bench.run { bench in
                _ = try await bench.queue.open()
                var ids = try await situation.prepare(bench)
                try await bench.breakKey(key)
                do { ids += try await situation.act(bench, ids) } catch {}
                try await bench.mendKey(key)
                do {
                    ids += try await situation.act(bench, ids)
                } catch {
                    Issue.record("\(key): \(error)")
                }
                try await bench.expectWhole(ids, "\(key) was broken", ignoring: Self.leftover(key))
            }
        }
    }
}
