import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// What `pond_enqueue` refuses: every argument at its bound and past it; after a refusal nothing was written.
@Suite(.redis) struct EnqueueBoundTests {
    private func accepts(_ words: [String]) async throws {
        try await Bench.run { bench in
            let reply = try await bench.call("pond_enqueue", words.map { .text($0) })
            let id = JobID(try #require(reply.array?[1].string))
            try await bench.expectWhole([id])
        }
    }

    private func refuses(
        _ words: [String],
        _ prefix: String,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        try await Bench.run { bench in
            let text = try await bench.refusal("pond_enqueue", words.map { .text($0) }, at: location)
            #expect(text.hasPrefix(prefix), "\(text)", sourceLocation: location)
            #expect(text.utf8.count < 400, sourceLocation: location)
            let keys = try await bench.redis("KEYS", "\(bench.queue.keys.base)*")
            #expect(keys == .array([]), sourceLocation: location)
        }
    }

    @Test func `a job needs a kind`() async throws {
        try await refuses(["data", "{}"], "INVALID kind: missing")
        try await refuses([], "INVALID kind: missing")
        try await refuses(["kind"], "INVALID arguments: got 1, expected pairs")
    }

    @Test(arguments: ["", "-a", ".a", "a b", "a/b", "é", "a\n", "a\u{0}", String(repeating: "k", count: 129)])
    func `a kind has its alphabet and its length`(kind: String) async throws {
        try await refuses(["kind", kind], "INVALID kind: got \"")
    }

    @Test func `what is just allowed is taken`() async throws {
        try await accepts(["kind", String(repeating: "k", count: 128)])
        try await accepts(["kind", "a", "data", String(repeating: "d", count: Limits.payloadBytesMax)])
        try await accepts(["kind", "a", "h", String(repeating: "v", count: Limits.headerValueBytesMax)])
        try await accepts(["kind", "a", String(repeating: "n", count: 128), "v"])
        try await accepts(["kind", "a"] + (1..<Limits.fieldsMax).flatMap { ["h\($0)", ""] })
        try await accepts(["kind", "a", "max_attempts", "1000000", "timeout_ms", "315360000000"])
        try await accepts(["kind", "a", "max_attempts", "1", "timeout_ms", "1", "expires_ms", "978307200000"])
        try await accepts(["kind", "a", "run_at_ms", "978307200000"])
        try await accepts(["kind", "a", "run_at_ms", "0"])
        try await accepts(["kind", "a", "expires_ms", "99999999999999", "class", "D", "priority", "normal"])
        try await accepts(["kind", "a", "delay_ms", "315360000000"])
        try await accepts(["kind", "a", "delay_ms", "0", "correlation_id", "", "traceparent", "00-0"])
    }

    @Test func `a byte more is refused`() async throws {
        let payload = String(repeating: "d", count: Limits.payloadBytesMax + 1)
        try await refuses(["kind", "a", "data", payload], "INVALID data: got 1048577 bytes, allowed are 1048576")
        let value = String(repeating: "v", count: Limits.headerValueBytesMax + 1)
        try await refuses(["kind", "a", "h", value], "INVALID h: got 4097 bytes, allowed are 4096")
        try await refuses(["kind", "a", "traceparent", value], "INVALID traceparent: got 4097 bytes")
        let name = String(repeating: "n", count: 129)
        try await refuses(["kind", "a", name, "v"], "INVALID field name: got \"nnn")
        try await refuses(["kind", "a", String(repeating: "n", count: 1_000_000), "v"], "INVALID field name: got")
        try await refuses(["kind", "a", "", "v"], "INVALID field name: got an empty name")
        let fields = (1...Limits.fieldsMax).flatMap { ["h\($0)", ""] }
        try await refuses(["kind", "a"] + fields, "INVALID fields: got 33, allowed are 32")
    }

    @Test(arguments: ["max_attempts", "timeout_ms", "expires_ms", "delay_ms", "run_at_ms"])
    func `a number is whole, plain digits and within its range`(name: String) async throws {
        for text in ["", "-1", "+1", " 1", "1.5", "1e3", "0x10", "inf", "nan", "9999999999999999"] {
            try await refuses(["kind", "a", name, text], "INVALID \(name): got \"\(text)\"")
        }
    }

    @Test func `a number past its bound is refused`() async throws {
        try await refuses(["kind", "a", "max_attempts", "0"], "INVALID max_attempts: got \"0\"")
        try await refuses(["kind", "a", "max_attempts", "1000001"], "INVALID max_attempts: got \"1000001\"")
        try await refuses(["kind", "a", "timeout_ms", "0"], "INVALID timeout_ms")
        try await refuses(["kind", "a", "timeout_ms", "315360000001"], "INVALID timeout_ms")
        try await refuses(["kind", "a", "delay_ms", "315360000001"], "INVALID delay_ms")
        try await refuses(["kind", "a", "run_at_ms", "99999999999999"], "INVALID run_at_ms")
        try await refuses(["kind", "a", "delay_ms", "1", "run_at_ms", "1"], "INVALID run_at_ms: given together")
    }

    @Test func `a time in another unit is refused, and the unit is named`() async throws {
        for name in ["expires_ms", "run_at_ms"] {
            let text =
                "INVALID \(name): got \"60000\", which is 1970-01-01T00:01:00Z; it is a moment in milliseconds since 1970"
            try await refuses(["kind", "a", name, "60000"], text)
            try await refuses(
                ["kind", "a", name, "1796024000"],
                "INVALID \(name): got \"1796024000\", which is 1970-01-21T18:53:44Z; it is a moment in milliseconds since "
                    + "1970, not before 2001. Did you mean 1796024000000 (given in seconds)?"
            )
            try await refuses(
                ["kind", "a", name, "978307199999"],
                "INVALID \(name): got \"978307199999\", which is 2000-12-31T23:59:59Z"
            )
        }
        try await refuses(["kind", "a", "expires_ms", "0"], "INVALID expires_ms: got \"0\", which is 1970")
    }

    @Test(arguments: ["", "HIGH", "urgent", "1"]) func `no other priority is known`(priority: String) async throws {
        try await refuses(["kind", "a", "priority", priority], "INVALID priority: got \"\(priority)\"")
    }

    @Test(arguments: ["", "E", "a", "AB"]) func `no other class is known`(text: String) async throws {
        try await refuses(["kind", "a", "class", text], "INVALID class: got \"\(text)\", allowed is A, B, C or D")
    }

    @Test(arguments: ["kind", "data", "h", "delay_ms", "priority"])
    func `nothing is given twice`(name: String) async throws {
        try await refuses(["kind", "a", name, "1", name, "1"], "INVALID \(name): ")
    }

    @Test(arguments: WireField.allCases.filter(\.isOwnedByLibrary))
    func `nobody writes the library's fields`(field: WireField) async throws {
        let name = field.rawValue
        try await refuses(["kind", "a", name, "1"], "INVALID \(name): only the library writes this field")
    }

    @Test(arguments: ["budget_wall_ms", "budget_cpu_ms", "budget_usd_micros"])
    func `a budget is a whole number from 1`(name: String) async throws {
        for value in ["", "0", "-1", "1.5", "1e3", "9999999999999999"] {
            try await refuses(
                ["kind", "a", name, value],
                "INVALID \(name): got \"\(value)\", allowed is a whole number"
            )
        }
    }

    @Test(
        .redis,
        arguments: [
            "", "q", "mp:q", "mp:{}", "mp:{Q}", "mp:{-a}", "mp:{a b}", "mp:{a}{b}", "mp:{{a}}", "mp:{a", "mp:a}",
            "{a}:x",
            "mp:{é}", "mp:{a\u{0}}", "mp:{a\n}", "mp:{a:b}", "mp:{a}:ready",
            "mp:{\(String(repeating: "q", count: 64))}",
            "mp:{\(String(repeating: "q", count: 1_000_000))}", String(repeating: "{", count: 1_000_000),
        ]
    )
    func `no function works on a key that is no queue's`(base: String) async throws {
        try await Bench.run { bench in
            try await bench.pond.installLibrary()
            for function in Contract.functions where function != "pond_version" {
                let command = RedisCommand("FCALL", .text(function), 1, .text(base), "kind", "a.b")
                let error = await #expect(throws: RedisError.self) { try await bench.pond.redis.send(command) }
                let kind = Self.keyKind(of: function)
                #expect(error?.message.hasPrefix("INVALID \(kind) key: got \"") == true, "\(function)")
                #expect((error?.message.utf8.count ?? 0) < 500)
            }
            #expect(try await bench.redis("DBSIZE").int == 0)
        }
    }

    @Test(.redis) func `every function takes one key, or the queue's meta as a second`() async throws {
        try await Bench.run { bench in
            try await bench.pond.installLibrary()
            for function in Contract.functions where function != "pond_version" {
                let base = function.hasPrefix("pond_fleet") ? "mp:fleet:{\(bench.name)}" : bench.queue.keys.base
                func answer(_ keys: [String]) async throws -> String {
                    let words = [function, "\(keys.count)"] + keys + ["x", "1"]
                    do {
                        let reply = try await bench.pond.redis.send(RedisCommand("FCALL", words.map { .text($0) }))
                        return reply.array.map { "\($0.count) elements" } ?? "one text"
                    } catch {
                        return error.message
                    }
                }
                #expect(try await answer([base]) == answer([base, base + ":meta"]), "\(function)")
            }
        }
    }

    /// What a function's key is said to be of.
    private static func keyKind(of function: String) -> String {
        function.hasPrefix("pond_fleet") ? "fleet" : function == "pond_ledger" ? "budgets" : "queue"
    }

    @Test(.redis) func `a function without its key says so`() async throws {
        try await Bench.run { bench in
            try await bench.pond.installLibrary()
            for function in Contract.functions where function != "pond_version" {
                let error = await #expect(throws: RedisError.self) { try await bench.redis("FCALL", function, "0") }
                let kind = Self.keyKind(of: function)
                #expect(
                    error?.message.hasPrefix("INVALID \(kind) key: got \"\"") == true,
                    "\(function): \(error?.message ?? "")"
                )
            }
        }
    }

    @Test func `a function without its arguments answers or refuses, and breaks nowhere`() async throws {
        try await Bench.run { bench in
            for function in Contract.functions where function != "pond_version" {
                do {
                    try await bench.call(function)
                } catch let error as RedisError {
                    #expect(error.message.hasPrefix("INVALID "), "\(function): \(error.message)")
                }
            }
        }
    }

    @Test func `a queue name of 63 codes is one`() async throws {
        try await Bench.run { bench in
            let name = String(repeating: "q", count: 63)
            let queue = try bench.pond.queue(name)
            _ = try await queue.enqueue(NewJob(kind: .test, options: .after(.seconds(1))))
            #expect(try await queue.depth().held == 1)
            #expect(throws: PondError.self) { try bench.pond.queue(name + "q") }
        }
    }
}

/// The functions that a client may call.
enum Contract {
    static let functions: [String] = LuaLibrary.text
        .split(separator: "function_name = '")
        .dropFirst()
        .map { String($0.prefix { $0 != "'" }) }
}
