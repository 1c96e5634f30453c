import Millpond
import PondCore
import PondFlow
import PondQueue
import PondSaga
import PondWorker

/// Undoes a step by a job for each that it ran.
///
/// The jobs have keys of their own, so they run once however often this is tried; asking for a key again tells how its job is.
/// One that is dead makes the saga stuck, since nobody else can undo the step then.
struct FlowUndo: Sendable {
    let step: String
    let undo: FlowJob
    let places: [FlowPart]
    /// What the step's jobs were given.
    let given: [FlowValue]
    let job: JobContext

    /// How long a slot is kept for undos that are quickly done, in rests between looks.
    private static let looks: [Duration] = [
        .milliseconds(50), .milliseconds(150), .milliseconds(300), .milliseconds(500),
    ]
    /// How long it rests when some are not done; each further rest is longer.
    private static let rest = Duration.seconds(1)

    func run(_ ends: [ChildEnd], _ context: StepContext) async throws {
        var open: [NewJob] = []
        for (index, end) in ends.enumerated() where index < places.count {
            if let job = try undoing(end, index, context, isOnly: ends.count == 1) { open.append(job) }
        }
        for rest in [Duration.zero] + Self.looks where !open.isEmpty {
            if rest > .zero { try await LocalClock.system.sleep(rest) }
            open = try await stillOpen(open)
        }
        guard let first = open.first else { return }
        let id = first.options.key.map { $0.text } ?? ""
        throw RetryLater(
            after: Self.rest,
            "\(open.count.of("undo")) of step \(step) not done yet; the first has the key \(id)"
        )
    }

    /// The job that undoes one; nil for one that never began, or has undone itself.
    private func undoing(_ end: ChildEnd, _ index: Int, _ context: StepContext, isOnly: Bool) throws -> NewJob? {
        let key = isOnly ? context.key : "\(context.key):\(index)"
        var (result, error) = (FlowValue.null, "")
        switch end {
        case .open: return nil
        case .failed(let text) where text.hasPrefix("compensated"): return nil
        case .failed(let text): error = text
        case .done(let bytes): result = Self.value(of: bytes)
        }
        let own = FlowPart(places[index].scope, key: key)
            .with("result", result).with("error", error.isEmpty ? .null : .string(error)).with("given", given[index])
        let usual: [FlowValue.Member] = [
            .init("input", given[index]), .init("result", result), .init("key", .string(key)),
            .init("error", error.isEmpty ? .null : .string(error)),
        ]
        let payload = try FlowRun.filling { () throws(FlowValueMissing) in
            try own.payload(of: undo, usual: .object(usual))
        }
        return try undo.job(payload, key: key)
    }

    /// A result as JSON; bytes that are none are a text to whoever undoes.
    private static func value(of bytes: [UInt8]) -> FlowValue {
        do throws(JSONSyntax.Flaw) { return bytes.isEmpty ? .null : try FlowValue(json: bytes) } catch {
            return .string(String(decoding: bytes, as: UTF8.self))
        }
    }

    private func stillOpen(_ jobs: [NewJob]) async throws -> [NewJob] {
        let answers = try await job.enqueue(jobs)
        var open: [NewJob] = []
        for (undoing, answer) in zip(jobs, answers) {
            guard case .duplicate(let id, let state, _) = answer else {
                open.append(undoing)
                continue
            }
            if state == .dead {
                let address = "\(job.job.queue)/\(id)"
                // Its address first, because long texts are cut; `pond why` has the commands.
                let error = try await job.report(of: id).error.map { ": \($0)" } ?? ""
                throw GiveUp("\(UndoJob(address: address).text)\(error)", cause: "flow_undo")
            }
            if state != .done { open.append(undoing) }
        }
        return open
    }
}
