// Says why a program could not be started, in words that name the path, the cause and the next step. The library
// below reports a missing file, a directory and a missing execute bit alike, so the path is looked at again here.

import Glibc
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
        guard executable.contains("/") else {
            return "\(executable): no directory of PATH holds such a program; name its full path"
        }
        let path = FilePath(workingDirectory ?? "").pushing(FilePath(executable)).string
        var status = stat()
        guard stat(path, &status) == 0 else { return "\(path): \(Self.explain(Errno(rawValue: errno)))" }
        if status.st_mode & S_IFMT == S_IFDIR { return "\(path): is a directory, not a program" }
        if access(path, X_OK) != 0 { return "\(path): is not executable; try chmod +x" }
        return "\(path): the program that its first line (#!) or its loader names is missing"
    }

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
