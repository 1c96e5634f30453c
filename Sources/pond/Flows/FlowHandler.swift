import Millpond
import PondCore
import PondFlow
import PondQueue
import PondSaga
import PondWorker
import Synchronization

/// Runs the jobs of one flow, each as a saga whose steps are called what the document calls them.
///
/// A job goes on with the document that it began with, whatever the worker's file says by then: its first step has it.
final class FlowHandler: Sendable {
    /// The field of a job that says by which document it was started.
    static let digestHeader = "flow_digest"

    private let flow: Flow
    private let document: [UInt8]
    /// Documents of jobs that began with another one than the worker's, as far as they were read.
    private let others = Mutex<[[UInt8]: Flow]>([:])
    private static let othersMax = 16

    init(_ flow: Flow) {
        self.flow = flow
        document = flow.source.json
    }

    /// Tells documents apart.
    static func digest(of flow: Flow) -> String { StepFingerprint.of(flow.source.json) }

    /// The handler of the flow's kind.
    var registration: JobRegistration {
        JobRegistration(kind: flow.kind.text) { [self] job in
            let flow = try await self.flow(of: job)
            let results = try await FlowRun(flow, job, input: try input(of: job)).run()
            guard let result = flow.result else { return }
            let value = try FlowRun.filling { () throws(FlowValueMissing) in try result.filled(from: results) }
            try job.leave(result: value.json, keptFor: Limits.keyWindowDefault)
        }
    }

    private func input(of job: JobContext) throws -> FlowValue {
        guard !job.job.data.isEmpty else { return .null }
        do throws(JSONSyntax.Flaw) { return try FlowValue(json: job.job.data) } catch {
            throw GiveUp("the flow's input is not JSON: \(error)", cause: FlowRun.inputCause)
        }
    }

    /// The document that a job goes on with, in as many pieces as results are long.
    private func flow(of job: JobContext) async throws -> Flow {
        // Before anything is written down: a job that has begun is a saga, whatever its first step came to.
        if !job.job.isSaga { try check(job) }
        var kept: [UInt8] = []
        while true {
            let start = kept
            let piece: RawPayload = try await job.step(Flow.documentStep, effect: .pure) { [self] _ in
                RawPayload(try self.piece(behind: start, for: job))
            }
            kept += piece.bytes
            if piece.bytes.count < Limits.stepResultBytesMax { return try flow(keptAs: kept) }
        }
    }

    /// How long a job rests that another worker may have the document of.
    private static let rest = Duration.seconds(2)

    /// - Throws: `Snooze`, which is no failed try, for a job that was started with another document than this worker has.
    private func check(_ job: JobContext) throws {
        guard let wanted = job.headers[Self.digestHeader], wanted != StepFingerprint.of(document) else { return }
        // Where a new document is being rolled out, another worker may have it.
        job.logger.warning(
            "a job was started with another document of its flow than this worker has; it is handed back",
            metadata: ["flow": "\(flow.kind)", "digest": "\(wanted)"]
        )
        throw Snooze(for: Self.rest)
    }

    private func piece(behind start: [UInt8], for job: JobContext) throws -> [UInt8] {
        // Its first worker died before the document was written down.
        if start.isEmpty { try check(job) }
        guard document.starts(with: start) else {
            throw GiveUp(
                "the document of flow \(flow.kind) was changed while it was written down",
                cause: "flow_changed"
            )
        }
        return Array(document[start.count...].prefix(Limits.stepResultBytesMax))
    }

    private func flow(keptAs bytes: [UInt8]) throws -> Flow {
        if bytes == document { return flow }
        if let known = others.withLock({ $0[bytes] }) { return known }
        let reading = FlowReading(source: try FlowValue(json: bytes))
        guard let flow = reading.flow else { throw UnreadableFlow(reason: reading.errors.first?.text ?? "") }
        others.withLock { others in
            if others.count >= Self.othersMax { others.removeAll() }
            others[bytes] = flow
        }
        return flow
    }
}

/// A document that another build wrote down, and this one does not take.
struct UnreadableFlow: Error, CustomStringConvertible {
    let reason: String

    var description: String { "the document that the job began with is none for this version of Millpond: \(reason)" }
}
