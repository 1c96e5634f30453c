import ArgumentParser
import Millpond
import Testing

@testable import pond

/// Which Redis `pond up` works on: options go before the environment.
@Suite struct UpOptionsTests {
    private func usesNamed(_ arguments: [String], _ environment: [String: String] = [:]) throws -> Bool {
        try UpCommand.parse(arguments).usesNamedRedis { environment[$0] }
    }

    private static let elsewhere = ["MILLPOND_REDIS_URL": "redis://elsewhere"]

    @Test func `a Redis that is named is used`() throws {
        #expect(try usesNamed([], Self.elsewhere))
        #expect(try usesNamed(["--redis", "redis://a"]))
        #expect(try !usesNamed([]))
    }

    @Test(arguments: [["--port", "6400"], ["--directory", "here"]])
    func `an option of the Redis that is started goes before the environment, and it says so`(
        arguments: [String]
    ) throws {
        #expect(try !usesNamed(arguments, Self.elsewhere))
        let notice = try UpCommand.parse(arguments).notice { Self.elsewhere[$0] }
        #expect(notice?.hasPrefix("MILLPOND_REDIS_URL is set and not used: \(arguments[0]) asks for") == true)
        #expect(try UpCommand.parse(arguments).notice { _ in nil } == nil)
        #expect(try UpCommand.parse([]).notice { Self.elsewhere[$0] } == nil)
    }

    @Test(arguments: [["--port", "6400"], ["--directory", "here"]])
    func `an option of the Redis that is started is refused beside one that is named`(arguments: [String]) throws {
        let error = #expect(throws: (any Error).self) { try UpCommand.parse(arguments + ["--redis", "redis://a"]) }
        let message = error.map { UpCommand.message(for: $0) } ?? ""
        #expect(
            message.contains("\(arguments[0]) is for the Redis that `pond up` starts, and with --redis it starts none")
        )
    }

    @Test func `a password for a Redis that has none is refused before anything is started`() throws {
        let up = try UpCommand.parse([])
        let error = #expect(throws: CommandFailure.self) { try up.refuseStrayPassword { _ in "/run/secrets/redis" } }
        #expect(error?.message.hasPrefix("MILLPOND_REDIS_PASSWORD_FILE is set, but") == true)
        try up.refuseStrayPassword { _ in nil }
    }
}
