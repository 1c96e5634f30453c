public import Logging
public import PondCore
public import PondWorker

/// Runs jobs in long-lived programs that read a line for each job and write lines back.
public final class ExecBridge: Bridge {
    private let world: HandlerWorld
    private let pool: ExecPool
    private let command: String
    private let complaints: Complaints

    /// - Parameters:
    ///   - command: what `/bin/sh -c` runs, once a slot, when the slot has its first job.
    ///   - slots: how many jobs may be under way at a time.
    /// - Throws: `PondError.invalidConfiguration`, when this process may not have so many files open.
    public init(_ command: String, slots: Int, logger: Logger, clock: LocalClock = .system) throws(PondError) {
        try OpenFiles.allow(handlers: slots)
        world = HandlerWorld(logger, clock)
        pool = ExecPool(command, world)
        self.command = command
        complaints = Complaints(logger)
    }

    /// Has the job run by a program that waits for one, or by a new one.
    public func run(_ job: JobContext) async throws {
        let child = try await pool.take(for: job)
        let answer: ToldAnswer
        do {
            answer = try await child.run(job)
        } catch {
            // What the worker itself stopped is no fault of the program.
            if !Task.isCancelled, !child.isStopped || error is BridgeFailure { pool.noteFault() }
            if let failure = error as? BridgeFailure, failure.isForAllJobs {
                complaints.say(failure.cause.rawValue, failure.text)
            }
            throw error
        }
        complaints.clear()
        if child.isUsable { pool.put(child) } else { await child.retire() }
        try job.end(as: answer)
    }

    /// Asks the program for the kinds that it has handlers for: starts it once without any job, to be told.
    ///
    /// - Returns: nil when it does not say.
    /// - Throws: when it cannot be started, or ends before it was given a job: then it can run none.
    public func announcedKinds() async throws(BridgeFailure) -> [AnnouncedKind]? {
        try await KindInquiry(world).ask(command)
    }

    /// Ends the programs that wait: their standard input first, and force when that does not do.
    public func close() async {
        await pool.close()
        await world.guardian.end()
    }
}

extension JobContext {
    /// Turns the answer of a program into what a handler returns or throws.
    func end(as told: ToldAnswer) throws {
        switch told.answer {
        case .done where told.suspension != nil && !isUndoing:
            throw ProgramAnswer(text: Self.suspensionCaught)
        case .suspended: if let suspension = told.suspension { throw suspension }
        case .fail where told.exhausted != nil: if let exhausted = told.exhausted { throw exhausted }
        case .done(let result, let time, let dropped):
            if let dropped { logger.warning("the result is not kept", metadata: ["why": "\(dropped)"]) }
            if let result { leaveIfPossible(result, keptFor: time) }
        case .retry(let after, let error, let rootCause, _):
            // It was told that it would wait too long, and goes on later; that is no failure.
            if let reached = told.limitReached { throw reached }
            throw ProgramAnswer(text: error, rootCause: rootCause, retryAfter: after, details: told.details)
        case .fail(let error, let cause, let rootCause, _):
            let cause = Cause(CauseName.made(from: cause))
            throw ProgramAnswer(text: error, cause: cause, rootCause: rootCause, details: told.details)
        }
    }

    private static var suspensionCaught: String {
        "the handler went on though its saga waits: it caught what a step raises to unwind it. In Python catch Exception at "
            + "most, never BaseException or everything; elsewhere throw on what the helper throws as Suspended"
    }

    /// Leaves a result; one that is too long must not undo work that is done.
    func leaveIfPossible(_ result: [UInt8], keptFor time: Duration? = nil) {
        do throws(PondError) {
            try leave(result: result, keptFor: time)
        } catch {
            logger.warning("the result is not kept", metadata: ["why": "\(error.message)"])
        }
    }
}
