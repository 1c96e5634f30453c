import Glibc
import Logging
import PondCore
import PondProcess
import Subprocess
import Synchronization
import SystemPackage

/// One child process in a session of its own, from its spawn until nothing of it is left.
///
/// What it started ends with it: when the process ends, its whole group is killed, and what fled into sessions of its own
/// too.
final class ChildProcess: Sendable {
    /// How it ended.
    struct Ending: Sendable {
        /// Nil when a signal ended it.
        var code: Int32?
        var signal: Int32?
        /// CPU time of it and of what it waited for.
        var cpu: Duration?
        /// Whether it still ran when this worker told it to end.
        var wasStopped = false

        var text: String {
            if let code {
                let meaning = ExitVerdict.obstacle(code).map { " (\($0))" } ?? ""
                return "exit code \(code)\(meaning)"
            }
            return signal.map(SignalName.text) ?? "an unknown end"
        }
    }

    private enum Phase {
        case starting
        case running(pid: Int32, send: @Sendable (Signal) -> Void)
        case ended
    }

    private let phase = Mutex(Phase.starting)
    private let wasStopped = Mutex(false)
    private let inputStream: AsyncStream<[UInt8]>
    private let inputFeed: AsyncStream<[UInt8]>.Continuation
    private let world: HandlerWorld
    private let mark: String
    private let end = Once<Ending>()
    /// What it writes to standard error.
    let errors: ErrorLines

    init(_ world: HandlerWorld) {
        self.world = world
        mark = world.nextMark()
        (inputStream, inputFeed) = AsyncStream.makeStream(
            of: [UInt8].self,
            bufferingPolicy: .bufferingOldest(BridgeLimits.unreadMax)
        )
        errors = ErrorLines(world.logger, world.clock)
    }

    /// Starts the command in a shell.
    ///
    /// - Parameters:
    ///   - environment: variables beside those of this process.
    ///   - listener: hears of it until it ends.
    /// - Throws: `BridgeFailure` with the cause `unstartable`.
    func start(
        _ command: String,
        _ environment: [String: String?] = [:],
        for listener: some ChildListener
    ) async throws(BridgeFailure) {
        if let obstacle = SpareDescriptors.obstacle() {
            end.set(Ending())
            throw ChildProcess.unstartable(command, String(cString: strerror(obstacle)))
        }
        let started = Once<BridgeFailure?>()
        // It outlives the job that needed it first; its end is waited for by `ending`.
        Task { await run(configuration(command, environment), command, started, listener) }
        if let failure = await started.value { throw failure }
    }

    /// Passes bytes to its standard input; what it does not read waits.
    ///
    /// - Returns: false when so much waits already that these bytes do not.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        if case .dropped = inputFeed.yield(bytes) { return false }
        return true
    }

    func closeInput() { inputFeed.finish() }

    /// Ends it: SIGTERM after a while, SIGKILL after another; returns at once.
    func stop(termAfter patience: Duration) {
        // Whoever waits for it may be cancelled, and that must not keep it alive.
        Task {
            try await world.clock.sleep(patience)
            // One that has ended by itself by now ended as it wanted.
            if let pid, ChildUsage.isRunningChild(pid) { wasStopped.withLock { $0 = true } }
            send(SIGTERM)
            try await world.clock.sleep(BridgeLimits.stopGrace)
            send(SIGKILL)
        }
    }

    /// Sends a signal to the process and what it started; nothing when it has ended.
    func send(_ signal: Int32) {
        if case .running(_, let send) = phase.withLock(\.self) { send(Signal(rawValue: signal)) }
    }

    /// Its process id while it runs.
    var pid: Int32? {
        if case .running(let pid, _) = phase.withLock(\.self) { return pid }
        return nil
    }

    /// How it ended, as soon as nothing of it is left.
    var ending: Ending { get async { await end.value } }
    var hasEnded: Bool { end.isSet }

    private static let unbufferedPython = "PYTHONUNBUFFERED"

    private func configuration(_ command: String, _ environment: [String: String?]) -> Configuration {
        var options = PlatformOptions()
        options.createSession = true
        var updates: [Environment.Key: String?] = [Environment.Key(stringLiteral: Strays.variable): mark]
        for name in HandlerWorld.workersOwn { updates[Environment.Key(stringLiteral: name)] = .some(nil) }
        // Lines that wait in a buffer look like a program that hangs.
        if getenv(Self.unbufferedPython) == nil { updates[Environment.Key(stringLiteral: Self.unbufferedPython)] = "1" }
        for (name, value) in environment { updates[Environment.Key(stringLiteral: name)] = value }
        return Configuration(
            executable: .path("/bin/sh"),
            arguments: Arguments(["-c", ShellCommand.replacingShell(command)]),
            environment: .inherit.updating(updates),
            platformOptions: options
        )
    }

    private func run(
        _ configuration: Configuration,
        _ command: String,
        _ started: Once<BridgeFailure?>,
        _ listener: any ChildListener
    ) async {
        var ending = Ending()
        do {
            let result = try await Subprocess.run(
                configuration,
                input: .inputWriter,
                output: .sequence,
                error: .sequence
            ) { execution in
                let pid = execution.processIdentifier.value
                phase.withLock { phase in
                    // A process that is ending gets no signal, and needs none.
                    phase = .running(pid: pid) { try? execution.send(signal: $0, toProcessGroup: true) }
                }
                world.guardian.add(pid)
                started.set(nil)
                return await attend(execution, pid, listener)
            }
            ending.cpu = result.closureResult
            ending.wasStopped = wasStopped.withLock(\.self)
            switch result.terminationStatus {
            case .exited(let code): ending.code = code
            case .signaled(let number): ending.signal = number
            }
        } catch {
            if pid == nil {
                started.set(ChildProcess.unstartable(command, "\(error)"))
            } else {
                world.logger.error("watching a handler failed", metadata: ["error": "\(error)"])
            }
        }
        if let pid { world.guardian.remove(pid) }
        phase.withLock { $0 = .ended }
        end.set(ending)
        listener.ended()
    }

    /// Serves its three streams until it ends.
    ///
    /// - Returns: the CPU time that it took.
    private func attend(
        _ execution: Execution<CustomWriteInput, SequenceOutput, SequenceOutput>,
        _ pid: Int32,
        _ listener: any ChildListener
    ) async -> Duration? {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.copyInput(to: execution.standardInputWriter) }
            group.addTask {
                await self.read(execution.standardOutput) { await listener.output($0) }
                await listener.outputEnded()
            }
            group.addTask {
                await self.read(execution.standardError) { self.errors.take($0) }
                self.errors.finish()
            }
            await ProcessEnd.wait(execution.processIdentifier.processDescriptor)
            if wasStopped.withLock(\.self) { await endOfGroup(pid) }
            // It is not reaped yet, so its id is still its own.
            let own = ProcessClock.read(pid)
            let cpu = own.map { $0 + (ChildUsage.children(pid) ?? .zero) }
            send(SIGKILL)
            Strays.kill(mark)
            inputFeed.finish()
            group.cancelAll()
            return cpu
        }
    }

    /// Waits for what it started, which has the same grace: a shell ends at once by the signal that its command still acts on.
    private func endOfGroup(_ pid: Int32) async {
        let deadline = world.clock.now().advanced(by: BridgeLimits.stopGrace)
        while ProcessTable.hasRunning(inGroup: pid), world.clock.now() < deadline {
            do {
                try await world.clock.sleep(BridgeLimits.groupPoll)
            } catch {
                // Nobody cancels this task; if somebody did, what is left would be killed at once.
                return
            }
        }
    }

    private func copyInput(to writer: StandardInputWriter) async {
        do {
            for await bytes in inputStream { _ = try await writer.write(bytes) }
            try await writer.finish()
        } catch {
            // It reads no more: it has ended, or it will be noticed by what it does not answer.
            return
        }
    }

    private func read(
        _ output: SubprocessOutputSequence,
        _ take: ([UInt8]) async -> Void
    ) async {
        var bytesLeft = BridgeLimits.lineBytesMax
        do {
            for try await buffer in output {
                let bytes = buffer.withUnsafeBytes { Array($0) }
                await take(bytes)
                // After its end only what is left in the pipe counts; a stranger that holds the other end may go on.
                if Task.isCancelled { bytesLeft -= bytes.count }
                if bytesLeft <= 0 { return }
            }
        } catch {
            world.logger.error("reading from a handler failed", metadata: ["error": "\(error)"])
        }
    }

    private static func unstartable(_ command: String, _ reason: String) -> BridgeFailure {
        BridgeFailure(.unstartable, "\(SafeLine.quoted(Array(command.utf8))) could not be started: \(reason)")
    }
}

/// Hears of a child process.
protocol ChildListener: Sendable {
    /// It wrote something; until this returns no more is read.
    func output(_ bytes: [UInt8]) async
    /// It closed its standard output; the task is cancelled when it ends.
    func outputEnded() async
    /// Nothing of it is left.
    func ended()
}
