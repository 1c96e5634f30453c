import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import PondCore
import PondWorker

extension HTTPClientRequest {
    /// A job as it is posted.
    static func posting(_ job: JobContext, to address: HTTPAddress, _ headers: [HTTPHeader]) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: address.url)
        request.method = .POST
        request.body = .bytes(ByteBuffer(bytes: job.job.data))
        var fields = [
            ("Content-Type", isJSON(job.job.data) ? "application/json" : "application/octet-stream"),
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
        if let authorization = address.authorization {
            request.headers.add(name: "Authorization", value: authorization)
        }
        for header in headers { request.headers.replaceOrAdd(name: header.name, value: header.value) }
        return request
    }

    private static func isJSON(_ bytes: [UInt8]) -> Bool {
        do throws(JSONSyntax.Flaw) {
            try JSONSyntax.check(bytes)
            return true
        } catch {
            return false
        }
    }
}
