import Logging
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// Replies that no library of ours gives: each verb says that it does not understand them, and none crashes.
@Suite struct ReplyTests {
    private static let replies = [
        "nil", "{}", "5", "'x'", "''", "{'a'}", "{'1','2','3'}", "{'1','0','0','alive','0','-5','-5'}", "{{}}",
        "{{{}}}",
        "{'1','0','0','n',{{'1-1'}}}", "{'1','0','0','n',{{'1-1',{'kind'}}}}", "{'1','0','0','n','broken'}",
        "{'1','0','0','alive','0','9223372036854775807'}", "{'fields','1','a'}", "{'id','x','fields','0'}", "{false}",
        "redis.status_reply('FINE')", "{'\\\\255\\\\254'}",
    ]

    private static func library(answering reply: String) -> String {
        let functions = Contract.functions.filter { $0 != "pond_version" }.map {
            "redis.register_function{ function_name = '\($0)', callback = function() return \(reply) end, "
                + "flags = { 'no-writes' } }"
        }
        let version = """
            redis.register_function{ function_name = 'pond_version', flags = { 'no-writes' },
                callback = function() return { 'millpond', '1', '99' } end }
            """
        return "#!lua name=millpond\n" + (functions + [version]).joined(separator: "\n")
    }

    /// Every verb that calls a function.
    private static let verbs: [@Sendable (Queue) async throws -> Void] = [
        { _ = try await $0.enqueue(NewJob(kind: .test, options: .after(.seconds(1)))) },
        { _ = try await $0.open() },
        { _ = try await $0.fetch(as: .ann, atMost: 3) },
        { _ = try await $0.owned(by: .ann) },
        { _ = try await $0.settle([settlement], as: .ann) },
        { _ = try await $0.beat(as: .ann, about: "") },
        { _ = try await $0.reclaim(from: .ann, by: .bob) },
        { _ = try await $0.leave(as: .ann) },
        { _ = try await $0.promote(as: .ann) },
        { _ = try await $0.job(JobID("1-1")) },
        { _ = try await $0.cancel(JobID("1-1")) },
        { _ = try await $0.depth() },
        { _ = try await $0.dead() },
        { _ = try await $0.revive([JobID("1-1")]) },
        { _ = try await $0.discard([JobID("1-1")]) },
        { _ = try await $0.causes() },
        { _ = try await $0.pause() },
    ]

    private static let settlement = Settlement(
        receipt: Receipt(stream: .normal, entry: "1-1"),
        id: JobID("1-1"),
        outcome: .released
    )

    @Test(.redis, arguments: replies) func `a strange reply is an error, never a crash`(reply: String) async throws {
        try await Bench.run { bench in
            try await bench.redis("FUNCTION", "LOAD", "REPLACE", Self.library(answering: reply))
            for verb in Self.verbs {
                do {
                    try await verb(bench.queue)
                } catch let error as QueueError {
                    #expect(error.code == .unexpectedReply, "\(error)")
                }
            }
        }
    }

    @Test(
        .redis,
        arguments: [
            "INVALID kind: got \"x\"", "QUEUEFULL the queue holds 3", "WRONGTYPE of a key", "BUSYGROUP x", "NOPERM no",
            "lower case",
        ]
    )
    func `an error reply keeps its meaning`(text: String) async throws {
        try await Bench.run { bench in
            let library = Self.library(answering: "redis.error_reply('\(text)')")
            try await bench.redis("FUNCTION", "LOAD", "REPLACE", library)
            let error = await #expect(throws: QueueError.self) { try await bench.queue.depth() }
            let code: QueueError.Code =
                text.hasPrefix("INVALID") ? .invalid : text.hasPrefix("QUEUEFULL") ? .queueFull : .redis
            #expect(error?.code == code)
            #expect(error?.outcomeUnknown == false)
        }
    }

    @Test(.redis) func `a prefix of one's own keeps queues apart, and a brace in it is refused`() async throws {
        let configuration = try RedisConfiguration(url: RedisServer.current.url)
        let pond = Pond(configuration, prefix: "app one")
        let queue = try pond.queue("q")
        let id = try await queue.enqueue(NewJob(kind: .test)).id
        #expect(try await queue.fetch(as: .ann, atMost: 1).deliveries.map(\.id.text) == [id.text])
        try await queue.register()
        #expect(try await pond.queues().map(\.text) == ["q"])
        let other = Pond(configuration, prefix: "app two")
        #expect(try await other.queue("q").depth().inFlight == 0)
        #expect(try await other.queues().isEmpty)
        for prefix in ["a{b}", "}", "{"] {
            let error = #expect(throws: PondError.self) { try Pond(configuration, prefix: prefix).queue("q") }
            #expect(error?.code == .invalidConfiguration)
        }
        await pond.close()
        await other.close()
        await #expect(throws: QueueError.self) { try await queue.depth() }
    }
}
