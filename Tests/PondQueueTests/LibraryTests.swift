import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// How the function library gets to a server and stays there.
///
/// Each test has a server of its own.
@Suite struct LibraryTests {
    private func version(format: Int, revision: Int) -> String {
        LuaLibrary.text
            .replacing("local FORMAT = \(LuaLibrary.format) ", with: "local FORMAT = \(format) ")
            .replacing("local REVISION = \(LuaLibrary.revision) ", with: "local REVISION = \(revision) ")
    }

    private func load(_ text: String, _ bench: Bench) async throws {
        try await bench.redis("FUNCTION", "LOAD", "REPLACE", text)
    }

    @Test(.redis) func `a server without the library gets it`() async throws {
        try await Bench.run { bench in
            let before = try await bench.pond.libraryVersion()
            let installed = try await bench.pond.installLibrary()
            let after = try await bench.pond.libraryVersion()
            #expect(before == nil)
            #expect(installed == .own)
            #expect(after == .own)
            #expect("\(LuaLibrary.Version.own)" == "format 1, revision \(LuaLibrary.revision)")
        }
    }

    @Test(.redis) func `several that come to an empty server at once load it once`() async throws {
        try await Bench.run { bench in
            try await withThrowingTaskGroup(of: LuaLibrary.Version.self) { group in
                for _ in 0..<8 { group.addTask { try await bench.pond.installLibrary() } }
                for try await version in group { #expect(version == .own) }
            }
            let calls = try await bench.pond.redis.send(RedisCommand("INFO", "commandstats"))
            let loads = try #require(calls.string).split(whereSeparator: \.isNewline)
                .first { $0.hasPrefix("cmdstat_function|load:") }
            let refused = try #require(loads?.firstMatch(of: /calls=(\d+).*failed_calls=(\d+)/))
            #expect(Int(refused.1)! - Int(refused.2)! == 1, "\(loads ?? "")")
        }
    }

    @Test(.redis) func `the first call of any verb brings the library`() async throws {
        try await Bench.run { bench in
            let depth = try await bench.queue.depth()
            let version = try await bench.pond.libraryVersion()
            #expect(depth.ready == 0)
            #expect(version == .own)
        }
    }

    @Test(.redis) func `an older revision is replaced`() async throws {
        try await Bench.run { bench in
            try await load(version(format: LuaLibrary.format, revision: 0), bench)
            #expect(try await bench.pond.libraryVersion()?.revision == 0)
            #expect(try await bench.pond.installLibrary() == .own)
            #expect(try await bench.pond.libraryVersion() == .own)
        }
    }

    @Test(.redis) func `an older format is replaced`() async throws {
        try await Bench.run { bench in
            try await load(version(format: 0, revision: 99), bench)
            #expect(try await bench.pond.installLibrary() == .own)
        }
    }

    @Test(.redis) func `a newer revision of the same format stays`() async throws {
        try await Bench.run { bench in
            try await load(version(format: LuaLibrary.format, revision: 99), bench)
            #expect(try await bench.pond.installLibrary().revision == 99)
            #expect(try await bench.pond.libraryVersion()?.revision == 99)
            try await bench.add()
            #expect(try await bench.fetch().count == 1)
        }
    }

    @Test(.redis) func `a newer format is refused with what to do`() async throws {
        try await Bench.run { bench in
            try await load(version(format: 2, revision: 1), bench)
            let error = await #expect(throws: QueueError.self) { try await bench.pond.installLibrary() }
            #expect(error?.code == .libraryNewer)
            #expect(error?.message.contains("has format 2, revision 1, this program speaks format 1") == true)
            #expect(error?.message.contains("upgrade this program") == true)
            #expect(error?.isTransient == false)
            #expect(try await bench.pond.libraryVersion()?.format == 2)
        }
    }

    @Test(.redis) func `another library under our function's name is told apart`() async throws {
        try await Bench.run { bench in
            let other = """
                #!lua name=other
                redis.register_function{ function_name = 'pond_version', flags = { 'no-writes' },
                    callback = function() return 'hello' end }
                """
            try await load(other, bench)
            let error = await #expect(throws: QueueError.self) { try await bench.pond.installLibrary() }
            #expect(error?.code == .unexpectedReply)
            #expect(error?.message.contains("another library uses that name") == true)
        }
    }

    @Test(.redis) func `functions that vanish while work goes on are loaded again`() async throws {
        try await Bench.run { bench in
            var ids: [JobID] = []
            for _ in 0..<5 { ids.append(try await bench.add()) }
            let delivery = try await bench.fetchOne()
            try await bench.redis("FUNCTION", "FLUSH")
            #expect(try await bench.settle(delivery, .done) == .done)
            try await bench.redis("FUNCTION", "FLUSH")
            ids.append(try await bench.addHeld())
            try await bench.redis("FUNCTION", "FLUSH")
            #expect(try await bench.fetch().count == 4)
            try await bench.expectWhole(ids)
        }
    }

    @Test(.redis) func `a flush amid many callers loses and doubles nothing`() async throws {
        try await Bench.run { bench in
            try await bench.pond.installLibrary()
            let ids = try await withThrowingTaskGroup(of: JobID.self) { group in
                for number in 0..<200 {
                    group.addTask { number.isMultiple(of: 2) ? try await bench.addHeld() : try await bench.add() }
                    if number == 100 { try await bench.redis("FUNCTION", "FLUSH") }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(ids).count == 200)
            try await bench.expectWhole(ids)
        }
    }

    @Test(.redis) func `many enqueues in one go bring the library once for all that need it`() async throws {
        try await Bench.run { bench in
            let jobs = (0..<50).map { _ in NewJob(kind: .test, options: .after(.seconds(60))) }
            let answers = try await bench.queue.enqueue(jobs)
            try await bench.expectWhole(try answers.map { try $0.get().id })
            #expect(answers.count == 50)
        }
    }

    @Test(.redis(.init(aclUsers: ["user default on nopass ~* &* +@all -function"])))
    func `a user who may not load it is told who may`() async throws {
        try await Bench.run { bench in
            let error = await #expect(throws: QueueError.self) { try await bench.queue.depth() }
            #expect(error?.code == .libraryMissing)
            #expect(error?.message.contains("pond functions load") == true)
        }
    }

    @Test(.redis) func `functions survive a flush of the data`() async throws {
        try await Bench.run { bench in
            try await bench.add()
            try await bench.pond.installLibrary()
            try await bench.redis("FLUSHALL")
            #expect(try await bench.pond.libraryVersion() == .own)
            // The group is gone with its stream; the next fetch makes both, from the beginning.
            let id = try await bench.add()
            #expect(try await bench.fetch().map(\.id) == [id])
        }
    }
}

extension JobKind {
    static var test: JobKind {
        do throws(PondError) { return try JobKind("a.b") } catch { preconditionFailure(error.message) }
    }
}
