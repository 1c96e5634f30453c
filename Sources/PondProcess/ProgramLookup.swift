import Glibc

/// Whether a program can be started, looked up as the system would.
package enum ProgramLookup {
    /// Why it cannot, with what to do; nil when nothing speaks against it.
    ///
    /// - Parameters:
    ///   - name: a path when it contains a slash, else a name that is looked up in `PATH`.
    ///   - directory: where a relative path begins; the own directory when nil.
    package static func obstacle(
        _ name: String,
        in directory: String? = nil,
        path: String? = getenv("PATH").map { String(cString: $0) }
    ) -> String? {
        guard !name.isEmpty else { return "no program is named" }
        guard !name.contains("/") else {
            let base = name.hasPrefix("/") ? "" : directory.map { $0 + "/" } ?? ""
            return fileObstacle(base + name)
        }
        let folders = (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":", omittingEmptySubsequences: false)
        var reason: String?
        for folder in folders {
            let file = (folder.isEmpty ? "." : String(folder)) + "/" + name
            guard access(file, F_OK) == 0 else { continue }
            guard let problem = fileObstacle(file) else { return nil }
            reason = reason ?? problem
        }
        return reason ?? "\(name): no directory of PATH holds such a program; name its full path"
    }

    /// The same for a file.
    private static func fileObstacle(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let hint = errno == ENOENT ? "; check the path" : ""
            return "\(path): \(String(cString: strerror(errno)))\(hint)"
        }
        if status.st_mode & S_IFMT == S_IFDIR { return "\(path): is a directory, not a program" }
        if access(path, X_OK) != 0 { return "\(path): is not executable; try chmod +x" }
        return nil
    }
}
