import Logging
import PondCore
import PondRedis
import PondTestKit
import Testing

/// Runs `body` with a client, which is closed afterwards.
func withClient<R>(
    _ url: String,
    change: (inout RedisConfiguration) -> Void = { _ in },
    isolation: isolated (any Actor)? = #isolation,
    _ body: (RedisClient) async throws -> R
) async throws -> R {
    var configuration = try RedisConfiguration(url: url)
    change(&configuration)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let client = RedisClient(configuration, logger: logger)
    do {
        let result = try await body(client)
        await client.close()
        return result
    } catch {
        await client.close()
        throw error
    }
}

/// Asks again and again until the condition holds; records an issue when it does not within the limit.
func eventually(
    within limit: Duration = .seconds(10),
    _ condition: () async throws -> Bool,
    sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    if try await Waiting.until(within: limit, condition) { return }
    Issue.record("did not become true within \(limit)", sourceLocation: sourceLocation)
}

/// The Redis error that `body` throws.
func redisError(
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Void
) async throws -> RedisError {
    do {
        try await body()
    } catch let error as RedisError {
        return error
    }
    Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    throw CancellationError()
}

/// How long `body` takes.
func elapsed(_ body: () async throws -> Void) async rethrows -> Duration {
    let start = ContinuousClock.now
    try await body()
    return start.duration(to: .now)
}

extension RedisClient {
    /// Sends a command given as words.
    @discardableResult
    func run(_ words: String..., timeout: Duration? = nil) async throws -> RESPValue {
        try await send(RedisCommand(words[0], words.dropFirst().map { .text($0) }), timeout: timeout)
    }

    /// One value of INFO.
    func info(_ section: String, _ field: String) async throws -> String {
        let text = try await run("INFO", section).string ?? ""
        let line = try #require(text.split(separator: "\r\n").first { $0.hasPrefix("\(field):") })
        return String(line.dropFirst(field.count + 1))
    }
}

/// Expects an answer to PING.
func expectPong(_ client: RedisClient, _ comment: Comment? = nil, at: SourceLocation = #_sourceLocation) async throws {
    let reply = try await client.run("PING")
    #expect(reply == .simple("PONG"), comment, sourceLocation: at)
}

/// Bytes that look different everywhere, made by copying: a loop of millions is slow in a debug build.
func pattern(_ count: Int) -> [UInt8] {
    var bytes = (0..<251).map { UInt8($0) }
    while bytes.count < count { bytes += [UInt8(truncatingIfNeeded: bytes.count)] + bytes }
    return Array(bytes.prefix(count))
}
