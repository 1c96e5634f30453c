// One worker process, from its spawn to its end. The process is the first of a session and a process group of its
// own, has a clean signal mask and only descriptors 0 to 2. Its standard input is the lifeline: a pipe held open here, so
// that its end tells the worker that this process is gone. The one word ever written to it asks the worker to retire.

import Glibc
import Logging
import PondCore
import Subprocess
import Synchronization
import SystemPackage

/// How to run the worker of one slot.
struct WorkerProcess: Sendable {
    /// What a running worker tells about itself.
    struct Observer: Sendable {
        var spawned: @Sendable (Int32) -> Void
        var ready: @Sendable () -> Void
        var line: @Sendable ([UInt8]) -> Void
    }

    let id: WorkerID
    let command: WorkerCommand
    let handles: WorkerHandles
    let logger: Logger

    /// Starts the worker and returns when it has ended, has been reaped, and its process group is gone.
    ///
    /// Cancelling the task sends SIGTERM twice and kills the group after ``SupervisorLimits/forcedStopGrace``.
    func run(_ observer: Observer) async -> WorkerExit {
        var hasStarted = false
        do {
            try Descriptors.requireHeadroom()
            let result = try await Subprocess.run(
                configuration(),
                input: .inputWriter,
                output: .sequence,
                error: .currentStandardError
            ) { execution in
                hasStarted = true
                handles.add(
                    id,
                    send: { signal, toGroup in try execution.send(signal: signal, toProcessGroup: toGroup) },
                    write: { line in _ = try await execution.standardInputWriter.write(Array(line.utf8)) }
                )
                observer.spawned(execution.processIdentifier.value)
                await watch(execution, observer)
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

    /// Stays until the process has ended: returning would close the lifeline.
    private func watch(
        _ execution: Execution<CustomWriteInput, SequenceOutput, FileDescriptorOutput>,
        _ observer: Observer
    ) async {
        await withTaskGroup { group in
            group.addTask { await readLines(execution.standardOutput, observer) }
            await execution.waitForExit()
            do {
                // What the worker started ends with it: nobody would watch it any more, and a half-done job must
                // not go on beside its second run. The leader is not reaped yet, so the group's id is still its own.
                try execution.send(signal: .kill, toProcessGroup: true)
            } catch {
                logger.error("could not end the process group of a worker", metadata: ["error": "\(error)"])
            }
            // From here on the reader takes what is left in the pipe, and no more.
            group.cancelAll()
        }
    }

    private func readLines(_ output: SubprocessOutputSequence, _ observer: Observer) async {
        var splitter = LineSplitter(lineBytesMax: SupervisorLimits.lineBytesMax)
        var bytesLeft = SupervisorLimits.lineBytesMax
        func pass(_ line: LineSplitter.Line) {
            if line.isWhole, line.bytes.elementsEqual(WorkerEnvironment.readyLine.utf8) {
                observer.ready()
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

extension Execution {
    /// Waits until the process has ended, also when its output was closed long before; it is not reaped yet.
    fileprivate func waitForExit() async {
        // The library has no call for this, but a teardown returns as soon as the process ends: one that begins
        // with nothing, for thirty years.
        await teardown(using: [.send(signal: .none, allowedDurationToNextStep: .seconds(1_000_000_000))])
    }
}

extension WorkerExit {
    fileprivate init(_ status: TerminationStatus) {
        switch status {
        case .exited(let code): self = .exited(code)
        case .signaled(let number): self = .signaled(number)
        }
    }
}
