import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// `pond enqueue`, one job and many.
@Suite(.serialized, .redis) struct EnqueueTests {
    private func enqueue(
        _ place: Place,
        _ arguments: [String],
        input: String = ""
    ) async throws -> Child.Ended {
        try await Child.run(["enqueue"] + arguments + place.options, input: Array(input.utf8))
    }

    @Test func `a job is enqueued with all that was said of it, and its id is printed`() async throws {
        let place = try Place()
        let ended = try await enqueue(
            place,
            [
                "email.send", "--data", #"{"to":"a@b.c"}"#, "--priority", "high", "--correlation-id", "c-1", "--class",
                "A", "--max-attempts", "3", "--job-timeout", "30s", "--expires", "1h", "--header", "tenant=x=y",
            ]
        )
        #expect(ended.code == 0)
        #expect(ended.error.isEmpty)
        let job = try await place.queue.job(JobID(try #require(ended.output.first)))
        #expect(job.state == .ready)
        #expect(job.field("kind") == "email.send")
        #expect(job.field("data") == #"{"to":"a@b.c"}"#)
        #expect(job.field("correlation_id") == "c-1")
        #expect(job.field("class") == "A")
        #expect(job.field("max_attempts") == "3")
        #expect(job.field("timeout_ms") == "30000")
        #expect(job.field("tenant") == "x=y")
        let now = try await place.queue.depth().now
        let expires = ServerTime(milliseconds: Int64(job.field("expires_ms") ?? "") ?? 0)
        #expect((Duration.seconds(3_590)...Duration.seconds(3_600)).contains(expires.since(now)))
    }

    @Test func `a job for later is held, and JSON says until when`() async throws {
        let place = try Place()
        let ended = try await enqueue(place, ["email.send", "--in", "1h", "--json"])
        #expect(ended.code == 0)
        let text = try #require(ended.output.first)
        #expect(text.contains(#""state":"held","due":"20"#))
        #expect(try await place.queue.depth().held == 1)
        #expect(try await enqueue(place, ["email.send", "--at", "2031-01-01T00:00:00+01:00"]).code == 0)
        #expect(try await place.queue.depth().held == 2)
    }

    @Test(arguments: ["-", "@"])
    func `the payload comes from standard input or a file`(source: String) async throws {
        let place = try Place()
        try await withDirectory { directory in
            let text = #"{"from":"elsewhere"}"#
            let path = "\(directory)/payload.json"
            try Text.write(text, to: path)
            let ended = try await enqueue(place, ["a", "--data", source == "-" ? "-" : "@\(path)"], input: text)
            #expect(ended.code == 0)
            let job = try await place.queue.job(JobID(try #require(ended.output.first)))
            #expect(job.field("data") == text)
        }
    }

    @Test func `ten thousand lines become ten thousand jobs`() async throws {
        let place = try Place()
        let lines = (1...10_000).map { "{\"n\":\($0)}\n" }.joined()
        let ended = try await enqueue(place, ["pond.echo", "--lines"], input: lines)
        #expect(ended.code == 0)
        #expect(ended.output.isEmpty)
        #expect(ended.error.contains { $0.filter { $0.isASCII && $0.isNumber }.hasPrefix("10000") })
        #expect(try await place.queue.depth().ready == 10_000)
    }

    @Test func `the last line may lack its end, and empty lines are skipped`() async throws {
        let place = try Place()
        let ended = try await enqueue(place, ["a", "--lines", "--json"], input: "1\r\n\n  \n\"two\"")
        #expect(ended.code == 0)
        #expect(ended.output.first?.contains(#""enqueued":2,"ready":2,"held":0,"duplicate":0,"skipped":2"#) == true)
        #expect(try await place.queue.depth().ready == 2)
    }

    @Test func `a bad line is named, and those before it stay`() async throws {
        let place = try Place()
        let lines = (1...700).map { "\($0)\n" }.joined() + "{oops}\n1\n"
        let ended = try await enqueue(place, ["a", "--lines"], input: lines)
        #expect(ended.code == 2)
        #expect(ended.error.contains { $0.contains("line 701") && $0.contains("700 jobs enqueued") })
        #expect(try await place.queue.depth().ready == 700)
    }

    @Test func `a line that is too long is named`() async throws {
        let place = try Place()
        let long = "\"" + String(repeating: "x", count: Limits.payloadBytesMax) + "\""
        let ended = try await enqueue(place, ["a", "--lines"], input: "1\n2\n" + long + "\n3\n")
        #expect(ended.code == 2)
        #expect(ended.error.contains { $0.contains("line 3 is longer than 1048576 bytes") && $0.contains("2 jobs") })
        #expect(try await place.queue.depth().ready == 2)
    }

    @Test func `what is not JSON needs to be meant`() async throws {
        let place = try Place()
        let refused = try await enqueue(place, ["a", "--data", "hello"])
        #expect(refused.code == 2)
        #expect(refused.error.contains { $0.contains("not JSON") && $0.contains("byte 1") })
        #expect(refused.error.contains { $0.contains("--raw") })
        let taken = try await enqueue(place, ["a", "--data", "hello", "--raw"])
        let job = try await place.queue.job(JobID(try #require(taken.output.first)))
        #expect(job.field("data") == "hello")
    }

    @Test func `a key that is known adds nothing, and one with another payload is a conflict`() async throws {
        let place = try Place()
        let first = try await enqueue(place, ["a", "--key", "order-42"])
        #expect(first.code == 0)
        let second = try await enqueue(place, ["a", "--key", "order-42"])
        #expect(second.code == 0 && second.output == first.output)
        #expect(second.error.contains { $0.contains("nothing added: the key belongs to a job that is queued") })
        let other = try await enqueue(place, ["a", "--key", "order-42", "--data", "7"])
        #expect(other.code == 5)
        #expect(other.error.contains { $0.contains("has another kind or payload") })
        #expect(try await place.queue.depth().ready == 1)
    }

    @Test func `a job that is in the queue is no failure because the queue cannot be made known`() async throws {
        let place = try Place()
        let user = RedisServer.uniqueName("u")
        _ = try await place.pond.redis.send(
            RedisCommand("ACL", "SETUSER", .text(user), "on", ">secret", "resetkeys", "~mp:{*", "+@all")
        )
        let url = "unix://\(user):secret@\(RedisServer.current.socketPath)"
        let ended = try await Child.run(["enqueue", "a", "--redis", url, "--queue", place.queue.name.text])
        #expect(ended.code == 0 && ended.output.count == 1, "\(ended.error)")
        #expect(try await place.queue.depth().ready == 1)
    }

    @Test func `without Redis it fails within its time`() async throws {
        let ended = try await Child.run(["enqueue", "a", "--redis", "redis://127.0.0.1:1", "--timeout", "300ms"])
        #expect(ended.code == 6)
        #expect(ended.error.count == 2)
        let json = try await Child.run([
            "enqueue", "a", "--redis", "redis://127.0.0.1:1", "--timeout", "300ms", "--json",
        ])
        #expect(json.code == 6)
        #expect(json.error.count == 1)
        #expect(json.error[0].contains(#""code":"redis_unreachable""#))
    }
}
