import Glibc
import Logging
import PondCore
import Synchronization

/// Asks a program which kinds it has handlers for, and finds out whether it can run jobs at all.
///
/// It is started with `MILLPOND_ASK=kinds` and a closed standard input. One that knows the question writes
/// `{"type":"kinds","kinds":["email.send"]}`; any other ends, as at the end of its worker. Whether one that ended without
/// an answer would have waited for a job is not to be seen from that end, so it is started once more with an open
/// standard input: one that ends then, too, runs no job.
struct KindInquiry {
    /// The variable by which a program is asked.
    static let variable = "MILLPOND_ASK"

    private let world: HandlerWorld

    init(_ world: HandlerWorld) {
        self.world = world
    }

    /// - Returns: nil when it did not say.
    /// - Throws: when it cannot be started, or ends before it was given a job.
    func ask(_ command: String) async throws(BridgeFailure) -> [AnnouncedKind]? {
        let begin = world.clock.now()
        let first = try await hear(command, closingInput: true, within: BridgeLimits.announcementTime)
        if case .kinds(let kinds) = first.heard { return kinds }
        guard case .ended(let ending) = first.heard else { return withoutAnswer("it does not end with its input") }
        if ExitVerdict.isMissingProgram(ending.code) { throw failure(ending, first.errors) }
        let patience = begin.duration(to: world.clock.now()) * 3 + BridgeLimits.waitingTime
        let second = try await hear(command, closingInput: false, within: patience)
        switch second.heard {
        case .kinds(let kinds): return kinds
        case .ended(let ending): throw failure(ending, second.errors)
        case .outlived: return withoutAnswer(ending.text)
        }
    }

    /// Starts the program, and listens until it has spoken or ended, or for so long.
    private func hear(
        _ command: String,
        closingInput: Bool,
        within time: Duration
    ) async throws(BridgeFailure) -> (heard: KindListener.Heard, errors: ErrorLines) {
        let process = ChildProcess(world)
        // What it complains of at its first start, it complains of again.
        if !closingInput { process.errors.belong(to: quiet) }
        let listener = KindListener()
        try await process.start(command, [Self.variable: "kinds"], for: listener)
        if closingInput { process.closeInput() }
        // It has no duty but the time limit, and ends as soon as the program has spoken.
        let watch = Task { try await Self.giveUp(listener, after: time, world.clock) }
        let heard = await listener.heard
        watch.cancel()
        if !closingInput {
            // It does nothing wrong, so it may end as it does at the end of its worker.
            process.closeInput()
            process.stop(termAfter: BridgeLimits.stopGrace)
        } else {
            process.send(SIGKILL)
        }
        let ending = await process.ending
        if case .ended = heard { return (.ended(ending), process.errors) }
        return (heard, process.errors)
    }

    private var quiet: Logger {
        var logger = world.logger
        logger.logLevel = .critical
        return logger
    }

    /// A program that neither answers nor ends is not waited for.
    private static func giveUp(_ listener: KindListener, after time: Duration, _ clock: LocalClock) async throws {
        try await clock.sleep(time)
        listener.giveUp()
    }

    private func failure(_ ending: ChildProcess.Ending, _ errors: ErrorLines) -> BridgeFailure {
        let hint = ending.code == 0 ? " (does its last line run it, as `run()` does in Python?)" : ""
        let said = errors.last.map { ": \($0)" } ?? ""
        var failure = BridgeFailure(.died, "it ended with \(ending.text) before it was given a job\(hint)\(said)")
        failure.details = errors.details
        failure.isForAllJobs = true
        return failure
    }

    private func withoutAnswer(_ end: String) -> [AnnouncedKind]? {
        world.logger.info(
            "the handler does not say which kinds it is for; it gets every kind (give --kind to choose)",
            metadata: ["end": "\(end)"]
        )
        return nil
    }
}

/// Waits for the line that names kinds.
final class KindListener: ChildListener {
    enum Heard: Sendable {
        case kinds([AnnouncedKind])
        /// It ended without it.
        case ended(ChildProcess.Ending)
        /// It did neither in its time.
        case outlived
    }

    private let splitter = Mutex(LineSplitter(lineBytesMax: BridgeLimits.lineBytesMax))
    private let said = Once<Heard>()

    var heard: Heard { get async { await said.value } }

    func giveUp() { said.set(.outlived) }

    func output(_ bytes: [UInt8]) async {
        for line in splitter.withLock({ $0.append(bytes) }) {
            do throws(BridgeFailure) {
                if case .kinds(let kinds) = try ExecMessage.read(line.bytes).message { said.set(.kinds(kinds)) }
            } catch {
                // A greeting of a library, before the program has the word.
                continue
            }
        }
    }

    func outputEnded() async {}
    func ended() { said.set(.ended(ChildProcess.Ending())) }
}
