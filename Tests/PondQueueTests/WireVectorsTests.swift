import FoundationEssentials
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

private let file = Result { try VectorFile.read() }
// A file that cannot be read fails the first test.
private let vectors = (try? file.get().vectors) ?? []
// As above.
private let mustFail = (try? file.get().mustFail) ?? []

/// What any client may rely on, as `docs/wire-vectors.json` says it, against a real server.
@Suite(.redis) struct WireVectorsTests {
    @Test func `the file has vectors, each with a name of its own and a sentence`() throws {
        let contents = try file.get()
        let all = contents.vectors + contents.mustFail
        #expect(contents.format == LuaLibrary.format)
        #expect(contents.vectors.count >= 70)
        #expect(contents.mustFail.count >= 25)
        #expect(Set(all.map(\.name)).count == all.count)
        for vector in all {
            #expect(vector.says.hasSuffix("."), "\(vector.name) says no sentence")
            #expect(!vector.steps.isEmpty, "\(vector.name) has no steps")
        }
    }

    @Test(arguments: vectors) func `a vector holds`(vector: Vector) async throws {
        try await Bench.run { bench in try await Self.run(vector, bench) }
    }

    @Test(arguments: mustFail) func `a vector with a wrong expectation is noticed`(vector: Vector) async throws {
        await #expect(throws: VectorProblem.self) {
            try await Bench.run { bench in try await Self.run(vector, bench) }
        }
    }

    /// Every function that a producer or a person calls has a vector; a worker's need none.
    @Test func `every function of the page's first table is called`() throws {
        let page = String(decoding: try VectorFile.bytes(of: "docs/wire-format.md"), as: UTF8.self)
        let section = try #require(page.components(between: "\n## Functions\n", and: "\n## "))
        let functions = section.split(separator: "\n### `").dropFirst().compactMap { $0.split(separator: "`").first }
        #expect(functions.count >= 11)
        let steps = try file.get().vectors.flatMap(\.steps)
        let called = Set(steps.map { $0.send.count > 1 ? $0.send[1] : JSONNode.null })
        for function in functions {
            #expect(called.contains(JSONNode.text(String(function))), "no vector calls \(function)")
        }
    }

    private static func run(_ vector: Vector, _ bench: Bench) async throws {
        try await bench.pond.installLibrary()
        var scene = VectorScene(queue: bench.name)
        // One connection for all steps: a transaction goes over several of them.
        let redis = bench.pond.redis
        for (number, step) in vector.steps.enumerated() {
            do {
                // Only for a step that speaks of time: inside of a transaction nobody can ask.
                if step.send.contains(where: \.usesClock) { scene.now = try await bench.now() }
                let answer = try await send(step.send, scene, redis)
                if step.expect.usesClock { scene.now = try await bench.now() }
                try scene.match(try VectorPattern(step.expect), answer)
            } catch let problem as VectorProblem {
                throw VectorProblem("\(vector.name), step \(number + 1): \(problem)")
            }
        }
    }

    private static func send(_ nodes: [JSONNode], _ scene: VectorScene, _ redis: RedisClient) async throws -> RESPValue
    {
        let words = try nodes.map { node in
            guard let value = VectorValue(node) else { throw VectorProblem("\(node) is no word to send") }
            return try scene.bytes(value)
        }
        let name = String(decoding: try #require(words.first), as: UTF8.self)
        let command = RedisCommand(name, words.dropFirst().map { .bytes($0) })
        switch try #require(try await redis.pipeline([command]).first) {
        case .success(let answer): return answer
        case .failure(let error) where error.prefix != nil: return .error(error.message)
        case .failure(let error): throw error
        }
    }
}

/// What the page gives a producer, in every state that a key can have.
@Suite struct ProducerRightsTests {
    private static let rights: String = {
        // Without the page the user has no rights, and the test says so.
        let page = (try? VectorFile.bytes(of: "docs/wire-format.md")) ?? Data()
        let line = String(decoding: page, as: UTF8.self).components(between: "\nuser producer on >SECRET ", and: "\n")
        return line.map { String($0) } ?? "-@all"
    }()
    private static let server = RedisServer.Options(aclUsers: [
        "user default on nopass ~* &* +@all", "user producer on >secret \(rights)",
    ])

    @Test(.redis(server)) func `a producer's rights are enough for jobs with keys`() async throws {
        try await Bench.run { admin in
            try await admin.pond.installLibrary()
            try await Bench.run(url: "unix://producer:secret@\(RedisServer.current.socketPath)") { bench in
                let bench = Bench(pond: bench.pond, queue: try bench.pond.queue(admin.name))
                var options = EnqueueOptions()
                options.key = try IdempotencyKey("order-1")
                let id = try await bench.add("a.b", "{}", options)
                #expect(try await bench.answer(options) == .duplicate(id, .queued, checksum: nil))
                let delivery = try await admin.fetchAndStart()
                #expect(try await bench.answer(options) == .duplicate(id, .running, checksum: nil))
                let done = Settlement(receipt: delivery.receipt, id: id, outcome: .done, hasKey: true)
                _ = try await admin.queue.settle([done], as: .ann)
                #expect(try await bench.answer(options) == .duplicate(id, .done, checksum: nil))
                // Another key, beside tombstones.
                options.key = try IdempotencyKey("order-2")
                options.delay = .seconds(60)
                _ = try await bench.answer(options)
                try await bench.queue.register()
                _ = try await bench.redis("ECHO", "the end of redis-cli --pipe")
                // And not for what a producer must never do.
                for words in [["XTRIM", bench.key("ready"), "MAXLEN", "0"], ["XDEL", bench.key("ready"), id.text]] {
                    let command = RedisCommand(words[0], words.dropFirst().map { .text($0) })
                    let error = await #expect(throws: RedisError.self) { try await bench.pond.redis.send(command) }
                    #expect(error?.prefix == "NOPERM")
                }
            }
        }
    }
}

extension Bench {
    fileprivate func answer(_ options: EnqueueOptions) async throws -> EnqueueAnswer {
        try await queue.enqueue(NewJob(kind: .test, data: Array("{}".utf8), options: options))
    }
}

extension String {
    /// What stands between two texts, nil when one of them is missing.
    fileprivate func components(between first: String, and last: String) -> Substring? {
        guard let begin = firstRange(of: first)?.upperBound else { return nil }
        let rest = self[begin...]
        return rest.split(separator: last, maxSplits: 1, omittingEmptySubsequences: false).first
    }
}
