import AsyncHTTPClient
import NIOCore
import NIOHTTP1
package import PondCore
import Subprocess
import SystemPackage

/// Tells somebody outside of something: a command that is handed JSON on standard input, or an address that it is posted to.
package enum Hook: Sendable {
    /// What `/bin/sh -c` runs.
    case command(String)
    /// Where it is posted to, and what is sent along.
    case address(HTTPAddress, [HTTPHeader] = [])

    /// Why nobody was told.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        /// What happened, for people.
        package let description: String
    }

    /// Calls it once.
    ///
    /// - Parameters:
    ///   - json: what it is told.
    ///   - limit: how long it may take.
    /// - Throws: `Failure`, when it does not exit with 0, or answers with no 2xx, or takes too long.
    package func call(_ json: String, within limit: Duration, clock: LocalClock = .system) async throws {
        switch self {
        case .command(let command): try await run(command, json, within: limit, clock)
        case .address(let address, let headers): try await post(json, to: address, headers, within: limit)
        }
    }

    private func run(_ command: String, _ json: String, within limit: Duration, _ clock: LocalClock) async throws {
        let failure = try await withThrowingTaskGroup(of: String?.self) { group in
            group.addTask { try await Self.result(of: command, json) }
            group.addTask {
                try await clock.sleep(limit)
                return "the command was still running after \(limit.human) and was stopped"
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        if let failure { throw Failure(description: failure) }
    }

    /// - Returns: how it failed.
    private static func result(of command: String, _ json: String) async throws -> String? {
        var options = PlatformOptions()
        // What the shell has started ends with it.
        options.createSession = true
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: .milliseconds(500))
        ]
        let configuration = Configuration(
            executable: .path("/bin/sh"),
            arguments: Arguments(["-c", command]),
            platformOptions: options
        )
        let result = try await Subprocess.run(
            configuration,
            // Written before: a command need not read it, and then nobody waits or fails for that.
            input: .fileDescriptor(try filledPipe(json + "\n"), closeAfterSpawningProcess: true),
            output: .discarded,
            error: .string(limit: 16_384)
        )
        guard !result.terminationStatus.isSuccess else { return nil }
        let last = result.standardError.split(separator: "\n").last.map { ": \($0.prefix(500))" } ?? ""
        return "the command ended with \(result.terminationStatus)\(last)"
    }

    /// What a pipe surely takes at once.
    private static let bytesMax = 60_000

    /// The end to read from of a pipe that holds a text.
    private static func filledPipe(_ text: String) throws -> SystemPackage.FileDescriptor {
        guard text.utf8.count <= bytesMax else {
            throw Failure(description: "\(text.utf8.count) bytes are more than the \(bytesMax) that a command is told")
        }
        let (readEnd, writeEnd) = try SystemPackage.FileDescriptor.pipe()
        try writeEnd.closeAfter { _ = try writeEnd.writeAll(text.utf8) }
        return readEnd
    }

    private func post(
        _ json: String,
        to address: HTTPAddress,
        _ headers: [HTTPHeader],
        within limit: Duration
    ) async throws {
        var request = HTTPClientRequest(url: address.url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        if let authorization = address.authorization {
            request.headers.add(name: "Authorization", value: authorization)
        }
        for header in headers { request.headers.replaceOrAdd(name: header.name, value: header.value) }
        request.body = .bytes(ByteBuffer(string: json))
        let status: HTTPResponseStatus
        do {
            let time = TimeAmount.milliseconds(limit.wholeMilliseconds)
            // Of a redirect a GET without the JSON would come, and it leads to addresses that nobody has checked.
            var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
            // It is called once: otherwise an address where nobody listens would be tried for all of the time.
            configuration.connectionPool.retryConnectionEstablishment = false
            status = try await HTTPClient.withHTTPClient(configuration: configuration) { client in
                try await client.execute(request, timeout: time).status
            }
        } catch {
            throw Failure(description: "\(address) did not answer: \(address.secrets.masked(in: "\(error)"))")
        }
        guard (200..<300).contains(status.code) else {
            throw Failure(description: "\(address) answered \(status.code) \(status.reasonPhrase)")
        }
    }
}
