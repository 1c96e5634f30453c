import Glibc
public import Logging
public import PondCore
public import PondWorker
import Synchronization

/// Runs each job in a process of its own: the payload on standard input, and the exit code decides.
///
/// 0 is done, 75 (`EX_TEMPFAIL`) asks for another try, any other code means that none can help. Where the program said nothing
/// about the job, because it is missing or a signal ended it, the try failed. When this worker told it to end, its code is
/// not asked: see `ExitVerdict`.
public final class ExecOnceBridge: Bridge {
    private let command: String
    private let complaints: Complaints
    private let world: HandlerWorld

    /// - Parameters:
    ///   - command: what `/bin/sh -c` runs for each job.
    ///   - slots: how many jobs may be under way at a time.
    /// - Throws: `PondError.invalidConfiguration`, when this process may not have so many files open.
    public init(_ command: String, slots: Int, logger: Logger, clock: LocalClock = .system) throws(PondError) {
        try OpenFiles.allow(handlers: slots)
        self.command = command
        world = HandlerWorld(logger, clock)
        complaints = Complaints(logger)
    }

    /// Has the job run by a process of its own.
    public func run(_ job: JobContext) async throws {
        let process = ChildProcess(world)
        process.errors.belong(to: job.logger)
        let output = KeptOutput()
        try await process.start(command, Self.environment(of: job), for: output)
        let ending = await withTaskCancellationHandler {
            process.write(job.job.data)
            process.closeInput()
            return await process.ending
        } onCancel: {
            process.stop(termAfter: .zero)
        }
        // What is over the budget is judged with the attempt's end.
        if let cpu = ending.cpu { try? job.spend(cpu: cpu) }
        try judge(ending, process, output, job)
    }

    /// Lets the watcher over the processes go; none is left by then.
    public func close() async { await world.guardian.end() }

    private func judge(
        _ ending: ChildProcess.Ending,
        _ process: ChildProcess,
        _ output: KeptOutput,
        _ job: JobContext
    ) throws {
        let last = process.errors.last.map { "; the last it wrote on standard error is: \($0)" } ?? ""
        let text = "it ended with \(ending.text)\(last)"
        let details = process.errors.details
        let diagnosis = ExitVerdict(code: ending.code, wasStopped: ending.wasStopped)
        if diagnosis != .saidNothing, diagnosis != .stopped { complaints.clear() }
        switch diagnosis {
        case .done: keep(output, for: job)
        // Why it was stopped is known where it was, and decides.
        case .stopped: throw CancellationError()
        case .retry: throw ProgramAnswer(text: "it asked for another try (exit code 75)\(last)", details: details)
        case .final(let code): throw ProgramAnswer(text: text, cause: Cause("exit_\(code)"), details: details)
        case .saidNothing:
            if ExitVerdict.isMissingProgram(ending.code) { complaints.say(BridgeFailure.Cause.died.rawValue, text) }
            var failure = BridgeFailure(.died, text)
            failure.details = details
            throw failure
        }
    }

    private func keep(_ output: KeptOutput, for job: JobContext) {
        guard job.idempotencyKey != nil else { return }
        if let result = output.bytes {
            job.leaveIfPossible(result)
        } else {
            job.logger.warning("the result is not kept: it has more than \(Limits.resultBytesMax) bytes")
        }
    }

    /// Variables that say nothing of this job are taken away: the worker's own would name another.
    private static func environment(of job: JobContext) -> [String: String?] {
        let environment: [String: String?] = [
            "MILLPOND_JOB_ID": job.id.text,
            "MILLPOND_QUEUE": job.job.queue.text,
            "MILLPOND_KIND": job.kind.text,
            "MILLPOND_PHASE": job.job.phase?.rawValue,
            "MILLPOND_ATTEMPT": "\(job.attempt)",
            "MILLPOND_FENCE": "\(job.fence)",
            "MILLPOND_CORRELATION_ID": job.correlationID,
            "MILLPOND_DEADLINE_MS": "\(WallClock.read().advanced(by: job.timeRemaining).milliseconds)",
            "MILLPOND_KEY": job.idempotencyKey,
            "TRACEPARENT": job.traceparent,
            "TRACESTATE": job.tracestate,
        ]
        // A variable ends at a zero byte, and one that is cut would be another text.
        return environment.mapValues { value in value.flatMap { $0.utf8.contains(0) ? nil : $0 } }
    }
}

/// What a process writes, as far as a result may be long.
private final class KeptOutput: ChildListener {
    private let state = Mutex([UInt8]())

    /// Nil when it is longer than a result may be.
    var bytes: [UInt8]? {
        let bytes = state.withLock(\.self)
        return bytes.count > Limits.resultBytesMax ? nil : bytes
    }

    func output(_ bytes: [UInt8]) async {
        // One byte more than allowed tells that it is too long.
        state.withLock { $0 += bytes.prefix(Limits.resultBytesMax + 1 - $0.count) }
    }

    func outputEnded() async {}
    func ended() {}
}
