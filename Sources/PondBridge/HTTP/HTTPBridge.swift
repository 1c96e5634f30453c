import AsyncHTTPClient
import Logging
import NIOCore
import NIOHTTP1
import PondCore
public import PondWorker

/// Posts each job to an address: for handlers that are a web service.
///
/// 2xx is done. 408, 425, 429 and 5xx ask for another try, no sooner than `Retry-After` says; any other status means that
/// no further try can help. Redirects are not followed: a job must not end up where nobody meant it to.
public final class HTTPBridge: Bridge {
    private let address: String
    private let client: HTTPClient

    /// - Parameters:
    ///   - address: `http://` or `https://`, checked by `HTTPAddress`.
    ///   - connections: how many jobs may be under way at a time.
    public init(_ address: HTTPAddress, connections: Int) {
        self.address = address.text
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(10))
        )
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        // A try that cannot connect fails at once, and the job's own backoff decides when the next one comes: otherwise each
        // would hold its slot for ten seconds while the service is away.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Posts the job and judges the answer.
    public func run(_ job: JobContext) async throws {
        let response: HTTPClientResponse
        do {
            // The worker ends what is over its time, and says so; this is for what it could not end.
            let left = TimeAmount.milliseconds(job.timeRemaining.wholeMilliseconds) + .seconds(5)
            response = try await client.execute(request(for: job), timeout: left)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw BridgeFailure(.unreachable, "\(address) did not answer: \(error)")
        }
        try judge(response, await HTTPBridge.start(of: response.body), job)
    }

    /// Closes the connections.
    public func close() async {
        do {
            try await client.shutdown()
        } catch {
            // The process ends anyway.
            return
        }
    }

    private func request(for job: JobContext) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: address)
        request.method = .POST
        request.body = .bytes(ByteBuffer(bytes: job.job.data))
        let isJSON: Bool
        do {
            try JSONSyntax.check(job.job.data)
            isJSON = true
        } catch {
            isJSON = false
        }
        var fields = [
            ("Content-Type", isJSON ? "application/json" : "application/octet-stream"),
            // Without a key of its own the job is named by its address, which is the same over all tries.
            ("Idempotency-Key", job.idempotencyKey ?? job.job.address + (job.isCompensation ? ":compensate" : "")),
            ("Millpond-Job", job.id.text),
            ("Millpond-Queue", job.job.queue.text),
            ("Millpond-Kind", job.kind.text),
            ("Millpond-Attempt", "\(job.attempt)"),
            ("Millpond-Fence", "\(job.fence)"),
            ("Millpond-Correlation-Id", job.correlationID),
            ("Millpond-Deadline-Ms", "\(WallClock.read().advanced(by: job.timeRemaining).milliseconds)"),
        ]
        if let phase = job.job.phase { fields.append(("Millpond-Phase", phase.rawValue)) }
        if let parent = job.traceparent { fields.append(("traceparent", parent)) }
        if let state = job.tracestate { fields.append(("tracestate", state)) }
        for (name, value) in fields { request.headers.add(name: name, value: HeaderText.encoded(value)) }
        return request
    }

    private func judge(_ response: HTTPClientResponse, _ body: [UInt8], _ job: JobContext) throws {
        let code = response.status.code
        if (200..<300).contains(code) {
            if job.idempotencyKey != nil, !body.isEmpty { job.leaveIfPossible(body) }
            return
        }
        let said = body.isEmpty ? "" : ": \(SafeLine.text(body.prefix(BridgeLimits.quotedBytesMax)))"
        let text = "\(address) answered \(code) \(response.status.reasonPhrase)\(said)"
        switch code {
        case 408, 425, 429, 500...:
            let after = response.headers.first(name: "Retry-After").flatMap { RetryAfter.parse($0) }
            // What a service says when it cannot now is in other words each time; what it says when it fails, is not.
            let origin = MessageNormaliser.normalised(address, toBytes: BridgeLimits.quotedBytesMax).text
            let key = code == 500 ? nil : "http \(code) of \(origin)"
            throw RetryLater(after: after ?? .zero, "\(BridgeFailure(.unavailable, text))", rootCauseKey: key)
        default: throw GiveUp(text, cause: "http_\(code)")
        }
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
