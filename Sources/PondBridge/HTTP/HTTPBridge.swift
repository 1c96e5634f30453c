import AsyncHTTPClient
public import Logging
import NIOCore
import NIOHTTP1
public import PondCore
public import PondWorker

/// Posts each job to an address: for handlers that are a web service.
///
/// 2xx is done. What says that the service cannot now, or nothing about the job, asks for another try; any other status means
/// that no further try can help: see `HTTPVerdict`. Redirects are not followed: a job must not end up where nobody meant
/// it to.
public final class HTTPBridge: Bridge {
    private let address: HTTPAddress
    private let headers: [HTTPHeader]
    private let secrets: Secrets
    private let client: HTTPClient
    /// Keeps no connection: for what kept ones swallowed.
    private let freshClient: HTTPClient
    private let complaints: Complaints

    /// - Parameters:
    ///   - address: `http://` or `https://`, checked by `HTTPAddress`.
    ///   - headers: sent with every job. Defaults to none.
    ///   - connections: how many jobs may be under way at a time.
    public init(
        _ address: HTTPAddress,
        headers: [HTTPHeader] = [],
        connections: Int,
        logger: Logger,
        clock: LocalClock = .system
    ) {
        self.address = address
        self.headers = headers
        // A service may quote the token without the word before it.
        let tokens = headers.flatMap { [$0.value] + ($0.value.split(separator: " ").last.map { [String($0)] } ?? []) }
        secrets = address.secrets.and(tokens)
        complaints = Complaints(logger)
        let configuration = Self.configuration(connections, clock)
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        freshClient = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Posts the job and judges the answer.
    public func run(_ job: JobContext) async throws {
        let response: HTTPClientResponse
        do {
            response = try await post(job)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw BridgeFailure(.unreachable, "\(address) did not answer: \(secrets.masked(in: "\(error)"))")
        }
        try judge(response, await HTTPBridge.start(of: response.body), job)
    }

    /// Closes the connections.
    public func close() async {
        do {
            try await client.shutdown()
            try await freshClient.shutdown()
        } catch {
            // The process ends anyway.
            return
        }
    }

    private func post(_ job: JobContext) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest.posting(job, to: address, headers)
        do {
            return try await execute(request, job, client)
        } catch  where Self.isUnread(error) {
            // Nobody saw it, so it costs the job no try. The other kept connections may be closed as well.
            request.headers.replaceOrAdd(name: "Connection", value: "close")
            return try await execute(request, job, freshClient)
        }
    }

    private static func isUnread(_ error: any Error) -> Bool {
        error is RequestUnread || error as? ChannelError == .ioOnClosedChannel
    }

    private func execute(
        _ request: HTTPClientRequest,
        _ job: JobContext,
        _ client: HTTPClient
    ) async throws -> HTTPClientResponse {
        // The worker ends what is over its time, and says so; this is for what it could not end.
        let left = TimeAmount.milliseconds(job.timeRemaining.wholeMilliseconds) + .seconds(5)
        return try await client.execute(request, timeout: left)
    }

    private static func configuration(_ connections: Int, _ clock: LocalClock) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(10))
        )
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        // A try that cannot connect fails at once, and the job's own backoff decides when the next one comes: otherwise each
        // would hold its slot for ten seconds while the service is away.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.http1_1ConnectionDebugInitializer = { StaleConnections.watch($0, clock) }
        return configuration
    }

    private func judge(_ response: HTTPClientResponse, _ body: [UInt8], _ job: JobContext) throws {
        let code = response.status.code
        let diagnosis = HTTPVerdict(code)
        if diagnosis != .elsewhere { complaints.clear() }
        let text = describe(response, body)
        // What a service says when it cannot now is in other words each time; what it says when it fails, is not.
        let origin = MessageNormaliser.normalised(address.text, toBytes: BridgeLimits.quotedBytesMax).text
        let key = code == 500 ? nil : "http \(code) of \(origin)"
        let after = RetryAfter.of(response.status.code) { response.headers.first(name: $0) }
        switch diagnosis {
        case .done:
            if job.idempotencyKey != nil, !body.isEmpty { job.leaveIfPossible(body) }
        case .later:
            let text = "\(BridgeFailure(.unavailable, text))"
            throw ProgramAnswer(text: text, rootCause: key, retryAfter: after, isTooMuch: code == 429)
        case .elsewhere:
            complaints.say("http_\(code)", text)
            throw ProgramAnswer(text: "http_\(code): \(text)", rootCause: key, retryAfter: after)
        case .final: throw ProgramAnswer(text: text, cause: Cause("http_\(code)"))
        }
    }

    /// What a service answered, for people, without what is secret.
    private func describe(_ response: HTTPClientResponse, _ body: [UInt8]) -> String {
        let location = response.headers.first(name: "Location").map { place in
            ", Location \(SafeLine.text(HTTPAddress.masked(place).utf8.prefix(BridgeLimits.quotedBytesMax)))"
        }
        let said = body.isEmpty ? "" : ": \(SafeLine.text(body.prefix(BridgeLimits.quotedBytesMax)))"
        let status = "\(response.status.code) \(response.status.reasonPhrase)"
        return "\(address) answered \(status)" + secrets.masked(in: (location ?? "") + said)
    }

    /// As much of an answer as a result may have; the rest is left unread, which ends the connection.
    private static func start(of body: HTTPClientResponse.Body) async -> [UInt8] {
        var bytes: [UInt8] = []
        do {
            for try await part in body {
                bytes += part.readableBytesView.prefix(BridgeLimits.responseBytesMax - bytes.count)
                if bytes.count >= BridgeLimits.responseBytesMax { break }
            }
        } catch {
            // The status has decided already: work that is done is not done again for want of its result.
            return []
        }
        return bytes
    }
}
