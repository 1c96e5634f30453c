import FoundationEssentials
import PondCore
import PondWorker

/// The lines that a worker writes to a handler, each one JSON object.
enum ExecRequest {
    /// A job to be run.
    static func job(_ job: JobContext) -> [UInt8] {
        var line = JSONLine()
        line.add("type", "job")
        line.add("id", job.id.text)
        line.add("queue", job.job.queue.text)
        line.add("kind", job.kind.text)
        if let phase = job.job.phase { line.add("phase", phase.rawValue) }
        add(payload: job.job.data, to: &line)
        line.add("attempt", Int64(job.attempt))
        line.add("recoveries", Int64(job.recoveries))
        line.add("fence", job.fence)
        line.add("key", job.idempotencyKey)
        line.add("correlation_id", job.correlationID)
        line.add("traceparent", job.traceparent)
        line.add("tracestate", job.tracestate)
        line.add("deadline_ms", WallClock.read().advanced(by: job.timeRemaining).milliseconds)
        line.add("headers", job.headers)
        return line.end()
    }

    /// The running job should stop.
    static func cancel(_ id: JobID) -> [UInt8] {
        var line = JSONLine()
        line.add("type", "cancel")
        line.add("id", id.text)
        return line.end()
    }

    /// What became of a child job that was asked for with a `ref`.
    static func enqueued(_ reference: String, _ answer: String, id: String) -> [UInt8] {
        var line = JSONLine()
        line.add("type", "enqueued")
        line.add("ref", reference)
        line.add("answer", answer)
        line.add("id", id)
        return line.end()
    }

    /// A child job that was asked for with a `ref` is not enqueued.
    static func refused(_ reference: String, _ error: String) -> [UInt8] {
        var line = JSONLine()
        line.add("type", "refused")
        line.add("ref", reference)
        line.add("error", error)
        return line.end()
    }

    /// JSON goes in as it is, digit by digit; anything else as base64.
    private static func add(payload: [UInt8], to line: inout JSONLine) {
        guard !payload.isEmpty else { return line.add(raw: "data", Array("null".utf8)) }
        do {
            try JSONSyntax.check(payload)
            line.add(raw: "data", payload)
        } catch {
            line.add("data_base64", Data(payload).base64EncodedString())
        }
    }
}
