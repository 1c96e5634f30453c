import Glibc
import Logging
import PondCore
import Synchronization

/// Asks a program which kinds it has handlers for.
///
/// It is started with `MILLPOND_ASK=kinds` and a closed standard input. One that knows the question writes
/// `{"type":"kinds","kinds":["email.send"]}`; any other ends, as at the end of its worker.
struct KindInquiry {
    /// The variable by which a program is asked.
    static let variable = "MILLPOND_ASK"

    private let world: HandlerWorld
    private let complaints: Complaints

    init(_ world: HandlerWorld, _ complaints: Complaints) {
        self.world = world
        self.complaints = complaints
    }

    /// - Returns: nil when it did not say.
    func ask(_ command: String) async -> [AnnouncedKind]? {
        let process = ChildProcess(world)
        let listener = KindListener()
        do throws(BridgeFailure) {
            try await process.start(command, [Self.variable: "kinds"], for: listener)
        } catch {
            // The first job says so too, with its id.
            return nil
        }
        process.closeInput()
        // It has no duty but the time limit, and ends as soon as the program has spoken.
        let watch = Task { try await Self.end(process, after: BridgeLimits.announcementTime, world.clock) }
        let kinds = await listener.kinds
        watch.cancel()
        process.send(SIGKILL)
        let ending = await process.ending
        if kinds == nil { note(ending, process.errors.last) }
        return kinds
    }

    /// A program that neither answers nor ends is not waited for.
    private static func end(_ process: ChildProcess, after time: Duration, _ clock: LocalClock) async throws {
        try await clock.sleep(time)
        process.send(SIGKILL)
    }

    private func note(_ ending: ChildProcess.Ending, _ last: String?) {
        let said = last.map { ": \($0)" } ?? ""
        if ExitJudgement.isMissingProgram(ending.code) {
            return complaints.say(BridgeFailure.Cause.died.rawValue, "it ended with \(ending.text)\(said)")
        }
        // One that ends badly without a job will hardly do better with one.
        world.logger.log(
            level: ending.code == 0 ? .info : .warning,
            "the handler does not say which kinds it is for; it gets every kind (give --kind to choose)",
            metadata: ["end": "\(ending.text)\(said)"]
        )
    }
}

/// Waits for the line that names kinds; nil when the program ends without one.
private final class KindListener: ChildListener {
    private let splitter = Mutex(LineSplitter(lineBytesMax: BridgeLimits.lineBytesMax))
    private let said = Once<[AnnouncedKind]?>()

    var kinds: [AnnouncedKind]? { get async { await said.value } }

    func output(_ bytes: [UInt8]) async {
        for line in splitter.withLock({ $0.append(bytes) }) {
            do throws(BridgeFailure) {
                if case .kinds(let kinds) = try ExecMessage.read(line.bytes).message { said.set(kinds) }
            } catch {
                // A greeting of a library, before the program has the word.
                continue
            }
        }
    }

    func outputEnded() async {}
    func ended() { said.set(nil) }
}
