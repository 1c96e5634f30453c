import Glibc
import Logging
import PondCore
import PondProcess
import PondQueue
import PondWorker
import Synchronization

/// A handler program that runs one job after the other.
final class ExecChild: Sendable {
    private struct State {
        var splitter = LineSplitter(lineBytesMax: BridgeLimits.lineBytesMax)
        /// Why it was killed, when it was.
        var fault: BridgeFailure?
        /// The rest of a line that was too long is still to come, so it gets no further job.
        var isMidLine = false
        /// It closed its standard output, so it ends, or has to.
        var hasClosedOutput = false
        /// What children of it that have ended took up to the last job's end.
        var childrenCPU = Duration.zero
        /// What came on standard output since its job began, and whether the last of it has no line end.
        var bytesOfJob = 0
        var endsInLine = false
        /// It has named a job in an answer, so an answer that names none is not from the same hand.
        var namesJobs = false

        /// What a program may have forgotten that was heard nothing of.
        var silence: String? {
            if bytesOfJob == 0 {
                return "nothing came on its standard output since the job began: does it flush after each line?"
            }
            return endsInLine ? "the last that it wrote has no line end" : nil
        }
    }

    private let process: ChildProcess
    private let mailbox = LineMailbox()
    private let logger: Logger
    private let clock: LocalClock
    private let state = Mutex(State())

    init(_ world: HandlerWorld) {
        process = ChildProcess(world)
        logger = world.logger
        clock = world.clock
    }

    func start(_ command: String) async throws(BridgeFailure) { try await process.start(command, for: self) }

    /// Whether another job may be given to it.
    var isUsable: Bool {
        // One that answered and then ended must not get the next job, before its end is known by other ways too.
        state.withLock { $0.fault == nil && !$0.hasClosedOutput && !$0.isMidLine }
            && process.pid.map(ChildUsage.isRunningChild) ?? false
    }

    /// Has it run a job.
    ///
    /// - Returns: its answer; then it is ready for the next one.
    /// - Throws: `BridgeFailure`, or what the job's context throws; then nothing of the process is left.
    func run(_ job: JobContext) async throws -> ToldAnswer {
        process.errors.belong(to: job.logger)
        state.withLock { ($0.bytesOfJob, $0.endsInLine) = (0, false) }
        mailbox.open()
        let began = clock.now()
        let before = process.pid.flatMap { ProcessClock.read($0) }
        do {
            try tell(ExecRequest.job(job))
            let talk = ExecTalk(self, job)
            let answer = try await withTaskCancellationHandler {
                try await talk.run()
            } onCancel: {
                self.stop(job.id)
            }
            if let before { charge(job, since: before, after: began.duration(to: clock.now())) }
            var told = told(answer, talk.suspension)
            told.limitReached = talk.limitReached
            told.exhausted = talk.exhausted(answer)
            return told
        } catch {
            guard let failure = error as? BridgeFailure else {
                await end(as: BridgeFailure(.stopped, "its job was stopped"))
                throw error
            }
            throw await end(as: failure)
        }
    }

    /// Says in the log what an answer brings with it.
    private func told(_ answer: ExecMessage.Answer, _ suspension: Suspended?) -> ToldAnswer {
        switch answer {
        case .retry(_, _, _, let trace?), .fail(_, _, _, let trace?):
            process.errors.take(lines: trace)
            return ToldAnswer(answer: answer, details: SafeLine.tail(of: trace))
        case .done, .suspended: return ToldAnswer(answer: answer, suspension: suspension)
        case .retry, .fail: return ToldAnswer(answer: answer, details: process.errors.details)
        }
    }

    /// Ends it: closed standard input first, and force when that does not do.
    func retire() async {
        process.errors.belong(to: logger)
        process.closeInput()
        if isUsable { process.stop(termAfter: BridgeLimits.farewell / 2) } else { process.send(SIGKILL) }
        _ = await process.ending
    }

    /// Tells it to stop, and ends it when it does not; it is replaced in any case.
    func stop(_ id: JobID) {
        var failure = BridgeFailure(.stopped, "it was told to stop and did not answer")
        failure.stopNote = state.withLock(\.silence)
        failure.silenceNote = "it sends one by `job.heartbeat()` in Python, by {\"type\":\"heartbeat\"} else"
        guard blame(failure) else { return }
        process.write(ExecRequest.cancel(id))
        process.stop(termAfter: BridgeLimits.stopGrace)
    }

    /// Whether this worker told it to stop.
    var isStopped: Bool { state.withLock { $0.fault?.cause == .stopped } }

    /// The next line that it writes, nil when it writes none any more.
    func nextLine() async -> [UInt8]? { await mailbox.next() }

    /// Nothing more is expected of it.
    ///
    /// - Throws: `BridgeFailure`, when it wrote more.
    func hangUp() throws(BridgeFailure) {
        guard mailbox.close() else { throw BridgeFailure(.unasked, "it wrote more after its answer") }
    }

    /// - Throws: `BridgeFailure`, when it reads nothing.
    func tell(_ line: [UInt8]) throws(BridgeFailure) {
        guard process.write(line) else {
            throw BridgeFailure(.deaf, "it left \(BridgeLimits.unreadMax) answers unread")
        }
    }

    /// An answer that names no job, from one that has named it before.
    func isOdd(answerWith id: String?) -> Bool {
        state.withLock { state in
            state.namesJobs = state.namesJobs || id != nil
            return state.namesJobs && id == nil
        }
    }

    /// What the attempt took in CPU time, by the kernel's account.
    private func charge(_ job: JobContext, since before: Duration, after run: Duration) {
        guard let pid = process.pid, let now = ProcessClock.read(pid) else { return }
        var cpu = now - before
        // No child of its own begins and ends in less.
        if run > .milliseconds(5), let children = ChildUsage.children(pid) {
            state.withLock { state in
                cpu += max(.zero, children - state.childrenCPU)
                state.childrenCPU = children
            }
        }
        // What is over the budget is judged with the attempt's end; an answer that was given counts.
        try? job.spend(cpu: cpu)
    }

    /// Waits until nothing of it is left.
    ///
    /// - Returns: what was held against it first.
    @discardableResult
    private func end(as failure: BridgeFailure) async -> BridgeFailure {
        // First, or what it writes meanwhile would be held against it.
        _ = blame(failure)
        mailbox.close()
        process.send(SIGKILL)
        _ = await process.ending
        return state.withLock(\.fault) ?? failure
    }

    /// How it ended, which is soon when it writes no more.
    func obituary() async -> BridgeFailure {
        let ending = await process.ending
        let last = process.errors.last.map { "; the last it wrote on standard error is: \($0)" } ?? ""
        let unfinished =
            state.withLock(\.endsInLine)
            ? "; its last line has no end: write a newline behind each message, and flush" : ""
        let text = "it ended with \(ending.text) before it had answered\(unfinished)\(last)"
        var failure = BridgeFailure(.died, text)
        failure.details = process.errors.details
        failure.isForAllJobs = ExitVerdict.isMissingProgram(ending.code)
        return failure
    }

    /// - Returns: whether it is the first thing that is held against it.
    private func blame(_ failure: BridgeFailure) -> Bool {
        state.withLock { state in
            defer { state.fault = state.fault ?? failure }
            return state.fault == nil
        }
    }

    /// Kills it for a fault; who waits for its answer hears why.
    private func kill(because failure: BridgeFailure) {
        guard blame(failure) else { return }
        logger.warning(
            "a handler is killed",
            metadata: ["cause": "\(failure.cause.rawValue)", "why": "\(failure.text)"]
        )
        process.send(SIGKILL)
    }
}

/// An answer, and what stands beside it in the job's error.
struct ToldAnswer: Sendable {
    var answer: ExecMessage.Answer
    /// A traceback, or the last lines of standard error.
    var details = ""
    /// Why the handler had to unwind, when it had to.
    var suspension: Suspended?
    /// The limit that had no room for it, when it was told so.
    var limitReached: LimitReached?
    /// Why it was granted nothing of its intent's budget, when it let that through.
    var exhausted: BudgetExhausted?
}

extension ExecChild: ChildListener {
    func output(_ bytes: [UInt8]) async {
        let (lines, isMidLine) = state.withLock { state in
            state.bytesOfJob += bytes.count
            state.endsInLine = bytes.last != UInt8(ascii: "\n")
            return (state.splitter.append(bytes), state.isMidLine)
        }
        // Nothing after a line that was cut is read.
        if isMidLine { return }
        for line in lines {
            guard line.isWhole else { return await takeStart(ofLong: line.bytes) }
            if await !mailbox.put(line.bytes), isUsable, !ExecMessage.isUnasked(line.bytes) {
                let text = "it wrote although nothing was asked: \(SafeLine.quoted(line.bytes))"
                kill(because: BridgeFailure(.unasked, text))
            }
        }
    }

    /// A line is too long: the answer that it begins with counts, any other end is one that each further try would come to.
    private func takeStart(ofLong line: [UInt8]) async {
        if let answer = ExecMessage.cutAnswer(line) {
            state.withLock { $0.isMidLine = true }
            if await mailbox.put(answer) { return }
        }
        var failure = BridgeFailure(.lineTooLong, "it wrote a line of more than \(BridgeLimits.lineBytesMax) bytes")
        failure.isFinal = true
        kill(because: failure)
    }

    func outputEnded() async {
        state.withLock { $0.hasClosedOutput = true }
        do {
            try await clock.sleep(BridgeLimits.closedOutputGrace)
            // On a busy machine the news of its end may take longer.
            guard process.pid.map(ChildUsage.isRunning) ?? false else { return }
            kill(because: BridgeFailure(.closedOutput, "it closed its standard output and did not end"))
        } catch {
            // It has ended, as it should.
            return
        }
    }

    func ended() { mailbox.end() }
}
