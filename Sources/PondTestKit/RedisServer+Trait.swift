public import Testing

/// Gives a test suite one `redis-server` for all of its tests, as `RedisServer.current`.
public struct RedisTrait: SuiteTrait, TestTrait, TestScoping {
    /// How the server is set up.
    public let options: RedisServer.Options

    public func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await RedisServer.withServer(options) { server in
            try await RedisServer.$currentServer.withValue(server) { try await function() }
        }
    }
}

extension Trait where Self == RedisTrait {
    /// A server of the suite's (or test's) own, reached through `RedisServer.current`.
    public static var redis: Self { redis() }

    /// A server of the suite's (or test's) own, set up by `options`.
    public static func redis(_ options: RedisServer.Options = RedisServer.Options()) -> Self {
        RedisTrait(options: options)
    }
}

extension RedisServer {
    @TaskLocal static var currentServer: RedisServer?

    /// The server that the `.redis` trait started for this suite or test.
    public static var current: RedisServer {
        guard let currentServer else {
            preconditionFailure("RedisServer.current is read outside of a suite or test with the .redis trait")
        }
        return currentServer
    }
}
