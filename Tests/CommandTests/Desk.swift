import FoundationEssentials
import Glibc
import Logging
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Subprocess
import SystemPackage

/// A deployment of a test's own on its suite's server, and the program `pond` to look at it with.
struct Desk: Sendable {
    /// How a run of the program went.
    struct Run: Sendable {
        let code: Int32?
        let output: String
        let error: String

        /// The output as JSON.
        func json() throws -> JSONNode {
            try JSONDecoder().decode(JSONNode.self, from: Data(output.utf8))
        }
    }

    let url: String
    let prefix: String
    let pond: Pond

    init(_ server: RedisServer = .current, url: String? = nil) throws {
        self.url = url ?? server.url
        prefix = RedisServer.uniqueName()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        pond = Pond(try RedisConfiguration(url: server.url), prefix: prefix, logger: logger)
    }

    /// Runs the program to its end, off a terminal.
    func run(
        _ arguments: [String],
        environment: [String: String] = [:],
        input: String = ""
    ) async throws -> Run {
        try await run(Arguments(arguments), environment: environment, input: input)
    }

    /// Runs the program with arguments of any bytes.
    func run(
        _ arguments: Arguments,
        environment: [String: String] = [:],
        input: String = ""
    ) async throws -> Run {
        var variables: [Environment.Key: String?] = [
            "MILLPOND_REDIS_URL": url, "MILLPOND_PREFIX": prefix, "MILLPOND_REDIS_PASSWORD_FILE": nil,
        ]
        for (name, value) in environment { variables[Environment.Key(stringLiteral: name)] = value }
        let result = try await Subprocess.run(
            .path(FilePath(Desk.path("pond"))),
            arguments: arguments,
            environment: .inherit.updating(variables),
            input: .string(input),
            output: .string(limit: 16 << 20),
            error: .string(limit: 1 << 20)
        )
        var code: Int32?
        if case .exited(let status) = result.terminationStatus { code = status }
        return Run(code: code, output: result.standardOutput, error: result.standardError)
    }

    /// Runs the program with words separated by spaces.
    func run(_ line: String, environment: [String: String] = [:]) async throws -> Run {
        try await run(line.split(separator: " ").map { String($0) }, environment: environment)
    }

    /// A queue that commands know of.
    func queue(_ name: String = "emails") async throws -> Queue {
        let queue = try pond.queue(name)
        try await queue.register()
        _ = try await queue.open()
        return queue
    }

    @discardableResult
    func command(_ name: String, _ arguments: RedisArgument...) async throws -> RESPValue {
        try await pond.redis.send(RedisCommand(name, arguments))
    }

    /// Where the programs of this package are: beside the tests.
    private static func path(_ program: String) -> String {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = buffer.withUnsafeMutableBytes { readlink("/proc/self/exe", $0.baseAddress!, $0.count) }
        let own = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        return own.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/" + program
    }
}

extension Queue {
    /// A worker that beats for a long time to come, however slow the test is.
    func livingWorker(_ name: String = "host-1", about: String = "{}") async throws -> Consumer {
        let consumer = Consumer(name)
        let answer = try await beat(as: consumer, about: about)
        let ahead = answer.now.advanced(by: .seconds(600)).milliseconds
        _ = try await pond.redis.send(RedisCommand("ZADD", .text(keys.beats), .integer(ahead), .text(name)))
        return consumer
    }

    func enqueue(_ kind: String = "email.send", data: String = "{}") async throws -> JobID {
        try await enqueue(NewJob(kind: try JobKind(kind), data: Array(data.utf8))).id
    }

    /// Ends all runnable jobs as dead.
    func buryAll(cause: String = "failed", error: String = "no route") async throws {
        let consumer = try await livingWorker("undertaker")
        let deliveries = try await fetch(as: consumer, atMost: 500).deliveries
        let settlements = deliveries.map { delivery in
            Settlement(
                receipt: delivery.receipt,
                id: (try? delivery.job.get().id) ?? delivery.receipt.stream.ownID(entry: delivery.receipt.entry),
                outcome: .dead(cause: Cause(cause), error: error)
            )
        }
        _ = try await settle(settlements, as: consumer)
    }
}

/// JSON of any shape, to look into.
enum JSONNode: Decodable, Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONNode])
    case object([String: JSONNode])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONNode].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONNode].self))
        }
    }

    subscript(name: String) -> JSONNode? {
        if case .object(let members) = self { members[name] } else { nil }
    }

    subscript(index: Int) -> JSONNode? {
        if case .array(let elements) = self, elements.indices.contains(index) { elements[index] } else { nil }
    }

    var text: String? {
        if case .string(let value) = self { value } else { nil }
    }

    var count: Int {
        if case .array(let elements) = self { elements.count } else { 0 }
    }

    /// The member `items`.
    var items: [JSONNode] {
        if case .array(let elements) = self["items"] { elements } else { [] }
    }
}
