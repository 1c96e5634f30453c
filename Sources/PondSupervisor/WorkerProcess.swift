// One worker process, from its spawn to its end. The process is the first of a session and a process group of its
// own, has a clean signal mask and only descriptors 0 to 2. Its standard input is the lifeline: a pipe held open here, so
// that its end tells the worker that this process is gone. The one word ever written to it asks the worker to retire. Where
// the start command is a script, the worker is a process behind it: see `WorkerTarget`.

import Glibc
import Logging
import PondCore
import PondProcess
import Subprocess
import Synchronization
import SystemPackage

/// How to run the worker of one slot.
struct WorkerProcess: Sendable {
    /// What a running worker tells about itself.
    struct Observer: Sendable {
        var spawned: @Sendable (Int32) -> Void
        /// With the process of the worker, when it is another than the one that was spawned.
        var ready: @Sendable (_ worker: Int32?) -> Void
        /// What was spawned has ended unasked, and the worker behind it goes on.
        var abandoned: @Sendable () -> Void
        var line: @Sendable ([UInt8]) -> Void
    }

    let id: WorkerID
    let command: WorkerCommand
    let handles: WorkerHandles
    let clock: LocalClock
    let logger: Logger

    /// Starts the worker and returns when it has ended, has been reaped, and its process group is gone.
    ///
    /// Cancelling the task sends SIGTERM twice and kills the group after ``SupervisorLimits/forcedStopGrace``.
    func run(_ observer: Observer) async -> WorkerExit {
        var hasStarted = false
        let target = WorkerTarget(id)
        do {
            try Descriptors.requireHeadroom()
            let result = try await Subprocess.run(
                configuration(),
                input: .inputWriter,
                output: .sequence,
                error: .currentStandardError
            ) { execution in
                hasStarted = true
                target.started(execution.processIdentifier.value)
                handles.add(
                    id,
                    send: { signal, toGroup in
                        try target.send(signal.rawValue, toGroup: toGroup) { signal, toGroup in
                            try execution.send(signal: Signal(rawValue: signal), toProcessGroup: toGroup)
                        }
                    },
                    write: { line in
                        target.retiring()
                        _ = try await execution.standardInputWriter.write(Array(line.utf8))
                    }
                )
                observer.spawned(execution.processIdentifier.value)
                await watch(execution, target, observer)
                handles.remove(id)
            }
            return WorkerExit(result.terminationStatus)
        } catch {
            return hasStarted ? .unknown(reason: "\(error)") : .failedToStart(reason: command.failureReason(error))
        }
    }

    private func configuration() -> Configuration {
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [
            .send(signal: .terminate, allowedDurationToNextStep: SupervisorLimits.stopSignalGap),
            .send(signal: .terminate, allowedDurationToNextStep: SupervisorLimits.forcedStopGrace),
            // The kill that follows the last step goes where the last step went: to the whole group.
            .send(signal: .none, toProcessGroup: true, allowedDurationToNextStep: .zero),
        ]
        let own = [
            WorkerEnvironment.lifeline: "stdin",
            WorkerEnvironment.ready: "stdout",
            WorkerEnvironment.readyPID: "yes",
            WorkerEnvironment.supervisorPID: "\(getpid())",
            WorkerEnvironment.slot: "\(id.slot)",
        ]
        var environment: [Environment.Key: String?] = [:]
        for (name, value) in command.environment.merging(command.fleet.merging(own) { $1 }, uniquingKeysWith: { $1 }) {
            environment[Environment.Key(stringLiteral: name)] = value
        }
        // Removed where there is none: the pipe of this supervisor's own supervisor, say, is not for its workers.
        environment[Environment.Key(stringLiteral: WorkerEnvironment.metrics)] = .some(command.metrics)
        return Configuration(
            executable: command.executable.contains("/")
                ? .path(FilePath(command.executable)) : .name(command.executable),
            arguments: Arguments(command.arguments),
            environment: .inherit.updating(environment),
            workingDirectory: command.workingDirectory.map { FilePath($0) },
            platformOptions: options
        )
    }

    /// Stays until the process has ended, and the worker behind it: returning would close the lifeline.
    private func watch(
        _ execution: Execution<CustomWriteInput, SequenceOutput, FileDescriptorOutput>,
        _ target: WorkerTarget,
        _ observer: Observer
    ) async {
        await withTaskGroup { group in
            group.addTask { await readLines(execution.standardOutput, target, observer) }
            group.addTask {
                // The worker has drained, and its script does not end: it goes on to something else, or begins anew.
                guard await target.waitForWorkerBeforeScript(clock) else { return }
                signal(execution, .terminate, toGroup: false)
            }
            await ProcessEnd.wait(execution.processIdentifier.processDescriptor)
            target.leaderEnded()
            await drain(target, execution, observer)
            // What the worker started ends with it: nobody would watch it any more, and a half-done job must
            // not go on beside its second run. The leader is not reaped yet, so the group's id is still its own.
            signal(execution, .kill, toGroup: true)
            // From here on the reader takes what is left in the pipe, and no more.
            group.cancelAll()
        }
    }

    /// Lets the worker behind a script drain that is gone; who takes too long is killed by the fleet.
    private func drain(
        _ target: WorkerTarget,
        _ execution: Execution<CustomWriteInput, SequenceOutput, FileDescriptorOutput>,
        _ observer: Observer
    ) async {
        switch target.rest {
        case .nothing: return
        case .worker(isTold: true): break
        case .worker(isTold: false): observer.abandoned()
        case .group(_, let told): signal(execution, Signal(rawValue: told), toGroup: true)
        }
        await target.waitForRest(clock)
    }

    private func signal(
        _ execution: Execution<CustomWriteInput, SequenceOutput, FileDescriptorOutput>,
        _ signal: Signal,
        toGroup: Bool
    ) {
        do {
            try execution.send(signal: signal, toProcessGroup: toGroup)
        } catch {
            logger.error(
                "a worker's start command could not be signalled",
                metadata: ["signal": "\(signal.rawValue)", "group": "\(toGroup)", "error": "\(error)"]
            )
        }
    }

    private func readLines(
        _ output: SubprocessOutputSequence,
        _ target: WorkerTarget,
        _ observer: Observer
    ) async {
        var splitter = LineSplitter(lineBytesMax: SupervisorLimits.lineBytesMax)
        var bytesLeft = SupervisorLimits.lineBytesMax
        func pass(_ line: LineSplitter.Line) {
            if line.isWhole, let ready = ReadyLine(line.bytes) {
                observer.ready(target.ready(ready.pid))
            } else {
                observer.line(line.bytes)
            }
        }
        do {
            for try await buffer in output {
                let lines = buffer.withUnsafeBytes { splitter.append($0) }
                lines.forEach(pass)
                // A descendant in a session of its own may hold the pipe and write for ever.
                if Task.isCancelled { bytesLeft -= buffer.count }
                if bytesLeft <= 0 { break }
            }
        } catch {
            logger.error("reading a worker's output failed", metadata: ["slot": "\(id.slot)", "error": "\(error)"])
        }
        if let last = splitter.finish() { pass(last) }
    }
}

extension Signal {
    /// The null signal: checks that the process exists and does nothing to it.
    fileprivate static let none = Signal(rawValue: 0)
}

extension WorkerExit {
    fileprivate init(_ status: TerminationStatus) {
        switch status {
        case .exited(let code): self = .exited(code)
        case .signaled(let number): self = .signaled(number)
        }
    }
}
