// Says why a program could not be started, in words that name the path, the cause and the next step. The library
// below reports a missing file, a directory and a missing execute bit alike, so the path is looked at again here.

import Glibc
import PondProcess
import Subprocess
import SystemPackage

extension WorkerCommand {
    /// Why `error` kept this command from starting.
    func failureReason(_ error: any Error) -> String {
        guard let error = error as? SubprocessError else {
            return "\(executable): \((error as? Errno).map(Self.explain) ?? "\(error)")"
        }
        if error.code == .executableNotFound { return missingReason() }
        let cause = error.underlyingError.map(Self.explain)
        if error.code == .failedToChangeWorkingDirectory {
            return "working directory \(workingDirectory ?? "?"): \(cause ?? "cannot be entered")"
        }
        return "\(executable): \(cause ?? error.description)"
    }

    private func missingReason() -> String {
        obstacle ?? "\(executable): the program that its first line (#!) or its loader names is missing"
    }

    /// Why the program cannot be started, with what to do, as far as that can be seen before it is tried; nil when nothing
    /// speaks against it.
    package var obstacle: String? {
        ProgramLookup.obstacle(executable, in: workingDirectory, path: environment["PATH"] ?? Self.ownPath)
    }

    private static var ownPath: String? { getenv("PATH").map { String(cString: $0) } }

    private static func explain(_ errno: Errno) -> String {
        let hint: String? =
            switch errno {
            case .tooManyOpenFiles: "raise the limit with ulimit -n"
            case .tooManyOpenFilesInSystem: "the whole system has no file left"
            case .resourceTemporarilyUnavailable: "the limit of processes (ulimit -u, or the cgroup's) is reached"
            case .noMemory: "the system has no memory left"
            case .execFormatError: "it is neither a program for this machine nor a script with a #! line"
            case .argListTooLong: "its arguments and environment are too long"
            case .noSuchFileOrDirectory: "check the path"
            default: nil
            }
        return "\(errno)" + (hint.map { "; \($0)" } ?? "")
    }
}
